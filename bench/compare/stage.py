# SPDX-License-Identifier: Apache-2.0
"""Everything that runs during a measurement: backend, name server, the peers, the load client."""

import contextlib
import ipaddress
import json
import os
import resource
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from fendmail_test.case import make_directory
from fendmail_test.network import LOOPBACK4, Address, free_ports, to_text
from fendmail_test.process import Child, run
from fendmail_test.rbldnsd import Rbldnsd, dataset
from fendmail_test.waiting import wait_until
from peers import (
    ZONES,
    Conditions,
    Direct,
    FendmailPeer,
    HaproxyPeer,
    Peer,
    Postscreen,
    fendmail_settings,
)

# Not 127.64.0.0/10, of which fendmail asks to see whether a list lists everybody.
LISTED = "127.128.0.0/10"
TEST_ENTRY = "127.0.0.2"  # every list has it (RFC 5782 §5)
DNS_PORT = 53  # libc's resolver knows no other


class Tools:
    """The programs of bench/, in one folder."""

    def __init__(self, directory: Path):
        self._directory = directory.resolve()
        for name in ("storm", "sink", "dns"):
            assert os.access(self._directory / name, os.X_OK), (
                f"{self._directory / name} is missing: cmake --preset release -DFENDMAIL_BENCH=ON, "
                "then build storm, sink and dns"
            )

    def __getitem__(self, name: str) -> Path:
        return self._directory / name


class Sources:
    """Addresses for the clients; none is given out twice."""

    def __init__(self, first: str, last: str):
        self._next = int(ipaddress.ip_address(first))
        self._last = int(ipaddress.ip_address(last))

    def take(self, count: int, stride: int = 1) -> str:
        """The first of so many, each `stride` behind the one before."""
        taken = self._next
        self._next += count * stride
        assert self._next <= self._last, "no more addresses for clients: fewer rounds or clients"
        return str(ipaddress.ip_address(taken))


@contextlib.contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    path = make_directory(purpose)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextlib.contextmanager
def helper(tools: Tools, name: str, *arguments: str) -> Iterator[Child]:
    """One of our own servers, once it says that it is ready."""
    with scratch(name) as directory:
        child = Child([tools[name], *arguments], directory, name)
        try:
            wait_until(
                lambda: not child.is_running() or child.stdout.matches("^ready$"),
                lambda: f"{name}: {child.output()}",
            )
            assert child.is_running(), f"{name} does not start: {child.output()}"
            yield child
        finally:
            child.stop()


def raise_descriptors() -> None:
    """Children inherit it; 15,000 clients need as many descriptors."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def name_server(tools: Tools, conditions: Conditions) -> contextlib.AbstractContextManager:
    """Serves all lists."""
    if conditions.has_rbldnsd:
        texts = {zone: dataset(zone, TEST_ENTRY, [LISTED, TEST_ENTRY]) for zone in ZONES}
        datasets = [(zone, "ip4set", text) for zone, text in texts.items()]
        return Rbldnsd(datasets, DNS_PORT, logs_queries=False)
    delay, loss = str(conditions.dns_delay), str(conditions.dns_loss)
    return helper(
        tools, "dns", "--listen", f"{LOOPBACK4}:{DNS_PORT}", "--listed", LISTED,
        "--delay", delay, "--loss", loss,
    )  # fmt: skip


@contextlib.contextmanager
def stage(
    tools: Tools, conditions: Conditions, names: Collection[str]
) -> Iterator[dict[str, Peer]]:
    """These peers, running, by name. libc's resolver must ask 127.0.0.1 by then."""
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        enter(name_server(tools, conditions))
        plain, proxy = ((LOOPBACK4, port) for port in free_ports(2))
        pass_sockets = [enter(scratch("pass")) / "sink"]
        peers: list[Peer] = [Direct(plain)]
        if Postscreen.name in names:
            postscreen = enter(Postscreen(conditions))
            pass_sockets.append(postscreen.pass_socket)
            peers.append(postscreen)
        enter(helper(tools, "sink", "--plain", to_text(plain), "--proxy", to_text(proxy),
                     "--pass", *map(str, pass_sockets)))  # fmt: skip
        if HaproxyPeer.name in names:
            peers.append(enter(HaproxyPeer(proxy)))
        backends = {
            "fendmail-pass": {"kind": "postfix-pass", "address": f"unix:{pass_sockets[0]}"},
            "fendmail-proxy": {"kind": "proxy-v2", "address": to_text(proxy)},
        }
        for kind, backend in backends.items():
            for name, workers in ((kind, 1), (f"{kind}-2w", 2)):
                if name in names:
                    settings = fendmail_settings(conditions, backend, workers)
                    peers.append(enter(FendmailPeer(name, enter(scratch(name)), settings)))
        yield {peer.name: peer for peer in peers}


def storm_command(
    tools: Tools, scenario: str, target: Address, result: Path, arguments: Sequence[str]
) -> list[str]:
    return [str(tools["storm"]), scenario, to_text(target), "--json", str(result), *arguments]


def run_storm(
    tools: Tools, scenario: str, target: Address, arguments: Sequence[str], timeout: float
) -> dict:
    """One run of the load client, to its end; what it wrote."""
    with scratch("storm") as directory:
        result = directory / "result.json"
        run(storm_command(tools, scenario, target, result, arguments), timeout)
        return json.loads(result.read_text(encoding="ascii"))
