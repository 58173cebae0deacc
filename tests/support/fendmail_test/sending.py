# SPDX-License-Identifier: Apache-2.0
"""Mail servers as clients: Postfix's smtp(8) and Exim, each from an address of its own."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from .case import make_directory
from .exim import USER, program
from .logs import LogFile
from .network import Address
from .postfix import Postfix
from .process import require_root
from .smtp_client import deliver, make_message
from .waiting import wait_until

RECIPIENT = "user@example.test"

POSTFIX_MAIN_CF = """\
myhostname = postfix-client.example.org
syslog_name = postfix-out
virtual_mailbox_domains =
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtp_bind_address = {source}
smtp_tls_security_level = {tls}
smtp_tls_loglevel = 1
smtp_host_lookup = native
disable_dns_lookups = yes
transport_maps = static:smtp:[{host}]:{port}
"""


class PostfixClient:
    """A Postfix that sends everything to one server."""

    def __init__(self) -> None:
        self._postfix = Postfix(self._main_cf(("127.0.0.1", 25), "127.0.0.1", "none"))
        self.log = self._postfix.log

    def __enter__(self) -> "PostfixClient":
        self._postfix.__enter__()
        return self

    def __exit__(self, *_) -> None:
        self._postfix.__exit__()

    @staticmethod
    def _main_cf(server: Address, source: str, tls: str) -> str:
        return POSTFIX_MAIN_CF.format(source=source, tls=tls, host=server[0], port=server[1])

    def send(self, server: Address, source: str, message_id: str, tls: bool) -> None:
        """Returns when its smtp(8) has said what became of the mail, which must be `sent`."""
        self._postfix.reconfigure(
            self._main_cf(server, source, "encrypt" if tls else "none")
        )
        mark = self.log.mark()
        taken = deliver(self._postfix.plain, None, message_id)
        assert taken.accepted, f"the sending Postfix refused: {taken.reply}"
        self.log.wait_for(r" status=\w+ ", 30, mark)
        states = [found[1] for found in self.log.matches(r" status=(\w+) ", mark)]
        assert states == ["sent"], f"{states}\n{self.log.tail()}"


EXIM_CONFIG = """\
exim_path = {program}
primary_hostname = exim-client.example.org
spool_directory = {root}/spool
log_file_path = {root}/log/%slog
pid_file_path = {root}/run/exim.pid
never_users = root
deliver_drop_privilege = true
host_lookup =
keep_environment =
tls_advertise_hosts =
begin acl
begin routers
smarthost:
  driver = manualroute
  route_list = * {host}::{port} byname
  self = send
  transport = remote_smtp
begin transports
remote_smtp:
  driver = smtp
  interface = {source}
  {tls} = *
  tls_try_verify_hosts = !*
  tls_verify_hosts = !*
  tls_verify_cert_hostnames = !*
begin retry
* * F,2h,15m
begin rewrite
begin authenticators
"""


class EximClient:
    """Runs Exim once for each mail, in the foreground."""

    def __init__(self) -> None:
        require_root("Exim")
        self.directory = make_directory("exim-client")
        self.log = LogFile(self.directory / "log" / "mainlog")
        user = pwd.getpwnam(USER)
        for name in ("spool", "log", "run"):
            (self.directory / name).mkdir(mode=0o755)
            os.chown(self.directory / name, user.pw_uid, user.pw_gid)

    def __enter__(self) -> "EximClient":
        return self

    def __exit__(self, *_) -> None:
        shutil.rmtree(self.directory)

    def send(self, server: Address, source: str, message_id: str, tls: bool) -> None:
        """Returns when the mail is delivered; anything else is an error."""
        config: Path = self.directory / "exim.conf"
        config.write_text(
            EXIM_CONFIG.format(
                program=program(),
                root=self.directory,
                host=server[0],
                port=server[1],
                source=source,
                tls="hosts_require_tls" if tls else "hosts_avoid_tls",
            ),
            encoding="ascii",
        )
        mark = self.log.mark()
        done = subprocess.run(
            [program(), "-C", config, "-odf", "-oi", "-f", "sender@example.org", RECIPIENT],
            input=make_message(message_id), capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        wait_until(
            lambda: self.log.count(r"(=>|==|\*\*) \S+@", mark) > 0,
            lambda: f"Exim's verdict: {done.stdout!r} {done.stderr!r}\n{self.log.tail()}",
        )
        assert self.log.count(r"=> \S+@", mark) == 1, self.log.tail()
