# SPDX-License-Identifier: Apache-2.0
"""The load client and the sink of bench/, which lie beside fendmail: thousands of clients at once.

Python could not play them: each would come late.
"""

import contextlib
import dataclasses
import ipaddress
import json
import os
import resource
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from .case import make_directory
from .fendmail import binary
from .network import Address, to_text
from .process import Child, run
from .waiting import wait_until

# One client of the load client, from connect to close; more than any test lets one wait.
CLIENT_TIMEOUT = 60
MANY = 100_000


def tool(name: str) -> Path:
    """A program of bench/."""
    path = binary().parent / "bench" / name
    if not os.access(path, os.X_OK):
        raise AssertionError(f"{path} is missing: cmake --build --preset release --target {name}")
    return path


def raise_descriptors() -> None:
    """As many descriptors as we may have; children inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Sources:
    """Addresses for the clients; none is given out twice. `stride` 256: a /24 for each."""

    def __init__(self, network: str, stride: int = 1):
        self._network = ipaddress.IPv4Network(network)
        self.stride = stride
        self._next = int(self._network.network_address) + 1
        self._last = int(self._network.broadcast_address) - 1

    def take(self, count: int) -> str:
        """The first of so many."""
        # 127.0.0.0/24 is where servers and testers live.
        taken = max(self._next, int(ipaddress.IPv4Address("127.0.1.1")))
        self._next = taken + count * self.stride
        assert self._next <= self._last, "no more addresses for clients"
        return str(ipaddress.IPv4Address(taken))


@dataclasses.dataclass(frozen=True)
class Group:
    """What became of clients of one kind. Times in seconds, from when the connection of each was
    established: the kernel may have lost its SYN, which comes again after 1 and 3 s."""

    came: int
    refused: int
    let_through: int
    deferred: int
    failures: dict[str, int]
    p50: float  # to the verdict
    p99: float
    longest: float
    longest_greeting: float  # to the end of the greeting
    longest_held: float  # from the first octets of the server to the end of its greeting
    longest_connect: float  # how long establishing took

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    def __str__(self) -> str:
        return (
            f"{self.came:6} came, {self.refused:6} refused, {self.let_through:6} through, "
            f"{self.deferred:5} deferred, {self.failed:5} failed, verdict p50 {self.p50:6.2f} s, "
            f"p99 {self.p99:6.2f} s, at most {self.longest:6.2f} s"
        )


def _group(found: dict) -> Group:
    failures = {**found["failures"], "unexpected": found["unexpected"]}

    def seconds(histogram: str, figure: str) -> float:
        return found[histogram][figure] / 1e6

    return Group(
        found["finished"], found["refused"], found["let_through"], found["deferred"],
        {why: count for why, count in failures.items() if count},
        seconds("verdict_us", "p50"), seconds("verdict_us", "p99"), seconds("verdict_us", "max"),
        seconds("greeting_us", "max"), seconds("held_us", "max"), seconds("connect_us", "max"),
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Burst:
    """Clients that all come at the same moment."""

    scenario: str  # of the load client
    count: int
    arguments: Sequence[str] = ()


def burst_of(
    scenario: str, count: int, clean: Sources | None = None, listed: Sources | None = None
) -> Burst:
    """`count` clients in all, each from an address that was not there before."""
    kinds = {"--source-base": clean, "--listed-base": listed}
    used = {option: sources for option, sources in kinds.items() if sources}
    strides = {str(sources.stride) for sources in used.values()}
    assert len(strides) == 1, "one stride for all clients of a burst"
    of_each = count // len(used)
    arguments = ["--sources", str(of_each), "--stride", *strides]
    for option, sources in used.items():
        arguments += [option, sources.take(of_each)]
    return Burst(scenario, count, arguments)


def play(burst: Burst, server: Address) -> dict[str, Group]:
    """Plays it to its end."""
    arguments = ["--at-once", "--count", str(burst.count), *burst.arguments]
    return run_storm(burst.scenario, server, arguments)


def run_storm(scenario: str, server: Address, arguments: Sequence[str]) -> dict[str, Group]:
    """The load client, to its end; what became of each of its groups."""
    with scratch("storm") as directory:
        file = directory / "result.json"
        command = [
            tool("storm"), scenario, to_text(server), "--json", file,
            "--timeout", str(CLIENT_TIMEOUT), *arguments,
        ]  # fmt: skip
        run(command, CLIENT_TIMEOUT + 60)
        result = json.loads(file.read_text(encoding="ascii"))
    return {name: _group(found) for name, found in result["groups"].items()}


@contextlib.contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    path = make_directory(purpose)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextlib.contextmanager
def helper(name: str, *arguments: str | Path) -> Iterator[Child]:
    """One of the servers of bench/, once it says that it is ready."""
    with scratch(name) as directory:
        child = Child([tool(name), *arguments], directory, name)
        try:
            wait_until(
                lambda: not child.is_running() or child.stdout.matches("^ready$"),
                lambda: f"{name}: {child.output()}",
            )
            assert child.is_running(), f"{name} does not start: {child.output()}"
            yield child
        finally:
            child.stop()


@contextlib.contextmanager
def pass_sink(*more: Path) -> Iterator[dict[str, str]]:
    """A mail server that takes everybody's socket; fendmail's [backend] section for it.

    `more`: further sockets to listen on.
    """
    with scratch("sink") as directory:
        path = directory / "pass"
        with helper("sink", "--pass", path, *more):
            yield {"kind": "postfix-pass", "address": f"unix:{path}"}


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as they need to be."""
    lines = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    print(f"\n{title}")
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    print(flush=True)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
