#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`cmake --install`: what a new host gets, and that it can be used from there."""

import gzip
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail import binary

SOURCES = Path(__file__).resolve().parents[2]
SHARE = "share/doc/fendmail"


class Install(Case):
    def setUp(self) -> None:
        super().setUp()
        self.stage = self.directory("install")
        self.root = self.stage / "opt/fendmail"
        done = subprocess.run(
            ["cmake", "--install", binary().parent, "--prefix", "/opt/fendmail"],
            env={"PATH": "/usr/bin:/bin", "DESTDIR": str(self.stage)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_installs_unit_samples_and_documentation(self) -> None:
        unit = self.root / "lib/systemd/system/fendmail.service"
        self.assertIn("ExecStart=", unit.read_text(encoding="utf-8"))
        for name in ("postfix-pass.toml", "exim-proxy.toml", "fail2ban/jail.d/fendmail.conf"):
            self.assertTrue((self.root / SHARE / "examples" / name).is_file(), name)
        for page in (SOURCES / "docs").glob("*.md"):
            self.assertTrue((self.root / SHARE / page.name).is_file(), page.name)
        self.assertTrue((self.root / SHARE / "README.md").is_file())
        self.assertEqual(list(self.stage.glob("etc/**/*")), [], "what is in /etc is the admin's")

    def test_installs_manual_pages_and_completion(self) -> None:
        program = self.root / "sbin/fendmail"
        for section, name in (("8", "fendmail"), ("5", "fendmail.toml")):
            page = self.root / f"share/man/man{section}" / f"{name}.{section}.gz"
            self.assertEqual(
                gzip.decompress(page.read_bytes()), self.said_by(program, "man", section)
            )
        completion = self.root / "share/bash-completion/completions/fendmail"
        self.assertEqual(
            completion.read_bytes(), self.said_by(program, "completion", "bash")
        )

    def said_by(self, program: Path, *arguments: str) -> bytes:
        return subprocess.run(
            [program, *arguments], capture_output=True, timeout=60, check=True
        ).stdout

    def test_program_has_no_symbols_and_takes_the_samples(self) -> None:
        program = self.root / "sbin/fendmail"
        named = subprocess.run(
            ["nm", program], capture_output=True, text=True, timeout=60, check=False
        )
        self.assertIn("no symbols", named.stdout + named.stderr)
        self.assertNotIn("no symbols", self.symbols_of_the_build())
        for sample in sorted((self.root / SHARE / "examples").glob("*.toml")):
            done = subprocess.run(
                [program, "check", "-c", sample],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def symbols_of_the_build(self) -> str:
        done = subprocess.run(
            ["nm", binary()], capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout[:2000] + done.stderr


if __name__ == "__main__":
    main()
