# SPDX-License-Identifier: Apache-2.0
"""A private unbound with the defaults of Debian's package: the resolver that most sites have."""

import signal
import socket

from .dns_client import ask
from .network import LOOPBACK4, Address, free_ports, to_text
from .process import Child, require_program
from .storm import scratch
from .waiting import wait_until

ATTEMPTS = 5

# What is not said is unbound's default, above all num-threads (1) and so-rcvbuf (0: the kernel's).
CONFIG = """\
server:
  interface: 127.0.0.1@{port}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  chroot: ""
  username: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  do-daemonize: no
  local-zone: "test." nodefault
  # No DNSSEC: there is no root here that would have signed anything.
  module-config: "iterator"
{more}remote-control:
  control-enable: no
stub-zone:
  name: "test."
  stub-addr: {server}@{server_port}
"""


class Unbound:
    """Asks `server` for everything below test. `more` are lines of its server section."""

    def __init__(self, server: Address, *more: str):
        self._server = server
        self._more = "".join(f"  {line}\n" for line in more)
        self._port = 0
        self._child: Child | None = None

    def __enter__(self) -> "Unbound":
        self._scratch = scratch("unbound")
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
        """This server as fendmail's configuration names it."""
        return to_text(self.address)

    def output(self) -> str:
        return "" if self._child is None else self._child.output()

    def pause(self) -> None:
        """From now on it leaves in its buffer what comes."""
        assert self._child is not None
        self._child.signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._child is not None
        self._child.signal(signal.SIGCONT)

    def _start(self) -> None:
        program = require_program("unbound", "unbound")
        file = self.directory / "unbound.conf"
        for _ in range(ATTEMPTS):
            self._port = free_ports(1, socket.SOCK_DGRAM)[0]
            server, server_port = self._server
            text = CONFIG.format(
                port=self._port,
                directory=self.directory,
                server=server,
                server_port=server_port,
                more=self._more,
            )
            file.write_text(text, encoding="ascii")
            self._child = Child([program, "-c", file], self.directory, "unbound")
            if self._is_up(self._child):
                return
        raise AssertionError(f"unbound does not start:\n{self.output()}")

    def _is_up(self, child: Child) -> bool:
        """Waits until it answers; False when it ended, as it does when its port is taken."""
        wait_until(
            lambda: not child.is_running() or self._answers("test"),
            lambda: f"an answer of unbound\n{child.output()}",
        )
        return child.is_running()

    def _answers(self, name: str) -> bool:
        try:
            ask(self.address, name, timeout=0.2)
        except (ConnectionRefusedError, TimeoutError):
            return False
        return True
