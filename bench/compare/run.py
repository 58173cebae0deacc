# SPDX-License-Identifier: Apache-2.0
"""Runs one item of the plan against one peer and says what it cost."""

import collections
import contextlib
import dataclasses
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from fendmail_test.process import Child
from fendmail_test.waiting import Deadline, wait_until
from measure import Usage, pss_octets, usage
from peers import Conditions, Peer
from plan import Item, Run
from stage import Sources, Tools, run_storm, scratch, storm_command

KNOWN_SOURCES = 64
KNOWN_BASE = "127.0.1.1"
HOLD_SECONDS = 600
WARM_UP_CLIENTS = 16
# As many as fill what has a fixed size, such as fendmail's queue of log lines: that is no memory
# of those who wait.
CLIENTS_BEFORE_HOLD = 3_000
# It keeps no clients, and how many of them there are does not depend on who waits.
HOLDS_NOBODY = frozenset({"dnsblog"})
# Idle is who uses no more than this in that time.
IDLE_CPU_SECONDS = 0.01
IDLE_STEP_SECONDS = 0.5
IDLE_TIMEOUT = 60


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
    allowed_rate: float | None = None  # what its threads could do by `cpu_us`, in a closed loop
    p50_us: int | None = None  # to the verdict
    p99_us: int | None = None
    listed_p50_us: int | None = None  # the same of listed clients, where others are shown
    listed_p99_us: int | None = None
    added_p50_us: int | None = None  # to what it takes without a front end
    added_p99_us: int | None = None
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
    """Knows which addresses are used up; lives as long as its peers."""

    def __init__(self, tools: Tools, conditions: Conditions):
        self._tools = tools
        self._conditions = conditions
        self._clean = Sources("127.1.0.1", "127.63.255.254")
        self._listed = Sources("127.128.0.1", "127.191.255.254")

    def prepare(self, peers: Iterable[Peer], items: Iterable[Item]) -> None:
        """Brings all peers at once to where a run can begin."""
        chosen = list(peers)
        sources = [self._clean.take(WARM_UP_CLIENTS) for _ in chosen]
        needs_known = any(i.must_be_known for item in items for i in (item, *item.meanwhile))

        def of_one(peer: Peer, source: str) -> None:
            self._warm_up(peer, source)
            if not peer.screens:
                return
            if needs_known:
                self._make_known(peer)
            if self._conditions.later_wait:
                peer.set_greet_wait(self._conditions.later_wait)
                wait_until_idle(peer)

        if chosen:
            with ThreadPoolExecutor(len(chosen)) as pool:
                list(pool.map(of_one, chosen, sources))

    def _warm_up(self, peer: Peer, source: str) -> None:
        """Starts what a peer starts only when somebody comes, and lets it test its lists."""
        count = str(WARM_UP_CLIENTS)
        arguments = ["--concurrency", count, "--sources", count, "--duration", "2"]
        run_storm(self._tools, "hold", peer.address, [*arguments, "--source-base", source], 60)

    def _work(self, peer: Peer) -> None:
        """Lets clients come and go, few at once."""
        count = str(CLIENTS_BEFORE_HOLD)
        arguments = ["--count", count, "--sources", count, "--concurrency", str(WARM_UP_CLIENTS)]
        source = self._clean.take(CLIENTS_BEFORE_HOLD)
        arguments += ["--source-base", source, "--timeout", "60"]
        run_storm(self._tools, "pregreet", peer.address, arguments, 120)
        wait_until_idle(peer)

    def _make_known(self, peer: Peer) -> None:
        """Lets the known clients pass all tests."""
        count = str(KNOWN_SOURCES)
        arguments = ["--count", count, "--sources", count, "--source-base", KNOWN_BASE]
        arguments += ["--timeout", str(self._conditions.greet_wait + 60)]
        result = run_storm(
            self._tools, "clean", peer.address, arguments, self._conditions.greet_wait + 120
        )
        assert result["groups"]["clean"]["let_through"] == KNOWN_SOURCES, result

    def run(self, what: Run, peer: Peer) -> list[Sample]:
        """Several samples when several things are measured while clients wait.

        A run ends when the front end is idle, so that the next one can begin.
        """
        if what.item.storm != "hold":
            return [self._load(what.item, peer, what.round)]
        if not what.item.meanwhile:
            self._work(peer)
        before, memory_before = usage(peer.roots), pss_octets(peer.roots, HOLDS_NOBODY)
        begun = time.monotonic()
        with self._holding(what.item, peer):
            # Lists answer while clients wait; only then is it as in the long run.
            wait_until_idle(peer)
            if what.item.meanwhile:
                return [self._load(item, peer, what.round) for item in what.item.meanwhile]
            used = usage(peer.roots).since(before)
            return [_held(what, peer, used, memory_before, time.monotonic() - begun)]

    def _load(self, item: Item, peer: Peer, number: int) -> Sample:
        before = usage(peer.roots)
        result = run_storm(
            self._tools, item.storm, peer.address, self._arguments(item), self._timeout(item)
        )
        # dnsblog and the relays still work on what the load client is done with.
        wait_until_idle(peer)
        used = usage(peer.roots).since(before)
        return _sample(item, peer, number, result, used, pss_octets(peer.roots))

    def _arguments(self, item: Item) -> Sequence[str]:
        timeout = str(self._conditions.longest_wait + 60)
        arguments = ["--count", str(item.clients), "--timeout", timeout]
        if item.at_once:
            arguments += ["--at-once"]
        elif item.rate:
            arguments += ["--rate", str(item.rate)]
        else:
            arguments += ["--concurrency", str(item.concurrency)]
        if item.must_be_known:
            return [*arguments, "--source-base", KNOWN_BASE, "--sources", str(KNOWN_SOURCES)]
        return [
            *arguments, "--sources", str(item.clients), "--stride", str(item.stride),
            "--source-base", self._clean.take(item.clients, item.stride),
            "--listed-base", self._listed.take(item.clients, item.stride),
        ]  # fmt: skip

    def _timeout(self, item: Item) -> float:
        rate = item.rate or 50
        return 120 + self._conditions.longest_wait + 2 * item.clients / rate

    @contextlib.contextmanager
    def _holding(self, item: Item, peer: Peer) -> Iterator[None]:
        """All clients have heard the front end, and at the end all are still there."""
        with scratch("storm") as directory:
            file = directory / "result.json"
            arguments = [
                "--concurrency", str(item.clients), "--duration", str(HOLD_SECONDS),
                "--sources", str(item.clients), "--source-base", self._clean.take(item.clients),
            ]  # fmt: skip
            command = storm_command(self._tools, "hold", peer.address, file, arguments)
            child = Child(command, directory, "storm")
            try:
                wait_until(
                    lambda: child.stdout.matches("^holding") or not child.is_running(),
                    lambda: f"{item.clients} held clients: {child.output()}",
                    self._conditions.longest_wait,
                )
                assert child.is_running(), f"storm ended: {child.output()}"
                yield
            finally:
                child.stop()
                wait_until_idle(peer)
            held = json.loads(file.read_text(encoding="ascii"))["groups"]["hold"]
            assert held["failures"]["stopped"] == item.clients, (
                f"{item.name} against {peer.name}: clients did not wait to the end: {held}"
            )


def wait_until_idle(peer: Peer) -> None:
    """Until a front end is done with what came before, such as clients that have gone."""
    deadline = Deadline(IDLE_TIMEOUT)
    before = usage(peer.roots)
    while peer.roots:
        time.sleep(IDLE_STEP_SECONDS)
        now = usage(peer.roots)
        if now.since(before).seconds < IDLE_CPU_SECONDS:
            return
        assert not deadline.is_over(), f"{peer.name} is not idle after {IDLE_TIMEOUT} s"
        before = now


def _held(what: Run, peer: Peer, used: Usage, memory_before: int, seconds: float) -> Sample:
    """What clients cost that wait."""
    clients = what.item.clients
    holding = pss_octets(peer.roots, HOLDS_NOBODY)
    return Sample(
        what.item.name, peer.name, what.round, clients, seconds,
        cpu_us=used.seconds * 1e6 / clients,
        logging_us=used.logging_seconds * 1e6 / clients,
        processes=used.processes, memory=pss_octets(peer.roots),
        memory_per_client=(holding - memory_before) / clients,
    )  # fmt: skip


def _sample(
    item: Item, peer: Peer, number: int, result: dict, used: Usage, memory: int
) -> Sample:
    groups = result["groups"]
    clients = result["finished"]
    assert clients, f"{item.name} against {peer.name}: nobody came: {result}"
    # Of several groups the one that matters is the good client's.
    shown = groups.get("clean") or next(iter(groups.values()))
    listed = groups.get("listed")
    others = listed["verdict_us"] if listed and listed is not shown else {}
    is_closed = not item.rate and not item.at_once
    cpu_us = used.seconds * 1e6 / clients if peer.roots else None
    return Sample(
        item.name, peer.name, number, clients, result["seconds"],
        cpu_us=cpu_us,
        logging_us=used.logging_seconds * 1e6 / clients if peer.roots else None,
        # Of a burst it would say how long the greet wait is.
        rate=None if item.at_once else result["rate"],
        allowed_rate=peer.threads * 1e6 / cpu_us if cpu_us and is_closed else None,
        p50_us=shown["verdict_us"]["p50"], p99_us=shown["verdict_us"]["p99"],
        listed_p50_us=others.get("p50"), listed_p99_us=others.get("p99"),
        processes=used.processes, memory=memory,
        listed_through=listed["let_through"] if listed else None,
        listed=listed["finished"] if listed else 0,
        failures=failures(groups.values(), result["missed"]),
    )  # fmt: skip


def failures(groups: Iterable[dict], missed: int) -> dict[str, int]:
    """How many clients ended without a verdict or never came, by reason; none that has none."""
    found = collections.Counter({"missed": missed})
    for group in groups:
        found.update({**group["failures"], "unexpected": group["unexpected"]})
    return {reason: count for reason, count in found.items() if count}
