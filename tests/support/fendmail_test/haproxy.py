# SPDX-License-Identifier: Apache-2.0
"""A private HAProxy in TCP mode: the load balancer that most put in front of their mail servers."""

import csv
import shutil
import socket

from .case import make_directory
from .network import LOOPBACK4, LOOPBACK6, Address, accepts, free_ports, to_text
from .process import Child, require_program
from .waiting import wait_until

ATTEMPTS = 5

CONFIG = """\
global
    log stderr format raw local0
    stats socket {directory}/socket mode 600 level user
    maxconn 500

defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    timeout check 2s

frontend mx
    bind {listen4}
    bind {listen6}
    default_backend fendmail

backend fendmail
    {checks}
    source {source}
    server mx1 {server} {options}
"""


class Haproxy:
    """Passes connections on to `server`, coming from `source`.

    `checks` is a line of the backend, such as "option smtpchk"; `options` are those of the server.
    """

    def __init__(self, server: Address, source: str, checks: str, options: str):
        self._server = server
        self._source = source
        self._checks = checks
        self._options = options
        self._port = 0
        self.directory = make_directory("haproxy")
        self._child: Child | None = None

    def __enter__(self) -> "Haproxy":
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
    def address6(self) -> Address:
        return (LOOPBACK6, self._port)

    @property
    def output(self) -> str:
        assert self._child is not None
        return self._child.output()

    def _start(self) -> None:
        program = require_program("haproxy", "haproxy")
        path = self.directory / "haproxy.cfg"
        for _ in range(ATTEMPTS):
            self._port = free_ports(1)[0]
            path.write_text(
                CONFIG.format(
                    directory=self.directory,
                    listen4=to_text(self.address),
                    listen6=to_text(self.address6),
                    checks=self._checks,
                    source=self._source,
                    server=to_text(self._server),
                    options=self._options,
                ),
                encoding="ascii",
            )
            self._child = Child([program, "-db", "-f", path], self.directory, "haproxy")
            if self._is_up():
                return
        raise AssertionError(f"HAProxy does not start:\n{self.output}")

    def _is_up(self) -> bool:
        """Waits until it listens; False when it ended, as it does when its port is taken."""
        assert self._child is not None
        child = self._child
        wait_until(
            lambda: not child.is_running() or (self.directory / "socket").exists(),
            lambda: f"the start of HAProxy\n{child.output()}",
        )
        wait_until(
            lambda: not child.is_running() or accepts(self.address),
            lambda: f"HAProxy on {to_text(self.address)}\n{child.output()}",
        )
        return child.is_running()

    def server_state(self) -> dict[str, str]:
        """What `show stat` says of the server: status, check_status, check_code and more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.settimeout(10)
            control.connect(str(self.directory / "socket"))
            control.sendall(b"show stat\n")
            text = b""
            while got := control.recv(65536):
                text += got
        rows = csv.DictReader(text.decode("ascii").removeprefix("# ").splitlines())
        return next(row for row in rows if row["svname"] == "mx1")

    def wait_for_check(self, result: str, timeout: float = 20.0) -> None:
        """Waits until the last check ended like this: "L7OK", "L4OK", "L7STS", …"""
        wait_until(
            lambda: self.server_state()["check_status"] == result,
            lambda: f"check_status {result}: {self.server_state()}\n{self.output}",
            timeout,
        )
