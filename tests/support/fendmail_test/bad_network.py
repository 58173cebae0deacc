# SPDX-License-Identifier: Apache-2.0
"""A network in front of a name server that loses, delays, reorders and duplicates datagrams."""

import json
import socket
from collections.abc import Mapping

from .network import LOOPBACK4, Address, free_ports, to_text
from .process import Child
from .storm import scratch, tool
from .waiting import wait_until

ATTEMPTS = 5


class BadNetwork:
    """`lossy` of bench/; `conditions` are its options without the dashes."""

    def __init__(self, server: Address, conditions: Mapping[str, float]):
        self._server = server
        self._conditions = dict(conditions)
        self._port = 0
        self._child: Child | None = None
        self._scratch = scratch("lossy")

    def __enter__(self) -> "BadNetwork":
        self.directory = self._scratch.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        if self._child is not None:
            self._child.stop()
        self._scratch.__exit__(None, None, None)

    @property
    def address(self) -> Address:
        return (LOOPBACK4, self._port)

    @property
    def resolver(self) -> str:
        """As fendmail's configuration names it."""
        return to_text(self.address)

    def _start(self) -> None:
        for _ in range(ATTEMPTS):
            self._port = free_ports(1, socket.SOCK_DGRAM)[0]
            if self._run():
                return
        assert self._child is not None
        raise AssertionError(f"lossy does not start: {self._child.output()}")

    def _run(self) -> bool:
        """On the port it has; False when somebody else took it."""
        command = [tool("lossy"), "--listen", self.resolver, "--server", to_text(self._server)]
        for name, value in self._conditions.items():
            command += [f"--{name}", f"{value:g}"]
        child = self._child = Child(command, self.directory, "lossy")
        wait_until(
            lambda: not child.is_running() or child.stdout.matches("^ready$"),
            lambda: f"lossy: {child.output()}",
        )
        return child.is_running()

    def become(self, conditions: Mapping[str, float]) -> None:
        """Other conditions from now on, at the same address."""
        self.stop()
        self._conditions = dict(conditions)
        assert self._run(), "the port was taken meanwhile"

    def stop(self) -> dict[str, int]:
        """Ends it; what it counted."""
        assert self._child is not None
        self._child.stop()
        return json.loads(self._child.stdout.text().splitlines()[-1])
