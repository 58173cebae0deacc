# SPDX-License-Identifier: Apache-2.0
"""A private rbldnsd: the program that real blocklists are served with."""

import shutil
import signal
import socket
from collections.abc import Mapping, Sequence

from .case import make_directory
from .dns_client import ask
from .logs import LogFile
from .network import LOOPBACK4, Address, free_ports, to_text
from .process import Child, require_program, require_root
from .waiting import wait_until

ATTEMPTS = 5
TTL = 60
USER = "rbldns"


class Rbldnsd:
    """Serves datasets given as (zone, type, text); a zone may have several.

    Several A records for one address need several datasets of one zone. `port` is for those who
    are alone in their network; others take what is free. It asks for a
    receive buffer of 64 KiB, which holds about 157 questions; without `logs_queries` it is as fast as it can be.
    """

    def __init__(
        self,
        datasets: Sequence[tuple[str, str, str]],
        port: int | None = None,
        logs_queries: bool = True,
    ):
        self._datasets = datasets
        self._wanted_port = port
        self._logs_queries = logs_queries
        self.directory = make_directory("rbldnsd")
        self.queries = LogFile(self.directory / "query.log")
        self._child: Child | None = None
        self._port = 0

    def __enter__(self) -> "Rbldnsd":
        try:
            self._start()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, *_) -> None:
        if self._child is not None:
            self._child.stop()
        shutil.rmtree(self.directory)

    @property
    def address(self) -> Address:
        return (LOOPBACK4, self._port)

    @property
    def resolver(self) -> str:
        """This server as fendmail's configuration names it."""
        return to_text(self.address)

    def pause(self) -> None:
        """From now on it leaves in its buffer what comes."""
        assert self._child is not None
        self._child.signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._child is not None
        self._child.signal(signal.SIGCONT)

    def _start(self) -> None:
        require_root("rbldnsd")
        program = require_program("rbldnsd", "rbldnsd")
        shutil.chown(self.directory, USER, USER)
        zones = [self._write(n, *dataset) for n, dataset in enumerate(self._datasets)]
        log = ["-l", f"+{self.queries.path}"] if self._logs_queries else []
        for _ in range(ATTEMPTS):
            self._port = self._wanted_port or free_ports(1, socket.SOCK_DGRAM)[0]
            command = [
                program, "-n", "-u", USER, "-w", self.directory, "-4", "-a", "-t", str(TTL),
                "-b", f"{LOOPBACK4}/{self._port}", *log, *zones,
            ]  # fmt: skip
            self._child = Child(command, self.directory, "rbldnsd")
            if self._is_up():
                return
        raise AssertionError(f"rbldnsd does not start:\n{self._child.output()}")

    def replace(self, number: int, text: str) -> None:
        """Another text for a dataset, which it reads soon; its answers show when."""
        assert self._child is not None
        zone, kind, _ = self._datasets[number]
        self._write(number, zone, kind, text)
        self._child.signal(signal.SIGHUP)

    def _write(self, number: int, zone: str, kind: str, text: str) -> str:
        """Writes one dataset's file; returns it as rbldnsd's argument."""
        name = f"{zone}.{number}"
        (self.directory / name).write_text(text, encoding="ascii")
        return f"{zone}:{kind}:{name}"

    def _is_up(self) -> bool:
        """Waits until it answers; False when it ended, as it does when its port is taken."""
        assert self._child is not None
        child = self._child
        zone = self._datasets[0][0]
        wait_until(
            lambda: not child.is_running() or _answers(self.address, zone),
            lambda: f"an answer of rbldnsd\n{child.output()}",
        )
        return child.is_running()


def _answers(address: Address, zone: str) -> bool:
    """Whether any reply comes."""
    try:
        ask(address, zone, timeout=0.2)
    except (ConnectionRefusedError, TimeoutError):
        return False
    return True


def zone_head(zone: str, ttl: int = TTL) -> str:
    """SOA and NS, which the first dataset of a zone needs: without SOA there is no negative TTL."""
    return (
        f"$SOA {ttl} ns.{zone}. admin.{zone}. 1 600 300 86400 {ttl}\n"
        f"$NS {ttl} ns.{zone}.\n"
        f"$TTL {ttl}\n"
    )


def dataset(
    zone: str, answer: str, entries: Mapping[str, str] | Sequence[str], ttl: int = TTL
) -> str:
    """The text of an ip4set or ip6trie: entries with one default answer, or one answer each."""
    head = f"{zone_head(zone, ttl)}:{answer}:listed in {zone}\n"
    if isinstance(entries, Mapping):
        lines = [f"{entry} :{value}:listed" for entry, value in entries.items()]
    else:
        lines = list(entries)
    return head + "\n".join(lines) + "\n"
