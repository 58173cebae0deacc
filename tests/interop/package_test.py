#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian package on a fresh Debian with a real systemd: installed, configured, upgraded, removed and
purged, as an admin does it."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.booted_debian import BootedDebian
from fendmail_test.case import Case, main
from fendmail_test.packaging import PackagedDebian, make_newer, make_package
from fendmail_test.process import run

CONFIG = "/etc/fendmail/fendmail.toml"
EDITED = "# by the admin"
# Waits for the greeting and says goodbye; there is no mail server behind, so it is told 421.
CLIENT = "printf 'QUIT\\r\\n' | nc -w 20 -s 192.0.2.77 192.0.2.1 25"


class Package(Case):
    def setUp(self) -> None:
        super().setUp()
        self.built = self.directory("package")
        self.package = make_package(self.built)

    def test_depends_on_libraries_and_says_what_it_is(self) -> None:
        about = run(["dpkg-deb", "--field", self.package])
        self.assertRegex(about, r"(?m)^Version: \d+\.\d+\.\d+-1~deb1[23]$")
        depends = re.search(r"(?m)^Depends: (.*)$", about)
        self.assertIsNotNone(depends)
        for library in ("libc6", "libssl3", "liblmdb0", "libsystemd0", "libstdc++6", "adduser"):
            self.assertIn(library, depends[1])
        for of_file in (
            "usr/sbin/fendmail",
            "usr/sbin/fendmail-nft",
            "etc/fendmail/fendmail.toml",
            "usr/lib/systemd/system/fendmail.service",
            "usr/lib/systemd/system/fendmail.socket",
            "usr/lib/systemd/system/fendmail-nft.service",
            "usr/share/man/man8/fendmail.8.gz",
            "usr/share/man/man5/fendmail.toml.5.gz",
            "usr/share/bash-completion/completions/fendmail",
        ):
            self.assertRegex(self.contents(), rf"(?m)root/root .* \./{re.escape(of_file)}$")

    def test_holds_nothing_outside_its_places(self) -> None:
        files = re.findall(r"(?m)^-\S+ root/root +\d+ \S+ \S+ \./(\S+)$", self.contents())
        self.assertGreater(len(files), 20)
        places = (
            "etc/fendmail/fendmail.toml",
            "etc/logrotate.d/fendmail",
            "usr/sbin/fendmail",
            "usr/sbin/fendmail-nft",
            "usr/lib/systemd/system/fendmail",
            "usr/share/bash-completion/completions/fendmail",
            "usr/share/doc/fendmail/",
            "usr/share/man/man",
        )
        self.assertEqual([file for file in files if not file.startswith(places)], [])
        self.assertNotRegex(self.contents(), r"(?m)^-....w")

    def contents(self) -> str:
        return run(["dpkg-deb", "--contents", self.package])

    def test_from_the_installation_to_the_purge(self) -> None:
        newer = make_newer(self.package, self.built, "9.0-1")
        newest = make_newer(self.package, self.built, "9.1-1", "# another one\n")
        debs = [self.package, newer, newest]
        with PackagedDebian(self, ["adduser"], "debian package", debs) as mx:
            self.install(mx)
            self.configure(mx)
            self.upgrade(mx, newer.name)
            self.upgrade_of_the_unit(mx, newest.name)
            self.upgrade_that_cannot_start(mx)
            self.remove(mx)
            self.purge(mx)

    def install(self, mx: BootedDebian) -> None:
        mx.say("installed: it can be used and does nothing yet")
        mx.run(f"dpkg -i /mnt/{self.package.name}")
        self.assertEqual(mx.run("fendmail check").strip().splitlines()[-1], f"{CONFIG}: ok")
        self.assertIn("disabled", mx.run("systemctl is-enabled fendmail", status=1))
        self.assertIn("inactive", mx.run("systemctl is-active fendmail", status=3))
        self.assertNotIn(":25 ", mx.run("ss -ltn"))
        self.assertRegex(mx.run("id fendmail"), r"gid=\d+\(fendmail\)")
        self.assertIn("fendmail fendmail 750", mx.run("stat -c '%U %G %a' /var/lib/fendmail"))

    def configure(self, mx: BootedDebian) -> None:
        mx.say("configured and started")
        mx.run(
            f"printf '%s\\n' '{EDITED}' '[greet]' 'wait = \"0s\"' >> {CONFIG}\n"
            "echo key > /etc/fendmail/mx.key"
        )
        mx.run("systemctl enable --now fendmail")
        mx.wait("systemctl is-active fendmail", "^active$")
        self.assertRegex(mx.run("ss -ltnp"), r'0\.0\.0\.0:25 .*"fendmail"')
        self.assertIn("fendmail", mx.run("ps -o user= -C fendmail"))
        mx.wait("ls /var/lib/fendmail", "clients.lmdb")

    def upgrade(self, mx: BootedDebian, newer: str) -> None:
        mx.say("an upgrade keeps what was edited, takes over from what runs, and no client is refused")
        before = self.pid(mx), self.start(mx)
        told = mx.run(
            f"(while [ ! -e /tmp/over ]; do {CLIENT} || echo REFUSED; done) >/tmp/told 2>&1 &\n"
            f"dpkg -i /mnt/{newer}\n"
            "touch /tmp/over; wait; cat /tmp/told"
        )
        self.assertNotIn("REFUSED", told)
        self.assertGreater(len(re.findall(r"(?m)^(220|421)", told)), 5)
        mx.run(f"grep -qx '{EDITED}' {CONFIG}")
        self.assertNotEqual(self.pid(mx), before[0])
        self.assertEqual(self.start(mx), before[1])
        mx.run("systemctl is-active fendmail && systemctl is-enabled fendmail")

    def upgrade_of_the_unit(self, mx: BootedDebian, newest: str) -> None:
        mx.say("another unit: restarted, for the sandbox is that of the start")
        before = self.start(mx)
        mx.run(f"dpkg -i /mnt/{newest}")
        self.assertNotEqual(self.start(mx), before)
        mx.run("systemctl is-active fendmail && test ! -e /run/fendmail-unit")

    def pid(self, mx: BootedDebian) -> str:
        return mx.quiet("systemctl show -P MainPID fendmail")

    def start(self, mx: BootedDebian) -> str:
        """Which start of the service it is."""
        return mx.quiet("systemctl show -P InvocationID fendmail")

    def upgrade_that_cannot_start(self, mx: BootedDebian) -> None:
        mx.say("a version that does not take the configuration leaves the old one running")
        before = self.pid(mx)
        mx.run(f"echo '[nonsense]' >> {CONFIG}")
        told = mx.run(f"dpkg -i /mnt/{self.package.name}")
        self.assertIn(f"does not take {CONFIG}", told)
        self.assertEqual(self.pid(mx), before)
        mx.run(f"sed -i '$d' {CONFIG}")

    def remove(self, mx: BootedDebian) -> None:
        mx.say("removed: it has stopped, and all that was learned and written stays")
        mx.run("dpkg --remove fendmail")
        self.assertNotIn(":25 ", mx.run("ss -ltn"))
        mx.run(f"ls /var/lib/fendmail/clients.lmdb {CONFIG} && ! command -v fendmail")

    def purge(self, mx: BootedDebian) -> None:
        mx.say("purged: only the user, and what is the admin's")
        mx.run("dpkg --purge fendmail")
        left = mx.run(
            "find /etc /var /usr /run -xdev -iname '*fendmail*' -not -path '/var/lib/dpkg/*' | sort"
        )
        self.assertEqual(left.split(), ["/etc/fendmail"])
        self.assertEqual(mx.run("ls /etc/fendmail").split(), ["mx.key"])
        mx.run("id fendmail")


if __name__ == "__main__":
    main()
