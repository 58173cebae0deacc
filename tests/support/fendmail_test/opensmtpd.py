# SPDX-License-Identifier: Apache-2.0
"""A private OpenSMTPD with a plain port and a PROXY port, delivering to one maildir.

It knows one place for its spool, its helpers and its socket, and as a package it cannot stand
beside Postfix: so it runs in a root of its own, an overlay over the machine's that lives in memory.
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from .case import make_directory
from .logs import LogFile
from .mailbox import Maildir
from .network import LOOPBACK4, LOOPBACK6, Address, accepts, free_ports, to_text
from .process import Child, require_program, require_root
from .sink import PROBE
from .tls import make_certificate
from .waiting import wait_until

HOSTNAME = "opensmtpd.example.test"
ATTEMPTS = 5
# scripts/install-packages unpacks it there.
UNPACKED = Path(__file__).resolve().parents[3] / "build" / "opensmtpd"

CONFIG = """\
pki own cert "/mnt/cert.pem"
pki own key "/mnt/key.pem"
smtp max-message-size 50M
listen on 127.0.0.1 port {plain} {tls} hostname {hostname}
{proxies}
action "local" maildir "/mnt/mail"
match from any for domain "example.test" action "local"
"""
PROXY = "listen on {host} port {port} {tls} hostname {hostname} proxy-v2\n"
TLS = "tls pki own"

# $1 is the unpacked package, $2 the directory that the tests see, $3 the log. No name server answers at
# 127.0.0.1, which smtpd notices at once; it asks for the name of each client.
START = """
set -eu
exec >>"$3" 2>&1
mount --make-rprivate /
mount -t tmpfs tmpfs "$2/root"
cd "$2/root"
mkdir upper work all
mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" all
mount --rbind /dev all/dev
mount -t proc proc all/proc
mount --bind "$2/shared" all/mnt
cp -a "$1/usr/." all/usr/
rm -f all/etc/resolv.conf all/etc/mailname
echo nameserver 127.0.0.1 >all/etc/resolv.conf
echo {hostname} >all/etc/mailname
exec chroot all /bin/sh -euc '
    mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
    for name in opensmtpd opensmtpq user; do
        id "$name" >/dev/null 2>&1 || useradd --system --no-create-home --user-group "$name"
    done
    chmod 711 /var/spool/smtpd
    install -d -o user /mnt/mail
    exec /usr/sbin/smtpd -d -f /mnt/smtpd.conf'
"""


class OpenSmtpd:
    """Runs as long as the context manager."""

    def __init__(self) -> None:
        self.directory = make_directory("opensmtpd")
        self.shared = self.directory / "shared"
        self.log = LogFile(self.directory / "opensmtpd.log")
        self.mailbox = Maildir(self.shared / "mail")
        self._ports: dict[str, int] = {}
        self._child: Child | None = None
        self._plain_is_proxy = False

    def __enter__(self) -> "OpenSmtpd":
        try:
            require_root("OpenSMTPD")
            if not (UNPACKED / "usr" / "sbin" / "smtpd").exists():
                raise AssertionError(
                    f"{UNPACKED} is missing: `scripts/install-packages test` unpacks Debian's "
                    "package opensmtpd there"
                )
            self.shared.mkdir(mode=0o755)
            (self.directory / "root").mkdir(mode=0o755)
            for file in make_certificate(self.shared, HOSTNAME, "rsa"):
                os.chmod(file, 0o600)
            self.start()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()
        shutil.rmtree(self.directory)

    @property
    def speaks_tls(self) -> bool:
        """Version 6.8 of Debian 12 ends every handshake with OpenSSL 3, by whatever key and cipher."""
        told = subprocess.run(
            [UNPACKED / "usr/sbin/smtpd", "-h"], capture_output=True, text=True, timeout=10, check=False
        )
        version = re.search(r"OpenSMTPD (\d+)\.", told.stdout + told.stderr)
        assert version, told
        return int(version[1]) >= 7

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
        which = rf"(?!{re.escape(PROBE)} )\S+" if client is None else re.escape(client)
        return self.log.count(rf" smtp connected address={which} ", after)

    def probed(self, after: int = 0) -> bool:
        """Whether fendmail has asked it, and is done."""
        for found in self.log.matches(
            rf"^(\w+) smtp connected address={re.escape(PROBE)} ", after
        ):
            if self.log.count(rf"^{found[1]} smtp disconnected", after):
                return True
        return False

    def expect_headers_everywhere(self, do_so: bool) -> None:
        """Whether the plain port expects the PROXY header as well; starts it anew."""
        self._plain_is_proxy = do_so
        self.stop()
        self.start()

    def start(self) -> None:
        """Starts it; takes other ports as long as somebody has one of them."""
        unshare = require_program("unshare", "util-linux")
        for _ in range(ATTEMPTS):
            if not self._ports:
                self._ports = dict(zip(("plain", "proxy"), free_ports(2), strict=True))
            self._write_config()
            self._child = Child(
                [unshare, "--mount", "--", "/bin/sh", "-c", START.format(hostname=HOSTNAME),
                 "opensmtpd", UNPACKED, self.directory, self.log.path],
                self.directory, "opensmtpd",
            )  # fmt: skip
            if self._is_up():
                return
            self._ports = {}
        raise AssertionError(f"OpenSMTPD does not start:\n{self.log.tail()}")

    def stop(self) -> None:
        """Stops it; its ports stay its own for the next start."""
        if self._child is not None:
            self._child.stop()

    def pause(self) -> None:
        """Freezes all its processes: connections are taken by the kernel only."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._child is not None
        children = Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children")
        for pid in children.read_text(encoding="ascii").split():
            os.kill(int(pid), number)

    def _write_config(self) -> None:
        tls = TLS if self.speaks_tls else ""
        proxies = "".join(
            PROXY.format(host=host, port=self._ports["proxy"], hostname=HOSTNAME, tls=tls)
            for host in (LOOPBACK4, LOOPBACK6)
        )
        text = CONFIG.format(hostname=HOSTNAME, proxies=proxies, tls=tls, **self._ports)
        if self._plain_is_proxy:
            text = re.sub(rf"(?m)^(listen on .* port {self._ports['plain']} .*)$", r"\1 proxy-v2", text)
        (self.shared / "smtpd.conf").write_text(text, encoding="ascii")

    def _is_up(self) -> bool:
        """Waits until it listens; False when it ended, as it does when a port is taken."""
        assert self._child is not None
        child = self._child
        wait_until(
            lambda: not child.is_running() or accepts(self.plain),
            lambda: f"OpenSMTPD\n{self.log.tail()}",
            30,
        )
        return child.is_running()
