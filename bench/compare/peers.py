# SPDX-License-Identifier: Apache-2.0
"""The front ends under test, each with the same settings before the same backend."""

import dataclasses
import resource
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from fendmail_test.case import make_directory
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.network import LOOPBACK4, Address, accepts, free_ports, to_text
from fendmail_test.postfix import Postfix
from fendmail_test.process import Child, require_program, run
from fendmail_test.waiting import wait_until

ZONES = ("one.bl.test", "two.bl.test", "three.bl.test", "four.bl.test")
MANY = 100_000
PASS_SERVICE = "bench-sink"
POSTSCREEN_PORT = 2525


@dataclasses.dataclass(frozen=True)
class Conditions:
    """What all peers have in common."""

    greet_wait: int  # seconds
    later_wait: int = 0  # the greet wait once known clients are known, unless it is the same
    dns_delay: int = 0  # milliseconds
    dns_loss: float = 0  # percent
    has_rbldnsd: bool = False  # a real one serves the lists, without delay or loss

    @property
    def longest_wait(self) -> int:
        return max(self.greet_wait, self.later_wait)


class Peer(Protocol):
    """A front end. `roots` are the processes whose trees belong to it."""

    name: str
    threads: int  # among which its work is spread
    screens: bool  # whether clients have to pass tests

    @property
    def address(self) -> Address: ...

    @property
    def roots(self) -> Sequence[int]: ...

    @property
    def version(self) -> str: ...

    def set_greet_wait(self, seconds: int) -> None:
        """Only of those who screen: from now on, without forgetting whom they know."""
        ...


class Direct:
    """No front end: what the load client and the backend need by themselves."""

    name = "direct"
    threads = 0
    screens = False
    roots: Sequence[int] = ()
    version = ""

    def __init__(self, backend: Address):
        self.address = backend


MAIN_CF = """\
smtpd_service_name = {service}
postscreen_dnsbl_sites = {sites}
postscreen_dnsbl_threshold = 1
postscreen_dnsbl_action = enforce
postscreen_dnsbl_min_ttl = 1h
postscreen_greet_wait = {wait}s
postscreen_greet_action = enforce
postscreen_access_list =
postscreen_client_connection_count_limit = {many}
postscreen_pre_queue_limit = {many}
postscreen_post_queue_limit = {many}
default_process_limit = 2000
"""
MASTER_CF = """\
127.0.0.1:{port} inet n - n - 1 postscreen
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
"""


def main_cf(greet_wait: int) -> str:
    return MAIN_CF.format(service=PASS_SERVICE, sites=", ".join(ZONES), wait=greet_wait, many=MANY)


class Postscreen(Postfix):
    """A private Postfix of which postscreen and its helpers are used."""

    name = "postscreen"
    threads = 1  # dnsblog's processes have no part in what known clients cost
    screens = True

    def __init__(self, conditions: Conditions):
        super().__init__(main_cf(conditions.greet_wait), MASTER_CF.format(port=POSTSCREEN_PORT))

    @property
    def address(self) -> Address:
        return (LOOPBACK4, POSTSCREEN_PORT)

    @property
    def roots(self) -> Sequence[int]:
        master = self.master_pid()
        assert master is not None, "Postfix has ended"
        return (master,)

    def set_greet_wait(self, seconds: int) -> None:
        self.reconfigure(main_cf(seconds))

    @property
    def pass_socket(self) -> Path:
        """Where postscreen hands clients over: nobody but our sink listens there."""
        return self.directory / "spool" / "private" / PASS_SERVICE

    @property
    def version(self) -> str:
        return run([require_program("postconf", "postfix"), "-d", "-h", "mail_version"]).strip()


def greet_settings(wait: int) -> Settings:
    return {"greet": {"wait": f"{wait}s", "wait_under_stress": f"{wait}s"}}


def fendmail_settings(conditions: Conditions, backend: dict[str, str], workers: int) -> Settings:
    return {
        **greet_settings(conditions.greet_wait),
        "server": {"workers": workers},
        "backend": backend,
        "dnsbl": {"sites": list(ZONES), "resolvers": [f"{LOOPBACK4}:53"], "min_ttl": "1h"},
        "limits": {"clients_per_address": MANY, "screening": MANY, "handing_off": MANY},
    }


class FendmailPeer(Fendmail):
    """fendmail with one kind of backend."""

    screens = True

    def __init__(self, name: str, directory: Path, settings: Settings):
        super().__init__(directory, settings)
        self.name = name
        self.threads = int(settings["server"]["workers"])

    def set_greet_wait(self, seconds: int) -> None:
        mark = self.log.mark()
        self.write_config(greet_settings(seconds))
        self.reload()
        self.expect_log("reloaded configuration", after=mark)

    @property
    def roots(self) -> Sequence[int]:
        return (self.child.pid,)

    @property
    def version(self) -> str:
        return run_command("--version").stdout.strip()


HAPROXY_CFG = """\
global
    log stderr format raw local0
    maxconn {maxconn}
    nbthread 1

defaults
    mode tcp
    log global
    option tcplog
    timeout connect 5s
    timeout client 5m
    timeout server 5m

frontend mx
    bind {listen}
    default_backend sink

backend sink
    server sink {backend} send-proxy-v2
"""


class HaproxyPeer:
    """HAProxy in TCP mode, which tells the backend the client's address."""

    name = "haproxy"
    threads = 1
    screens = False

    def __init__(self, backend: Address):
        self.directory = make_directory("haproxy")
        self._backend = backend
        self.address: Address = (LOOPBACK4, 0)
        self._child: Child | None = None

    def __enter__(self) -> "HaproxyPeer":
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        # In our own network nobody takes the port between this and the start.
        self.address = (LOOPBACK4, free_ports(1)[0])
        file = self.directory / "haproxy.cfg"
        text = HAPROXY_CFG.format(
            # It refuses to start when it may not have two descriptors for each.
            maxconn=(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 2,
            listen=to_text(self.address),
            backend=to_text(self._backend),
        )
        file.write_text(text, encoding="ascii")
        program = require_program("haproxy", "haproxy")
        child = self._child = Child([program, "-db", "-f", file], self.directory, "haproxy")
        wait_until(
            lambda: not child.is_running() or accepts(self.address),
            lambda: f"HAProxy: {child.output()}",
        )
        assert child.is_running(), f"HAProxy does not start: {child.output()}"

    def __exit__(self, *_) -> None:
        if self._child is not None:
            self._child.stop()
        shutil.rmtree(self.directory)

    @property
    def roots(self) -> Sequence[int]:
        assert self._child is not None
        return (self._child.pid,)

    @property
    def version(self) -> str:
        return run([require_program("haproxy", "haproxy"), "-v"]).split()[2]
