# SPDX-License-Identifier: Apache-2.0
"""A private Exim with a plain port and a PROXY port, delivering to one maildir."""

import os
import pwd
import re
import shutil
import signal
from pathlib import Path

from .case import make_directory
from .logs import LogFile
from .mailbox import Maildir
from .network import LOOPBACK4, LOOPBACK6, Address, accepts, free_ports, to_text
from .process import Child, require_root
from .sink import PROBE
from .tls import make_certificate
from .waiting import wait_until

HOSTNAME = "exim.example.test"
USER = "Debian-exim"
ATTEMPTS = 5
# scripts/install-packages unpacks it there: as a package it cannot stand beside Postfix.
UNPACKED = Path(__file__).resolve().parents[3] / "build" / "exim" / "usr" / "sbin" / "exim4"

CONFIG = """\
exim_path = {program}
primary_hostname = {hostname}
spool_directory = {root}/spool
log_file_path = {root}/log/%slog
pid_file_path = {root}/run/exim.pid
local_interfaces = <; 127.0.0.1.{plain} ; 127.0.0.1.{proxy} ; [::1]:{proxy}
daemon_smtp_ports = {plain}
# Only the second port speaks PROXY. "<;" because a list with colons would cut ::1 apart.
hosts_proxy = ${{if eq{{$received_port}}{{{proxy}}}{{<; 127.0.0.1 ; ::1}}{{}}}}
never_users = root
deliver_drop_privilege = true
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 100
smtp_banner = {hostname} ESMTP Exim
pipelining_advertise_hosts = *
chunking_advertise_hosts = *
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
message_size_limit = 50M
log_selector = +proxy +incoming_port +incoming_interface +smtp_connection +tls_cipher
acl_smtp_connect = acl_connect
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
domainlist local_domains = example.test
begin acl
acl_connect:
  accept logwrite = CONNECT client=[$sender_host_address]:$sender_host_port
acl_rcpt:
  deny  message = relay not permitted
        !domains = +local_domains
  accept
acl_data:
  accept
begin routers
local:
  driver = accept
  domains = +local_domains
  transport = to_maildir
begin transports
to_maildir:
  driver = appendfile
  directory = {root}/mail/user
  maildir_format
  user = {user}
begin retry
* * F,2h,15m
begin rewrite
begin authenticators
"""


def program() -> Path:
    """exim4-daemon-heavy, which alone knows hosts_proxy."""
    path = Path(os.environ.get("TEST_EXIM", UNPACKED))
    if not path.exists():
        raise AssertionError(
            f"{path} is missing: `scripts/install-packages test` unpacks Debian's package "
            "exim4-daemon-heavy there"
        )
    return path


class Exim:
    """Runs as long as the context manager."""

    def __init__(self) -> None:
        self.directory = make_directory("exim")
        self.log = LogFile(self.directory / "log" / "mainlog")
        self.mailbox = Maildir(self.directory / "mail" / "user")
        self._ports: dict[str, int] = {}
        self._child: Child | None = None
        self._plain_is_proxy = False

    def __enter__(self) -> "Exim":
        try:
            require_root("Exim")
            self._prepare()
            self.start()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()
        shutil.rmtree(self.directory)

    @property
    def plain(self) -> Address:
        return (LOOPBACK4, self._ports["plain"])

    @property
    def proxy(self) -> Address:
        return (LOOPBACK4, self._ports["proxy"])

    @property
    def proxy6(self) -> Address:
        return (LOOPBACK6, self._ports["proxy"])

    def backend(self, kind: str) -> dict[str, str]:
        """fendmail's [backend] section for a kind of hand-off."""
        address = self.plain if kind == "plain" else self.proxy
        return {"kind": kind, "address": to_text(address)}

    def connects(self, client: str | None = None, after: int = 0) -> int:
        """How many sessions its log has, of this client address or of all clients."""
        which = rf"(?!{re.escape(PROBE)}\])\S+" if client is None else re.escape(client)
        return self.log.count(rf"CONNECT client=\[{which}\]", after)

    def probed(self, after: int = 0) -> bool:
        """Whether fendmail has asked it, and is done."""
        return self.log.count(rf"SMTP connection from .*\[{re.escape(PROBE)}\].* closed", after) > 0

    def expect_headers_everywhere(self, do_so: bool) -> None:
        """Whether the plain port expects the PROXY header as well; starts it anew."""
        self._plain_is_proxy = do_so
        self.stop()
        self.start()

    def _prepare(self) -> None:
        try:
            user = pwd.getpwnam(USER)
        except KeyError:
            raise AssertionError(
                f"user {USER} is missing: run scripts/install-packages test"
            ) from None
        for name in ("spool", "log", "mail", "run"):
            (self.directory / name).mkdir(mode=0o755)
            os.chown(self.directory / name, user.pw_uid, user.pw_gid)
        for file in make_certificate(self.directory, HOSTNAME):
            os.chown(file, user.pw_uid, user.pw_gid)

    def _write_config(self) -> Path:
        path = self.directory / "exim.conf"
        text = CONFIG.format(
            program=program(),
            hostname=HOSTNAME,
            root=self.directory,
            certificate=self.directory / "cert.pem",
            key=self.directory / "key.pem",
            user=USER,
            **self._ports,
        )
        if self._plain_is_proxy:
            text = re.sub(r"(?m)^hosts_proxy = .*$", "hosts_proxy = <; 127.0.0.1 ; ::1", text)
        path.write_text(text, encoding="ascii")
        return path

    def start(self) -> None:
        """Starts it; takes other ports as long as somebody has one of them."""
        for _ in range(ATTEMPTS):
            if not self._ports:
                self._ports = dict(zip(("plain", "proxy"), free_ports(2), strict=True))
            config = self._write_config()
            self._child = Child([program(), "-C", config, "-bdf", "-q1m"], self.directory, "exim")
            if self._is_up():
                return
            self._ports = {}
        raise AssertionError(f"Exim does not start:\n{self._child.output()}\n{self.log.tail()}")

    def stop(self) -> None:
        """Stops it; its ports stay its own for the next start."""
        if self._child is not None:
            self._child.stop()

    def pause(self) -> None:
        """Freezes the daemon: connections are taken by the kernel only."""
        assert self._child is not None
        self._child.signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._child is not None
        self._child.signal(signal.SIGCONT)

    def _is_up(self) -> bool:
        """Waits until it listens; False when it ended, as it does when a port is taken."""
        assert self._child is not None
        child = self._child
        wait_until(
            lambda: not child.is_running() or accepts(self.plain),
            lambda: f"Exim\n{child.output()}\n{self.log.tail()}",
        )
        return child.is_running()
