#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What lists in trouble do to 1,000 good clients and 50 listed ones, with the real postscreen beside.

Of two lists one goes bad while it is in use; either would be enough to refuse a client. In every
outage fendmail must refuse no good client, and each one that the list left knows.
"""

import asyncio
import collections
import contextlib
import dataclasses
import re
import shutil
import socket
import statistics
import sys
import time
import unittest
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main, make_directory
from fendmail_test.differential.configs import Config
from fendmail_test.differential.servers import BACKUP4, FENDMAIL, POSTSCREEN, Postscreens
from fendmail_test.dns_server import LISTED, DnsServer, Mood, Zone
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.network import LOOPBACK4, to_text
from fendmail_test.private_network import add_address, enter_private_network, use_resolver

NAME_SERVER = ("127.0.0.54", 53)
GOOD_CLIENTS = 1000
LISTED_CLIENTS = 50
AT_ONCE = 50  # of each side in each outage
SLOW = 60.0  # for one client, on a machine that has other things to do
ERROR_CODE = "127.255.255.254"
# It is known to the list that goes bad, which shows that the list is in use.
BOT = "127.99.0.1"
# Of a good client: how long it took to say so.
SCREENING = re.compile(r" SUMMARY \[127\.97\..* screening=([\d.]+) ")

COMMON_CF = """\
inet_interfaces = 127.0.0.1, 127.0.0.2
smtpd_tls_security_level = none
postscreen_access_list =
postscreen_pre_queue_limit = 5000
postscreen_post_queue_limit = 5000
postscreen_dnsbl_action = drop
postscreen_dnsbl_threshold = 2
"""
# Without a banner there is no pregreet test: all that clients wait for is lists.
ONLY_LISTS = "postscreen_greet_wait = 2s\npostscreen_greet_banner =\n"


class Outcome:
    """What became of some clients, and how long each took to learn it."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.passed = 0
        self.others: collections.Counter[str] = collections.Counter()
        self.seconds: list[float] = []

    def add(self, client: str, reply: str, seconds: float) -> None:
        self.seconds.append(seconds)
        if reply.startswith("521 5.7.1 "):
            self.refused.append(client)
        elif reply.startswith("220 "):
            self.passed += 1
        else:
            self.others[reply] += 1

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


@dataclasses.dataclass(frozen=True)
class Outage:
    """One way in which a list goes bad; the zone is honest until `begins`."""

    name: str
    begins: Callable[[Zone, DnsServer], None]
    # Whether the resolver does it, which is then fendmail's for the bad list alone.
    of_resolver: bool = False
    has_timeouts: bool = False


def _answers(*addresses: str) -> Callable[[Zone, DnsServer], None]:
    def begins(zone: Zone, _: DnsServer) -> None:
        zone.always = list(addresses)

    return begins


def _lists_127_0_0_1(zone: Zone, _: DnsServer) -> None:
    zone.listed["127.0.0.1"] = [LISTED]


def _is(mood: Mood) -> Callable[[Zone, DnsServer], None]:
    def begins(zone: Zone, _: DnsServer) -> None:
        zone.mood = mood

    return begins


def _rewrites(address: str) -> Callable[[Zone, DnsServer], None]:
    def begins(_: Zone, resolver: DnsServer) -> None:
        resolver.rewrites_to = address

    return begins


OUTAGES = [
    Outage("answers 127.255.255.254", _answers(ERROR_CODE)),
    Outage("lists the world", _answers(LISTED)),
    Outage("lists 127.0.0.1", _lists_127_0_0_1),
    Outage("NXDOMAIN becomes 10.0.0.1", _rewrites("10.0.0.1"), of_resolver=True),
    Outage("NXDOMAIN becomes 127.0.0.2", _rewrites(LISTED), of_resolver=True),
    Outage("SERVFAIL", _is(Mood.SERVFAIL)),
    Outage("truncated, then TCP", _is(Mood.TRUNCATED)),
    Outage("garbage", _is(Mood.GARBAGE), has_timeouts=True),
    Outage("timeouts", _is(Mood.SILENT), has_timeouts=True),
    Outage("wrong id", _is(Mood.WRONG_ID), has_timeouts=True),
    Outage("wrong question", _is(Mood.WRONG_QUESTION), has_timeouts=True),
]


def clients(count: int, second: int) -> list[str]:
    return [f"127.{second}.{n // 250 + 1}.{n % 250 + 1}" for n in range(count)]


async def visit(server: tuple[str, int], client: str, outcome: Outcome) -> None:
    """Connects and reads the greeting, which says it all: a listed client is dropped."""
    loop = asyncio.get_running_loop()
    begun = time.monotonic()
    with socket.socket() as connection:
        connection.setblocking(False)
        connection.bind((client, 0))
        await loop.sock_connect(connection, server)
        text = b""
        while not text.endswith(b"\n") or text.splitlines()[-1][3:4] == b"-":
            got = await loop.sock_recv(connection, 4096)
            if not got:
                break
            text += got
        seconds = time.monotonic() - begun
        last = text.decode("ascii").splitlines()[-1] if text else "nothing"
        outcome.add(client, last, seconds)
        if last.startswith("220 "):
            with contextlib.suppress(OSError):
                await loop.sock_sendall(connection, b"QUIT\r\n")
                await loop.sock_recv(connection, 4096)


async def visit_all(server: tuple[str, int], who: Sequence[str]) -> Outcome:
    """All of them, so many at once."""
    outcome = Outcome()
    waiting = iter(who)

    async def visitor() -> None:
        for client in waiting:
            async with asyncio.timeout(SLOW):
                await visit(server, client, outcome)

    await asyncio.gather(*(visitor() for _ in range(AT_ONCE)))
    return outcome


class BesideCase(FendmailCase):
    """Both sides, with one configuration of each for each thing to be seen."""

    place: FendmailCase  # whose directories are those of the class
    dns: DnsServer
    postscreens: Postscreens

    @classmethod
    def start_both(cls, names: Sequence[str], main_cf: Callable[[int], str]) -> list[Config]:
        """A Postfix with a postscreen and two hand-off services for each name."""
        cls.place = cls()
        cls.addClassCleanup(cls.place.remove_directories)
        cls.dns = cls.enterClassContext(DnsServer(NAME_SERVER))
        configs = [
            Config(f"c{number}", number, name, frozenset(), False, "many", main_cf(number))
            for number, name in enumerate(names)
        ]
        cls.postscreens = cls.enterClassContext(Postscreens(COMMON_CF, configs))
        cls.postscreens.warm_up(configs)
        return configs

    @classmethod
    def start_one(cls, config: Config, *settings: Settings) -> Fendmail:
        backend = cls.postscreens.pass_service(FENDMAIL, config)
        common: Settings = {
            "backend": {"kind": "postfix-pass", "address": f"unix:{backend}"},
            "limits": {"handing_off": 5000},
            "dnsbl": {
                "resolvers": [to_text(NAME_SERVER)],
                "threshold": 2,
                "action": "drop",
                "timeout": "2s",
            },
        }
        return cls.enterClassContext(Fendmail(cls.place.directory("run"), common, *settings))


@dataclasses.dataclass
class Seen:
    """One side in one outage."""

    before: Outcome
    good: Outcome
    listed: Outcome


class Outages(BesideCase):
    seen: dict[tuple[str, str], Seen]
    screening_seconds: dict[str, list[float]]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        configs = cls.start_both(
            [outage.name for outage in OUTAGES],
            lambda n: f"{ONLY_LISTS}postscreen_dnsbl_sites = bad{n}.test*2 honest.test*2\n",
        )
        listed = clients(LISTED_CLIENTS, 98)
        cls.dns.zone("honest.test", {client: [LISTED] for client in listed})
        with contextlib.ExitStack() as stack:
            plays = [cls._prepare(stack, *pair) for pair in zip(OUTAGES, configs, strict=True)]
            asyncio.run(cls._play_all(plays))
            cls.screening_seconds = {
                play.outage.name: [float(t) for t in SCREENING.findall(play.fendmail.log.text())]
                for play in plays
            }
        cls._print()

    @classmethod
    def _prepare(cls, stack: contextlib.ExitStack, outage: Outage, config: Config) -> "Play":
        name = f"bad{config.number}.test"
        zones = [cls.dns.zone(name, {BOT: [LISTED]})]
        dnsbl = {"sites": [f"{name}*2", "honest.test*2"]}
        resolver = cls.dns
        if outage.of_resolver:
            # It lies about everything, and postscreen's about one zone alone.
            resolver = stack.enter_context(DnsServer())
            zones.append(resolver.zone(name, {BOT: [LISTED]}))
            dnsbl["zone_resolvers"] = {name: resolver.resolver}
        settings: Settings = {"greet": {"wait": "0s"}, "store": {"kind": "memory"}, "dnsbl": dnsbl}
        fendmail = cls.start_one(config, settings)
        return Play(outage, config, fendmail, zones, resolver)

    @classmethod
    async def _play_all(cls, plays: Sequence["Play"]) -> None:
        """Outages in which everybody waits side by side; the others one after another."""
        quick = [play for play in plays if not play.outage.has_timeouts]

        async def play_quick() -> None:
            for play in quick:
                await play.run()

        slow = (play.run() for play in plays if play.outage.has_timeouts)
        await asyncio.gather(play_quick(), *slow)
        cls.seen = {
            (play.outage.name, side): seen for play in plays for side, seen in play.seen.items()
        }

    @classmethod
    def _print(cls) -> None:
        """fendmail's times are those of its log, postscreen's those that clients saw."""
        print(f"\nrefused of {GOOD_CLIENTS} good and {LISTED_CLIENTS} listed clients, and how long")
        print("good ones were screened, in seconds: the median, and the slowest twentieth's least")
        print(f"{'':28}{'fendmail':^34} {'postscreen':^34}")
        head = f"{'good':>6} {'listed':>7} {'median':>8} {'95 %':>8}"
        print(f"{'the list …':28} {head}   {head}")
        for outage in OUTAGES:
            line = f"{outage.name:28}"
            for side in (FENDMAIL, POSTSCREEN):
                seen = cls.seen[outage.name, side]
                own = cls.screening_seconds[outage.name]
                times = own if side == FENDMAIL else seen.good.seconds
                line += f" {len(seen.good.refused):6} {len(seen.listed.refused):7}"
                line += f" {statistics.median(times):8.3f} {p95(times):8.3f}  "
            print(line)
        sys.stdout.flush()

    def of(self, side: str) -> list[tuple[str, Seen]]:
        return [(outage.name, self.seen[outage.name, side]) for outage in OUTAGES]

    def test_fendmail_refuses_no_good_client(self) -> None:
        for name, seen in self.of(FENDMAIL):
            with self.subTest(name):
                self.assertEqual(seen.good.refused, [])
                self.assertEqual(seen.good.others, {})
                self.assertEqual(seen.good.passed, GOOD_CLIENTS)

    def test_fendmail_refuses_whom_the_list_left_knows(self) -> None:
        for name, seen in self.of(FENDMAIL):
            with self.subTest(name):
                self.assertEqual(len(seen.listed.refused), LISTED_CLIENTS)

    def test_a_dead_list_is_waited_for_by_few(self) -> None:
        for outage in OUTAGES:
            if not outage.has_timeouts:
                continue
            with self.subTest(outage.name):
                # By its own log: what clients see is also the mail server's time to greet.
                screened = self.screening_seconds[outage.name]
                self.assertGreaterEqual(len(screened), GOOD_CLIENTS)
                self.assertLess(sum(s > 1.9 for s in screened), GOOD_CLIENTS / 2)

    def test_lists_were_in_use_before(self) -> None:
        """Or nothing would have been shown."""
        for side in (FENDMAIL, POSTSCREEN):
            for name, seen in self.of(side):
                with self.subTest(f"{side}: {name}"):
                    self.assertEqual(seen.before.refused, [BOT])

    def test_postscreen_refuses_most_good_clients(self) -> None:
        """In the outages that it is known for; if not, the comparison is no good.

        But for clients whose lists its helper processes, one for each question, did not get to.
        """
        for name in ("answers 127.255.255.254", "lists the world", "NXDOMAIN becomes 10.0.0.1"):
            with self.subTest(name):
                seen = self.seen[name, POSTSCREEN]
                self.assertGreater(len(seen.good.refused), GOOD_CLIENTS / 2)


@dataclasses.dataclass
class Play:
    """One outage on both sides."""

    outage: Outage
    config: Config
    fendmail: Fendmail
    zones: list[Zone]  # the bad list, as it is seen through each resolver
    resolver: DnsServer
    seen: dict[str, Seen] = dataclasses.field(default_factory=dict)

    @property
    def servers(self) -> dict[str, tuple[str, int]]:
        postscreen = (LOOPBACK4, self.config.postscreen_port)
        return {FENDMAIL: self.fendmail.address, POSTSCREEN: postscreen}

    async def run(self) -> None:
        before = await self._visit([BOT])
        if self.outage.of_resolver:
            # postscreen's resolver lies about this zone as fendmail's does about all.
            self.outage.begins(self.zones[-1], self.resolver)
            self.zones[0].always = [str(self.resolver.rewrites_to)]
        else:
            self.outage.begins(self.zones[0], self.resolver)
        listed = clients(LISTED_CLIENTS, 98)
        good = clients(GOOD_CLIENTS, 97)
        goods, listeds = await asyncio.gather(self._visit(good), self._visit(listed))
        for side in self.servers:
            self.seen[side] = Seen(before[side], goods[side], listeds[side])

    async def _visit(self, who: Sequence[str]) -> dict[str, Outcome]:
        outcomes = await asyncio.gather(*(visit_all(s, who) for s in self.servers.values()))
        return dict(zip(self.servers, outcomes, strict=True))


class TimeToVerdict(BesideCase):
    """One list never answers: when do clients learn their fate that the others are sure of?"""

    WAIT = 3.0
    COUNT = 20  # more at once keep postscreen's helper processes from asking in time
    seen: dict[tuple[str, str], Outcome]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        (config,) = cls.start_both(
            ["one list never answers"],
            lambda _: (
                f"postscreen_greet_wait = {cls.WAIT:.0f}s\n"
                "postscreen_dnsbl_allowlist_threshold = -2\n"
                "postscreen_dnsbl_sites = silent.test*2 block.test*2 allow.test*-4\n"
            ),
        )
        listed, allowed = clients(cls.COUNT, 96), clients(cls.COUNT, 95)
        cls.dns.zone("silent.test", mood=Mood.SILENT)
        cls.dns.zone("block.test", {client: [LISTED] for client in listed})
        cls.dns.zone("allow.test", {client: ["127.0.5.3"] for client in allowed})
        settings: Settings = {
            "greet": {"wait": f"{cls.WAIT:.0f}s"},
            "store": {"kind": "memory"},
            "dnsbl": {
                "sites": ["silent.test*2", "block.test*2", "allow.test*-4"],
                "allow_threshold": -2,
                "timeout": "10s",
                # Not because the list is known to be dead: its test takes as long as its answers.
                "test_interval": "10m",
            },
        }
        fendmail = cls.start_one(config, settings)
        servers = {FENDMAIL: fendmail.address, POSTSCREEN: (LOOPBACK4, config.postscreen_port)}
        asyncio.run(cls._play(servers, {"listed": listed, "allowed": allowed}))

    @classmethod
    async def _play(
        cls, servers: dict[str, tuple[str, int]], groups: dict[str, list[str]]
    ) -> None:
        pairs = [(side, group) for side in servers for group in groups]
        outcomes = await asyncio.gather(
            *(visit_all(servers[side], groups[group]) for side, group in pairs)
        )
        cls.seen = dict(zip(pairs, outcomes, strict=True))
        print(f"\ntime to verdict, {cls.COUNT} clients, greet wait {cls.WAIT} s, one list silent")
        for (side, group), outcome in cls.seen.items():
            print(
                f"{side:12}{group:9} median {outcome.median:6.3f} s, 95 % {p95(outcome.seconds):6.3f} s, "
                f"{len(outcome.refused)} refused, {outcome.passed} passed"
            )
        sys.stdout.flush()

    def test_listed_clients_learn_it_at_once(self) -> None:
        outcome = self.seen[FENDMAIL, "listed"]
        self.assertEqual(len(outcome.refused), self.COUNT)
        self.assertLess(p95(outcome.seconds), self.WAIT * 0.8)

    def test_allowed_clients_go_on_at_once(self) -> None:
        outcome = self.seen[FENDMAIL, "allowed"]
        self.assertEqual(outcome.passed, self.COUNT)
        self.assertLess(p95(outcome.seconds), self.WAIT * 0.8)

    def test_postscreen_lets_them_wait(self) -> None:
        """It says the same, but later."""
        self.assertEqual(len(self.seen[POSTSCREEN, "listed"].refused), self.COUNT)
        self.assertEqual(self.seen[POSTSCREEN, "allowed"].passed, self.COUNT)
        # Postfix's timers count whole seconds, so a wait of 3 s may be one of little more than 2.
        self.assertGreater(self.seen[POSTSCREEN, "listed"].median, (self.WAIT - 1) * 0.9)


def setUpModule() -> None:
    directory = make_directory("resolver")
    unittest.addModuleCleanup(shutil.rmtree, directory)
    add_address(BACKUP4)
    use_resolver(NAME_SERVER[0], directory, timeout=1)


if __name__ == "__main__":
    enter_private_network()
    main()
