#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What clients do to the lists on purpose must not switch them off: bots that return, one network
that comes without end. And what all resolvers do together: fall silent and come back."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test import four_lists
from fendmail_test.bad_network import BadNetwork
from fendmail_test.case import main
from fendmail_test.dns_client import ask
from fendmail_test.dns_server import query_name
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import FendmailCase, Stopwatch
from fendmail_test.network import LOOPBACK4, LOOPBACK6
from fendmail_test.private_network import enter_private_network, route_to_ourselves
from fendmail_test.process import Child
from fendmail_test.rbldnsd import Rbldnsd, dataset
from fendmail_test.storm import (
    MANY,
    Group,
    burst_of,
    pass_sink,
    play,
    print_table,
    raise_descriptors,
    run_storm,
)
from fendmail_test.waiting import wait_until

ZONE = "grown.test"
TTL = 1  # of answers, and of what is remembered of clients
STRANGERS = 50
# A list is believed to know whom it should because it has known few of those who passed before;
# so many, since nobody counts again for a while after he has counted.
EARLIER_CLIENTS = 160
RATE = 40  # clients a second
NETWORKS = 20  # of the bots: one /16 each


class Bots:
    """Clients that come again from the same addresses, spread over /16s alike."""

    def __init__(self, first: str, count: int, stride: int):
        self.count = count
        self._arguments = ["--count", str(count), "--sources", str(count), "--source-base", first,
                           "--stride", str(stride)]  # fmt: skip
        at = int.from_bytes(bytes(map(int, first.split("."))), "big")
        octets = ((at + n * stride).to_bytes(4, "big") for n in range(count))
        self.addresses = [".".join(map(str, each)) for each in octets]

    def come(self, fendmail: Fendmail, at_once: bool = False) -> Group:
        """If not all in one moment, so that lists are tested meanwhile."""
        pace = ["--at-once"] if at_once else ["--rate", str(RATE)]
        return run_storm("good", fendmail.address, [*pace, *self._arguments])["clean"]


class ReturningBots(FendmailCase):
    """Bots pass while no list knows them; later one does, as lists do, and they return."""

    def test_twenty_that_return_are_refused_and_so_are_strangers(self) -> None:
        self.check(Bots("127.130.0.1", 20, 65_536))

    def test_two_hundred_in_twenty_networks_as_well(self) -> None:
        self.check(Bots("127.130.0.1", 200, 65_536 * NETWORKS // 200))

    def check(self, bots: Bots) -> None:
        networks = {address.rsplit(".", 2)[0] for address in bots.addresses}
        self.assertEqual(len(networks), NETWORKS)
        strangers = Bots("127.160.0.1", STRANGERS, 256)
        earlier = Bots("127.1.0.1", EARLIER_CLIENTS, 256)
        known = ["127.0.0.2", *strangers.addresses]
        rbldnsd = self.enterContext(Rbldnsd([(ZONE, "ip4set", self.zone(known))]))
        fendmail = self.start(rbldnsd)
        for who in (earlier, bots, earlier):
            self.assert_passes(fendmail, who)
            # Until they are forgotten again; nothing tells that.
            time.sleep(TTL + 0.5)
        rbldnsd.replace(0, self.zone([*known, *bots.addresses]))
        last = query_name(bots.addresses[-1], ZONE)
        wait_until(lambda: ask(rbldnsd.address, last)[1], "the list with the bots")

        first = bots.come(fendmail)
        self.wait_for_tests(rbldnsd)
        time.sleep(TTL + 0.5)
        again, others = bots.come(fendmail), strangers.come(fendmail)
        print_table(
            f"{bots.count} bots in {NETWORKS} /16s that a list knows at last",
            ("", "came", "refused", "through", "suspensions"),
            [
                (name, seen.came, seen.refused, seen.let_through,
                 len(four_lists.suspensions(fendmail)))
                for name, seen in {"return": first, "again": again, "strangers": others}.items()
            ],
        )  # fmt: skip
        self.assertEqual(four_lists.suspensions(fendmail), [])
        self.assertEqual(first.refused, bots.count, str(first))
        self.assertEqual(again.refused, bots.count, str(again))
        self.assertEqual(others.refused, STRANGERS, str(others))

    def zone(self, listed: Sequence[str]) -> str:
        return dataset(ZONE, "127.0.0.2", listed, TTL)

    def start(self, rbldnsd: Rbldnsd) -> Fendmail:
        settings: Settings = {
            # All knowledge about a list in one place, and nothing that holds a client but lists.
            "server": {"workers": 1},
            "greet": {"wait": "0s"},
            "store": {"kind": "memory"},
            "dnsbl": {
                "sites": [ZONE],
                "resolvers": [rbldnsd.resolver],
                "min_ttl": f"{TTL}s",
                "max_ttl": f"{TTL}s",
                "test_interval": "1s",
            },
            "limits": {"handing_off": MANY},
        }
        fendmail = self.start_fendmail(self.enterContext(pass_sink()), settings)
        wait_until(lambda: rbldnsd.queries.count(ENTRY_ASKED), "a test of the list")
        return fendmail

    def assert_passes(self, fendmail: Fendmail, who: Bots) -> None:
        seen = who.come(fendmail, at_once=True)
        self.assertEqual(seen.let_through, who.count, str(seen))
        self.assertEqual(four_lists.suspensions(fendmail), [])

    def wait_for_tests(self, rbldnsd: Rbldnsd) -> None:
        """Two of them have begun from now on, so one has ended."""
        before = rbldnsd.queries.count(ENTRY_ASKED)
        wait_until(lambda: rbldnsd.queries.count(ENTRY_ASKED) >= before + 2, "two tests", 30)


# In whatever case: who asks may choose that of each letter, so that answers are hard to forge.
ENTRY_ASKED = rf"(?i) 2\.0\.0\.127\.{ZONE} "

FLOOD = 50_000  # connections
FLOOD_SECONDS = 10.0
FLOOD_SECONDS_MAX = 30.0  # on a machine that has other things to do
FLOODERS = 4
FLOOD_NETWORK = "2001:db8:1::/64"
QUESTIONS_MAX = 5_000  # about one /64, by all its connections together
QUOTA = 30_000  # of one list, in a minute
OTHERS = 400
OTHERS_RATE = 40  # a second
OTHERS_LONGER = 1.0  # than the greet wait, of the slowest hundredth
EIGHT_ZONES = [f"list{n}.test" for n in range(1, 9)]

# Connects and closes, each time from another address of one /64, at a steady pace.
FLOODER = """\
import socket, sys, time
port, first, count, seconds = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
begun, failed = time.monotonic(), 0
for n in range(count):
    with socket.socket(socket.AF_INET6) as client:
        client.settimeout(5)
        client.bind((f"2001:db8:1::{first >> 16:x}:{first & 0xffff:x}:{n + 1:x}", 0))
        try:
            client.connect(("::1", port))
        except OSError:
            failed += 1
    ahead = begun + seconds * (n + 1) / count - time.monotonic()
    if ahead > 0.005:
        time.sleep(ahead)
print("connected", count - failed, "in", time.monotonic() - begun, flush=True)
"""


class OneNetworkWithoutEnd(FendmailCase):
    def test_questions_about_one_network_are_bounded_and_others_are_served(self) -> None:
        route_to_ourselves(FLOOD_NETWORK)
        datasets = [
            (zone, "ip4set", dataset(zone, "127.0.0.2", [four_lists.LISTED_NETWORK, "127.0.0.2"]))
            for zone in EIGHT_ZONES
        ]
        rbldnsd = self.enterContext(Rbldnsd(datasets, logs_queries=False))
        quota = self.enterContext(BadNetwork(rbldnsd.address, {}))
        rest = self.enterContext(BadNetwork(rbldnsd.address, {}))
        fendmail = self.start(rest, quota)

        watch = Stopwatch()
        flooders = self.start_flood(fendmail)
        others = self.others(fendmail)
        connected = self.end_flood(flooders)
        seconds = watch.seconds()
        of_quota, of_rest = quota.stop(), rest.stop()
        asked = of_quota["about_ipv6"] + of_rest["about_ipv6"]
        print(
            f"\n{connected:,} connections from one /64 in {seconds:.1f} s, {len(EIGHT_ZONES)} lists: "
            f"{asked:,} questions about it (at most {QUESTIONS_MAX:,}); of one list about all "
            f"clients {of_quota['questions']:,} (quota {QUOTA:,} a minute)"
        )
        for name, group in others.items():
            print(f"others, {name}: {group}")
        sys.stdout.flush()
        self.assertGreaterEqual(connected, FLOOD * 0.99)
        self.assertLess(seconds, FLOOD_SECONDS_MAX)
        self.assertGreater(asked, 0)
        self.assertLessEqual(asked, QUESTIONS_MAX)
        self.assertLess(of_quota["questions"], QUOTA)
        self.assertEqual(four_lists.suspensions(fendmail), [])
        listed, clean = others["listed"], others["clean"]
        self.assertEqual(listed.refused, listed.came, str(listed))
        self.assertEqual(clean.let_through, clean.came, str(clean))
        self.assertLess(clean.p99, 1 + OTHERS_LONGER)
        self.assertLess(listed.p99, 1 + OTHERS_LONGER)

    def start(self, rest: BadNetwork, quota: BadNetwork) -> Fendmail:
        settings: Settings = {
            "server": {"listen": [f"{LOOPBACK4}:0", f"[{LOOPBACK6}]:0"]},
            "greet": {"wait": "1s", "wait_under_stress": "1s"},
            "store": {"kind": "memory"},
            "dnsbl": {
                "sites": EIGHT_ZONES,
                "threshold": 3,
                "resolvers": [rest.resolver],
                "zone_resolvers": {EIGHT_ZONES[0]: quota.resolver},
            },
            "limits": {"screening": MANY, "handing_off": MANY},
        }
        return self.start_fendmail(self.enterContext(pass_sink()), settings)

    def start_flood(self, fendmail: Fendmail) -> list[Child]:
        port = fendmail.listening[1][1]
        directory = self.directory("flood")
        flooders = []
        for n in range(FLOODERS):
            count = FLOOD // FLOODERS
            arguments = [str(port), str(n + 1), str(count), str(FLOOD_SECONDS)]
            command = [sys.executable, "-c", FLOODER, *arguments]
            flooders.append(Child(command, directory, f"flooder{n}"))
            self.addCleanup(flooders[-1].kill)
        return flooders

    def others(self, fendmail: Fendmail) -> dict[str, Group]:
        """Listed and good clients that come meanwhile, at a steady rate."""
        each = str(OTHERS)
        return run_storm("both", fendmail.address, [
            "--count", each, "--rate", str(OTHERS_RATE), "--sources", each, "--stride", "256",
            "--source-base", "127.1.0.1", "--listed-base", "127.128.0.1",
        ])  # fmt: skip

    def end_flood(self, flooders: Sequence[Child]) -> int:
        """How many connections there were."""
        connected = 0
        for flooder in flooders:
            self.assertEqual(flooder.wait(2 * FLOOD_SECONDS_MAX), 0, flooder.output())
            connected += int(flooder.stdout.text().split()[1])
        return connected


SILENT = {"lose-questions": 100.0}
OUTAGE_WAIT = 2  # seconds of greet wait
# Long enough for whoever tests a dead list less and less often.
OUTAGE_SECONDS = 12.0
NOTICE_SECONDS = 5.0
RECOVERY_SECONDS = 5.0
SLACK_SECONDS = 1.0
CROWD = 20


class AllResolversDead(FendmailCase):
    def test_good_clients_pass_and_listed_ones_are_refused_soon_after(self) -> None:
        rbldnsd = self.enterContext(Rbldnsd(four_lists.datasets(), logs_queries=False))
        resolvers = [self.enterContext(BadNetwork(rbldnsd.address, {})) for _ in range(2)]
        settings = four_lists.settings([each.resolver for each in resolvers], OUTAGE_WAIT)
        fendmail = self.start_fendmail(self.enterContext(pass_sink()), settings)
        self.clean, self.listed = four_lists.clean_sources(), four_lists.listed_sources()
        before = self.come(fendmail, "listed")
        self.assertEqual(before.refused, CROWD, str(before))

        for each in resolvers:
            each.become(SILENT)
        watch = Stopwatch()
        first = self.come(fendmail, "good")
        later = [self.come(fendmail, "good")]
        while watch.seconds() < OUTAGE_SECONDS:
            later.append(self.come(fendmail, "good"))
        longest = max(group.longest_greeting for group in later)
        for each in resolvers:
            each.become({})
        recovered = self.seconds_until_refused(fendmail)
        fendmail.expect_log(r"answers again after")  # told when the last worker has noticed
        after = self.come(fendmail, "listed")
        print(
            f"\nall resolvers dead, greet wait {OUTAGE_WAIT} s: the first good clients were greeted "
            f"after {first.longest_greeting:.2f} s at most, later ones after "
            f"{longest:.2f} s; the first listed one that was refused came "
            f"{recovered:.2f} s after the resolvers were back",
            flush=True,
        )
        self.assertEqual(first.let_through, CROWD, str(first))
        for group in later:
            self.assertEqual(group.let_through, CROWD, str(group))
        self.assertLess(first.longest_greeting, OUTAGE_WAIT + NOTICE_SECONDS + SLACK_SECONDS)
        self.assertLess(longest, OUTAGE_WAIT + SLACK_SECONDS)
        self.assertLessEqual(recovered, RECOVERY_SECONDS)
        self.assertEqual(after.refused, CROWD, str(after))

    def come(self, fendmail: Fendmail, scenario: str, count: int = CROWD) -> Group:
        """Some clients at once that have not been here before."""
        sources = {"listed": self.listed} if scenario == "listed" else {"clean": self.clean}
        (group,) = play(burst_of(scenario, count, **sources), fendmail.address).values()
        return group

    def seconds_until_refused(self, fendmail: Fendmail) -> float:
        """When the first listed client came that did not get through, from now."""
        watch = Stopwatch()

        def is_refused() -> float:
            came = watch.seconds()
            return came if self.come(fendmail, "listed", 1).refused else 0.0

        return wait_until(is_refused, "the lists after an outage", 60)


if __name__ == "__main__":
    enter_private_network()
    raise_descriptors()
    main()
