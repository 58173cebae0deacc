#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/install-packages chooses by what a system has and offers; apt and dpkg are played."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import TestCase

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "support"))

from fendmail_test.case import main

# Each looks its package up in a file of lines "name version"; unknown to `offered` is (none).
PROGRAMS = {
    "apt-cache": r"""
read -r _ version < <(grep "^$2 " "$FAKES/offered")
printf '%s:\n  Installed: (none)\n  Candidate: %s\n' "$2" "${version:-(none)}"
""",
    "dpkg-query": r"""
read -r _ version < <(grep "^${*: -1} " "$FAKES/installed") || exit 1
printf 'install ok installed %s' "$version"
""",
    "apt-get": r"""
[[ " $* " != *" install "* ]] || printf '%s\n' "${@}" >"$FAKES/asked"
""",
    "id": "echo 0\n",
}
OLD = {"libboost-dev": "1.74.0.3", "libboost1.81-dev": "1.81.0-5"}
NEW = {"libboost-dev": "1.83.0.2+b2", "libboost1.88-dev": "1.88.0-1"}
EVERYWHERE = """ca-certificates catch2 ccache cmake g++ git libc-ares-dev libc6-dev libcli11-dev
    libfmt-dev liblmdb-dev libmaxminddb-dev libmnl-dev libre2-dev libspdlog-dev libssl-dev libsystemd-dev libtomlplusplus-dev
    ninja-build pkg-config prometheus-cpp-dev python3 zlib1g-dev""".split()


class Choice(TestCase):
    def setUp(self) -> None:
        self.fakes = Path(self.enterContext(TemporaryDirectory()))
        for name, text in PROGRAMS.items():
            program = self.fakes / name
            program.write_text(f"#!/bin/bash\n{text}")
            program.chmod(0o755)

    def install(self, offered: dict[str, str], installed: dict[str, str]) -> tuple[list[str], str]:
        """What apt is asked to install for the group build, and what is said on stderr."""
        for name, versions in (("offered", offered), ("installed", installed)):
            lines = [f"{package} {version}\n" for package, version in versions.items()]
            (self.fakes / name).write_text("".join(lines))
        done = subprocess.run(
            [TOP / "scripts" / "install-packages", "build"],
            env={"PATH": f"{self.fakes}:{os.environ['PATH']}", "FAKES": str(self.fakes)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode != 0, bool(done.stderr), done)
        asked = self.fakes / "asked"
        words = asked.read_text().split() if asked.exists() else []
        return words[words.index("install") + 1 :] if words else [], done.stderr

    def test_the_first_offered_is_taken(self) -> None:
        rest = dict.fromkeys(EVERYWHERE, "1")
        for system, boost in ((OLD, "libboost1.81-dev"), (NEW, "libboost-dev")):
            with self.subTest(boost=boost):
                self.assertEqual(self.install(system, rest), ([boost], ""))

    def test_what_is_installed_is_enough_unless_it_is_too_old(self) -> None:
        rest = dict.fromkeys(EVERYWHERE, "1")
        self.assertEqual(self.install(NEW, {**rest, "libboost1.88-dev": "1.88.0-1"}), ([], ""))
        self.assertEqual(
            self.install(OLD, {**rest, "libboost-dev": "1.74.0.3"}), (["libboost1.81-dev"], "")
        )

    def test_what_nobody_offers_is_named_and_nothing_is_installed(self) -> None:
        rest = dict.fromkeys(EVERYWHERE, "1")
        asked, said = self.install({"libboost-dev": "1.74.0.3"}, rest)
        self.assertEqual(asked, [])
        self.assertIn("apt offers none of: libboost1.81-dev libboost-dev>=1.81", said)


if __name__ == "__main__":
    main()
