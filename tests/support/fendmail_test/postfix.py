# SPDX-License-Identifier: Apache-2.0
"""A private Postfix: smtpd behind each kind of hand-off, delivering to one maildir."""

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
from .process import require_program, require_root, run
from .sink import PROBE
from .tls import make_certificate
from .waiting import wait_until

HOSTNAME = "mx.example.test"
RECIPIENT = "user@example.test"
MESSAGE_SIZE_LIMIT = 50_000_000
ATTEMPTS = 5


def version() -> tuple[int, ...]:
    """Of the installed Postfix: (3, 7) on Debian 12, (3, 10) on Debian 13."""
    said = run([require_program("postconf", "postfix"), "-dh", "mail_version"])
    return tuple(int(part) for part in said.strip().splitlines()[-1].split(".")[:2])


MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {root}/spool
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
meta_directory = {root}/etc
mail_owner = postfix
setgid_group = postdrop
maillog_file = {log}
maillog_file_prefixes = {root}
syslog_name = pfx
myhostname = {hostname}
mydomain = example.test
myorigin = example.test
mydestination =
inet_interfaces = 127.0.0.1, ::1
inet_protocols = all
# The test's clients come from 127.0.0.0/8 and must not be trusted: only .1 is.
mynetworks = 127.0.0.1/32
relay_domains =
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_client_port_logging = yes
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
message_size_limit = {message_size_limit}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = example.test
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = inline:{{ {{user@example.test=user/}} }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
alias_maps =
alias_database =
local_recipient_maps =
smtpd_authorized_xclient_hosts =
smtputf8_enable = yes
notify_classes =
in_flow_delay = 0
"""

# Services that face the front end; {ports} are its own, each smtpd has a name in the log.
MASTER_CF = """\
127.0.0.1:{plain} inet n - n - - smtpd
  -o syslog_name=pfx/plain
127.0.0.1:{proxy} inet n - n - - smtpd
  -o syslog_name=pfx/proxy
  -o smtpd_upstream_proxy_protocol=haproxy
[::1]:{proxy} inet n - n - - smtpd
  -o syslog_name=pfx/proxy6
  -o smtpd_upstream_proxy_protocol=haproxy
127.0.0.1:{xclient} inet n - n - - smtpd
  -o syslog_name=pfx/xclient
  -o smtpd_authorized_xclient_hosts=127.0.0.1/32
smtpd pass - - n - - smtpd
  -o syslog_name=pfx/pass
smtpdpub pass n - n - - smtpd
  -o syslog_name=pfx/passpub
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Starts as a context manager; may be stopped and started again meanwhile.

    `main_cf` and `master_cf` are added to its own files.
    """

    def __init__(self, main_cf: str = "", master_cf: str = "") -> None:
        self._more_main_cf, self._more_master_cf = main_cf, master_cf
        self.directory = make_directory("postfix")
        self.log = LogFile(self.directory / "log" / "maillog")
        self.mailbox = Maildir(self.directory / "mail" / "user")
        self._etc = self.directory / "etc"
        self._ports: dict[str, int] = {}

    def __enter__(self) -> "Postfix":
        try:
            require_root("Postfix")
            require_program("postfix", "postfix")
            self._prepare()
            self.start()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, *_) -> None:
        try:
            if self.master_pid() is not None:
                self.stop()
        finally:
            self.kill()
            shutil.rmtree(self.directory)

    # ── where its services are ───────────────────────────────────────────────────────────────

    @property
    def plain(self) -> Address:
        return (LOOPBACK4, self._ports["plain"])

    @property
    def proxy(self) -> Address:
        return (LOOPBACK4, self._ports["proxy"])

    @property
    def proxy6(self) -> Address:
        return (LOOPBACK6, self._ports["proxy"])

    @property
    def xclient(self) -> Address:
        return (LOOPBACK4, self._ports["xclient"])

    @property
    def pass_private(self) -> Path:
        return self.directory / "spool" / "private" / "smtpd"

    @property
    def pass_public(self) -> Path:
        return self.directory / "spool" / "public" / "smtpdpub"

    def backend(self, kind: str) -> dict[str, str]:
        """fendmail's [backend] section for a kind of hand-off."""
        addresses = {
            "plain": to_text(self.plain),
            "proxy-v1": to_text(self.proxy),
            "proxy-v2": to_text(self.proxy),
            "xclient": to_text(self.xclient),
            "postfix-pass": f"unix:{self.pass_private}",
        }
        return {"kind": kind, "address": addresses[kind]}

    # ── life ─────────────────────────────────────────────────────────────────────────────────

    def _prepare(self) -> None:
        postfix = pwd.getpwnam("postfix")
        for name in ("etc", "spool", "data", "log", "mail", "tls"):
            (self.directory / name).mkdir(mode=0o755)
        for name in ("data", "mail"):
            os.chown(self.directory / name, postfix.pw_uid, postfix.pw_gid)
        for name in ("dynamicmaps.cf", "postfix-files"):
            shutil.copy(Path("/etc/postfix") / name, self._etc)
        make_certificate(self.directory / "tls", HOSTNAME)
        self._write_main_cf()

    def _write_main_cf(self) -> None:
        postfix = pwd.getpwnam("postfix")
        main = MAIN_CF.format(
            root=self.directory,
            log=self.log.path,
            hostname=HOSTNAME,
            certificate=self.directory / "tls" / "cert.pem",
            key=self.directory / "tls" / "key.pem",
            uid=postfix.pw_uid,
            gid=postfix.pw_gid,
            message_size_limit=MESSAGE_SIZE_LIMIT,
        )
        main = _overridden(main, self._more_main_cf)
        # At once: a process that begins meanwhile must not read half of it.
        fresh = self._etc / "main.cf.new"
        fresh.write_text(main + "\n", encoding="ascii")
        fresh.rename(self._etc / "main.cf")

    def reconfigure(self, main_cf: str) -> None:
        """Other additions to main.cf, for processes that begin from now on."""
        self._more_main_cf = main_cf
        self._write_main_cf()
        mark = self.log.mark()
        self._postfix("reload")
        self.log.wait_for(r"reload -- version", 10, mark)

    def start(self) -> None:
        """Starts it; takes other ports as long as somebody has one of them."""
        for _ in range(ATTEMPTS):
            if not self._ports:
                names = ("plain", "proxy", "xclient")
                self._ports = dict(zip(names, free_ports(len(names)), strict=True))
            master = MASTER_CF.format(**self._ports)
            (self._etc / "master.cf").write_text(master + self._more_master_cf, encoding="ascii")
            mark = self.log.mark()
            try:
                self._postfix("start")
            except AssertionError as error:
                if not self.log.matches("Address already in use", mark):
                    what = f"Postfix does not start: {error}\n{self.log.tail()}"
                    raise AssertionError(what) from None
                self._ports = {}
                continue
            wait_until(lambda: accepts(self.plain), lambda: f"Postfix\n{self.log.tail()}")
            return
        raise AssertionError(f"Postfix finds no free ports:\n{self.log.tail()}")

    def stop(self) -> None:
        """Stops it; its ports stay its own for the next start."""
        self._postfix("stop")
        wait_until(lambda: self.master_pid() is None, "the end of Postfix's master")

    def pause(self) -> None:
        """Freezes master and all its processes: connections are taken by the kernel only."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def _postfix(self, action: str) -> None:
        run([require_program("postfix", "postfix"), "-c", self._etc, action], timeout=60)

    def master_pid(self) -> int | None:
        """The pid of this instance's master, None when it does not run."""
        file = self.directory / "spool" / "pid" / "master.pid"
        if not file.exists():
            return None
        text = file.read_text(encoding="ascii").strip()
        if not text or not _is_alive(int(text)):
            return None
        return int(text)

    def _pids(self) -> list[int]:
        """master and its children."""
        master = self.master_pid()
        assert master is not None, "Postfix does not run"
        everyone = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [master, *(pid for pid in everyone if _parent(pid) == master)]

    def kill(self) -> None:
        """Ends master and its children with SIGKILL, if they run."""
        master = self.master_pid()
        if master is not None:
            for pid in reversed(self._pids()):
                os.kill(pid, signal.SIGKILL)

    # ── what it saw ──────────────────────────────────────────────────────────────────────────

    def connects(self, client: str | None = None, after: int = 0) -> int:
        """How many sessions its log has, of this client address or of all clients."""
        which = rf"(?!{re.escape(PROBE)}\])\S+" if client is None else re.escape(client)
        return self.log.count(rf": connect from [^\s\[]*\[{which}\]", after)


def _overridden(main_cf: str, by: str) -> str:
    """Both texts without what the first says in vain: each such line is a warning at every start
    of a process, and more than ten of them block postlogd, which writes them to itself."""
    names = {line.partition("=")[0].strip() for line in by.splitlines()}
    kept = [line for line in main_cf.splitlines() if line.partition("=")[0].strip() not in names]
    return "\n".join([*kept, by])


def _parent(pid: int) -> int | None:
    """The parent's pid, None when the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(status.partition("PPid:")[2].split()[0])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
