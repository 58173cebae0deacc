#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The units that are shipped, by what systemd's own tools say of them."""

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail import binary
from fendmail_test.process import require_program

CONFIG = Path(__file__).resolve().parents[2] / "config"
SERVICE = CONFIG / "fendmail.service"
SOCKET = CONFIG / "fendmail.socket"
REPORT = CONFIG / "fendmail-report.service"
FEED_SERVICE = CONFIG / "fendmail-feed@.service"
FEED_TIMER = CONFIG / "fendmail-feed@.timer"
NFT = CONFIG / "fendmail-nft.service"
EXPOSURE_MAX = {SERVICE: 2.0, NFT: 2.0, FEED_SERVICE: 2.0, REPORT: 6.5}
# systemd.exec(5), NoNewPrivileges=: for a service of a user each of these implies it.
TAKE_THE_BITS_OF_FILES = {
    "NoNewPrivileges", "DynamicUser", "LockPersonality", "MemoryDenyWriteExecute", "PrivateDevices",
    "ProtectClock", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules",
    "ProtectKernelTunables", "RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime",
    "RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallFilter", "SystemCallLog",
}  # fmt: skip


class Units(Case):
    def analyze(self, *arguments: str | Path) -> str:
        done = subprocess.run(
            [require_program("systemd-analyze", "systemd"), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_the_services_are_exposed_no_more_than_they_must_be(self) -> None:
        for unit, limit in EXPOSURE_MAX.items():
            with self.subTest(unit.name):
                told = self.analyze("--no-pager", "security", "--offline=true", unit)
                found = re.search(r"Overall exposure level for fendmail\S*: (\d+\.\d+)", told)
                self.assertIsNotNone(found, told)
                self.assertLess(float(found[1]), limit, told)

    def test_the_report_can_be_sent_by_a_sendmail_that_changes_its_group_or_user(self) -> None:
        """Postfix's postdrop is set-group-ID, Exim's sendmail set-user-ID."""
        keys = set(re.findall(r"^(\w+)=", REPORT.read_text(encoding="utf-8"), re.M))
        self.assertEqual(keys & TAKE_THE_BITS_OF_FILES, set())

    def test_systemd_understands_each_line(self) -> None:
        directory = self.directory("units")
        service = SERVICE.read_text(encoding="utf-8").replace("=fendmail ", f"={binary()} ")
        for name, text in (
            ("fendmail.service", service),
            ("fendmail.socket", SOCKET.read_text(encoding="utf-8")),
            (NFT.name, NFT.read_text(encoding="utf-8").replace(
                "=fendmail-nft ", f"={binary().parent}/fendmail-nft ")),
            (REPORT.name, REPORT.read_text(encoding="utf-8")),
            ("fendmail-feed@drop.service", FEED_SERVICE.read_text(encoding="utf-8")),
            ("fendmail-feed@drop.timer", FEED_TIMER.read_text(encoding="utf-8")),
        ):
            (directory / name).write_text(text, encoding="utf-8")
        told = self.analyze("verify", "--man=no", *sorted(directory.iterdir()))
        self.assertNotIn("fendmail", told)

    def test_the_socket_is_the_default_of_server_listen(self) -> None:
        defaults = subprocess.run(
            [binary(), "defaults"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
        listen = re.search(r"^listen += \[(.*)\]$", defaults, re.M)
        self.assertIsNotNone(listen)
        text = SOCKET.read_text(encoding="utf-8")
        opened = re.findall(r"^ListenStream=(.*)$", text, re.M)
        self.assertEqual(opened, re.findall(r'"([^"]*)"', listen[1]))
        self.assertIn("\nBindIPv6Only=ipv6-only\n", text)


if __name__ == "__main__":
    main()
