# SPDX-License-Identifier: Apache-2.0
"""Runs one item of the plan against one peer and says what it cost."""

import collections
import contextlib
import dataclasses
import time
from collections.abc import Iterable, Iterator, Sequence

from fendmail_test.process import Child
from fendmail_test.waiting import wait_until
from measure import pss_octets, usage
from peers import Conditions, Peer
from plan import Item
from stage import Sources, Tools, run_storm, scratch, storm_command

KNOWN_SOURCES = 64
KNOWN_BASE = "127.0.1.1"
HOLD_SECONDS = 600
WARM_UP_CLIENTS = 16
# It keeps no clients, and how many of them there are does not depend on who waits.
HOLDS_NOBODY = frozenset({"dnsblog"})
# dnsblog and the relays still work on what the load client is done with.
SETTLE_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Sample:
    """One run. Times in microseconds; None where it does not apply."""

    item: str
    peer: str
    round: int
    clients: int
    seconds: float
    cpu_us: float | None = None  # of the front end for each client
    logging_us: float | None = None  # of a logger of its own
    rate: float | None = None
    p50_us: int | None = None  # to the verdict
    p99_us: int | None = None
    processes: int = 0
    memory: int = 0  # PSS in octets at the end, or while clients are held
    memory_per_client: float | None = None
    listed_through: int | None = None
    listed: int = 0
    failures: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def failed(self) -> int:
        return sum(self.failures.values())


class Runner:
    def __init__(self, tools: Tools, conditions: Conditions):
        self._tools = tools
        self._conditions = conditions
        self._clean = Sources("127.1.0.1", "127.63.255.254")
        self._listed = Sources("127.128.0.1", "127.191.255.254")
        self._known: set[str] = set()

    def warm_up(self, peer: Peer) -> None:
        """Starts what a peer starts only when somebody comes, and lets it test its lists."""
        count = str(WARM_UP_CLIENTS)
        arguments = ["--concurrency", count, "--sources", count, "--duration", "2"]
        arguments += ["--source-base", self._clean.take(WARM_UP_CLIENTS)]
        run_storm(self._tools, "hold", peer.address, arguments, 60)

    def run(self, item: Item, peer: Peer, number: int) -> Sample:
        if item.storm == "hold":
            return self._hold(item, peer, number)
        if item.must_be_known:
            self._make_known(peer)
        before = usage(peer.roots)
        result = run_storm(
            self._tools, item.storm, peer.address, self._arguments(item), self._timeout(item)
        )
        time.sleep(SETTLE_SECONDS)
        used = usage(peer.roots).since(before)
        return _sample(item, peer, number, result, used, pss_octets(peer.roots))

    def _arguments(self, item: Item) -> Sequence[str]:
        arguments = ["--count", str(item.clients), "--timeout", "60"]
        if item.rate:
            arguments += ["--rate", str(item.rate)]
        else:
            arguments += ["--concurrency", str(item.concurrency)]
        if item.must_be_known:
            return [*arguments, "--source-base", KNOWN_BASE, "--sources", str(KNOWN_SOURCES)]
        return [
            *arguments, "--sources", str(item.clients),
            "--source-base", self._clean.take(item.clients),
            "--listed-base", self._listed.take(item.clients),
        ]  # fmt: skip

    def _timeout(self, item: Item) -> float:
        rate = item.rate or 50
        return 120 + self._conditions.greet_wait + 2 * item.clients / rate

    def _make_known(self, peer: Peer) -> None:
        """Lets the known clients pass all tests, once."""
        if peer.name in self._known or not hasattr(peer, "log"):
            return  # those without a log of their own screen nobody
        count = str(KNOWN_SOURCES)
        arguments = ["--count", count, "--sources", count, "--source-base", KNOWN_BASE]
        result = run_storm(self._tools, "clean", peer.address, arguments, 120)
        assert result["groups"]["clean"]["let_through"] == KNOWN_SOURCES, result
        time.sleep(SETTLE_SECONDS)
        self._known.add(peer.name)

    def _hold(self, item: Item, peer: Peer, number: int) -> Sample:
        before, memory_before = usage(peer.roots), pss_octets(peer.roots, HOLDS_NOBODY)
        begun = time.monotonic()
        with self._holding(item, peer):
            # Lists answer while clients wait; only then is it as in the long run.
            time.sleep(SETTLE_SECONDS + self._conditions.dns_delay / 1000)
            used, memory = usage(peer.roots).since(before), pss_octets(peer.roots)
            holding = pss_octets(peer.roots, HOLDS_NOBODY)
            seconds = time.monotonic() - begun
        return Sample(
            item.name, peer.name, number, item.clients, seconds,
            cpu_us=used.seconds * 1e6 / item.clients,
            logging_us=used.logging_seconds * 1e6 / item.clients,
            processes=used.processes, memory=memory,
            memory_per_client=(holding - memory_before) / item.clients,
        )  # fmt: skip

    @contextlib.contextmanager
    def _holding(self, item: Item, peer: Peer) -> Iterator[None]:
        with scratch("storm") as directory:
            arguments = [
                "--concurrency", str(item.clients), "--duration", str(HOLD_SECONDS),
                "--sources", str(item.clients), "--source-base", self._clean.take(item.clients),
            ]  # fmt: skip
            command = storm_command(
                self._tools, "hold", peer.address, directory / "result.json", arguments
            )
            child = Child(command, directory, "storm")
            try:
                wait_until(
                    lambda: child.stdout.matches("^holding") or not child.is_running(),
                    lambda: f"{item.clients} held clients: {child.output()}",
                    min(120, self._conditions.greet_wait - 10),
                )
                assert child.is_running(), f"storm ended: {child.output()}"
                yield
            finally:
                child.stop()


def _sample(item: Item, peer: Peer, number: int, result: dict, used, memory: int) -> Sample:
    groups = result["groups"]
    clients = result["finished"]
    assert clients, f"{item.name} against {peer.name}: nobody came: {result}"
    # Of several groups the one that matters is the good client's.
    shown = groups.get("clean") or next(iter(groups.values()))
    listed = groups.get("listed")
    return Sample(
        item.name, peer.name, number, clients, result["seconds"],
        cpu_us=used.seconds * 1e6 / clients if peer.roots else None,
        logging_us=used.logging_seconds * 1e6 / clients if peer.roots else None,
        rate=result["rate"],
        p50_us=shown["verdict_us"]["p50"], p99_us=shown["verdict_us"]["p99"],
        processes=used.processes, memory=memory,
        listed_through=listed["let_through"] if listed else None,
        listed=listed["finished"] if listed else 0,
        failures=_failures(groups.values()),
    )  # fmt: skip


def _failures(groups: Iterable[dict]) -> dict[str, int]:
    """How many clients ended without a verdict, by reason; none that has none."""
    found = collections.Counter()
    for group in groups:
        found.update({**group["failures"], "unexpected": group["unexpected"]})
    return {reason: count for reason, count in found.items() if count}
