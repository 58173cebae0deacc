#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fendmail migrate --tables."""

import stat
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail import run_command
from fendmail_test.migration import files_in


class Tables(Case):
    """`migrate --tables`, as cron runs it behind the program that makes the tables."""

    def setUp(self) -> None:
        self.etc = self.directory("postfix")
        self.output = self.directory("fendmail")
        (self.etc / "main.cf").write_text(
            "compatibility_level = 3.6\nmyhostname = mx.example.org\nmynetworks = 127.0.0.1\n"
            "postscreen_access_list = permit_mynetworks, cidr:$config_directory/made,"
            " cidr:$config_directory/own\n",
            "ascii",
        )
        self.write_table("192.0.2.0/24 permit\n198.51.100.0/24 reject\n")
        (self.etc / "own").write_text("203.0.113.0/24 reject\n", "ascii")
        self.assertEqual(self.migrate().returncode, 0)

    def write_table(self, text: str) -> None:
        (self.etc / "made").write_text(text, "ascii")

    def migrate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        files = ("--output", str(self.output), str(self.etc / "main.cf"))
        return run_command("migrate", *arguments, *files)

    def networks_in(self, name: str) -> list[str]:
        lines = (self.output / name).read_text("ascii").splitlines()
        return [line for line in lines if not line.startswith("#")]

    def assert_untouched(self, done: subprocess.CompletedProcess[str], before: dict) -> None:
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("Nothing was written", done.stderr)
        self.assertEqual(files_in(self.output), before)

    def test_only_what_has_changed_is_written(self) -> None:
        config = self.output / "fendmail.toml"
        config.write_text(config.read_text("utf-8") + "# mine\n", "utf-8")
        (self.output / "made-1-permit.cidr").chmod(0o640)
        self.write_table("192.0.2.0/25 permit\n2001:db8::/32 permit\n198.51.100.0/24 reject\n")
        done = self.migrate("--tables")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, f"wrote {self.output}/made-1-permit.cidr\n")
        self.assertEqual(self.networks_in("made-1-permit.cidr"), ["192.0.2.0/25", "2001:db8::/32"])
        self.assertTrue(config.read_text("utf-8").endswith("# mine\n"))
        self.assertFalse(list(self.output.glob("*.new")))
        mode = (self.output / "made-1-permit.cidr").stat().st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o640)  # as it was
        check = run_command("check", "-c", str(config))
        self.assertEqual(check.returncode, 0, check.stderr)

    def test_nothing_new_is_nothing_to_say(self) -> None:
        done = self.migrate("--tables")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_a_decision_without_networks_stays_as_an_empty_file(self) -> None:
        self.write_table("192.0.2.0/24 permit\n")
        self.assertEqual(self.migrate("--tables").returncode, 0)
        self.assertEqual(self.networks_in("made-2-reject.cidr"), [])
        check = run_command("check", "-c", str(self.output / "fendmail.toml"))
        self.assertEqual(check.returncode, 0, check.stderr)
        # And comes back.
        self.write_table("192.0.2.0/24 permit\n198.51.100.9 reject\n")
        self.assertEqual(self.migrate("--tables").returncode, 0)
        self.assertEqual(self.networks_in("made-2-reject.cidr"), ["198.51.100.9"])

    def test_what_changes_the_rules_is_an_error(self) -> None:
        before = files_in(self.output)
        # Another part, another order, no table at all.
        for text in (
            "192.0.2.0/24 permit\n198.51.100.0/24 reject\n198.51.0.0/16 permit\n",
            "198.51.100.0/24 reject\n192.0.2.0/24 permit\n",
        ):
            with self.subTest(text):
                self.write_table(text)
                self.assert_untouched(self.migrate("--tables"), before)
        (self.output / "fendmail.toml").unlink()
        self.assertEqual(self.migrate("--tables").returncode, 1)

    def test_a_table_that_is_gone_takes_no_networks_away(self) -> None:
        before = files_in(self.output)
        (self.etc / "made").unlink()
        done = self.migrate("--tables")
        self.assert_untouched(done, before)
        self.assertIn(f"cannot read {self.etc}/made: No such file", done.stderr)

    def test_files_of_others_are_left_alone(self) -> None:
        config = self.output / "fendmail.toml"
        text = config.read_text("utf-8").replace("rules = [", 'rules = [\n"permit file:my.cidr",')
        config.write_text(text, "utf-8")
        (self.output / "my.cidr").write_text("192.0.2.77\n", "ascii")
        self.write_table("192.0.2.0/25 permit\n198.51.100.0/24 reject\n")
        self.assertEqual(self.migrate("--tables").returncode, 0)
        self.assertEqual(self.networks_in("my.cidr"), ["192.0.2.77"])

    def test_the_directory_has_to_be_named(self) -> None:
        done = run_command("migrate", "--tables", str(self.etc / "main.cf"))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("--tables needs --output", done.stderr)


if __name__ == "__main__":
    main()
