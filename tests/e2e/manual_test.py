#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages and completion: made by the program of its own tables, and right."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail import run_command
from fendmail_test.process import require_program


def printed(*arguments: str) -> str:
    done = run_command(*arguments)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def subcommands() -> list[str]:
    """As the program's help lists them."""
    listed = printed("--help").split("Subcommands:\n")[1]
    return re.findall(r"(?m)^  ([a-z-]+) ", listed)


def options_of(command: str) -> list[str]:
    """As the command's help lists them: what stands before the first blank."""
    return [
        name
        for names in re.findall(r"(?m)^  (-\S+)", printed(command, "--help"))
        for name in re.sub(r"\{.*?\}", "", names).split(",")
    ]


class ManPages(Case):
    def formatted(self, page: str) -> str:
        """A page as a terminal shows it; groff may find nothing wrong."""
        groff = require_program("groff", "groff-base")
        done = subprocess.run(
            [groff, "-man", "-ww", "-Tascii", "-P-cbou", "-rLL=100n"],
            input=page,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_the_program_has_all_commands_with_all_options(self) -> None:
        page = printed("man", "8")
        self.assertTrue(page.isascii())
        text = self.formatted(page)
        self.assertRegex(text, r"(?m)^ +fendmail - keeps spam bots away")
        for heading in ("SYNOPSIS", "COMMANDS", "SIGNALS", "EXIT STATUS", "ENVIRONMENT", "FILES"):
            self.assertRegex(text, rf"(?m)^{heading}$")
        self.assertGreater(len(subcommands()), 10)
        for command in subcommands():
            entry = re.search(
                rf"(?ms)^   fendmail {command}(?: \[| [A-Z]|$).*?(?=^   fendmail |^[A-Z])", text
            )
            self.assertIsNotNone(entry, command)
            for option in options_of(command):
                if option not in ("-h", "--help"):
                    self.assertRegex(entry[0], rf"{option}\b", command)

    def test_the_configuration_has_all_keys_with_their_defaults(self) -> None:
        page = printed("man", "5")
        self.assertTrue(page.isascii())
        text = re.sub(r"\s+", " ", self.formatted(page))
        for section, keys in tomllib.loads(printed("defaults")).items():
            self.assertIn(f" [{section}] ", text)
            for key in keys:
                self.assertIn(f" {key} ", text)
        for line in printed("defaults").splitlines():
            if line and line[0] not in "#[":
                self.assertIn(f"Default: {re.sub(' +', ' ', line.split(' = ', 1)[1])}.", text)
        for table in ('[dnsbl.list."ZONE"]', "[[tls.certificate]]", "FENDMAIL_BACKEND_ADDRESS"):
            self.assertIn(table, text)

    def test_there_are_no_others(self) -> None:
        for arguments in (["man"], ["man", "1"]):
            self.assertEqual(run_command(*arguments).returncode, 2)


class Completion(Case):
    """bash is asked what it would offer; that of the package bash-completion is not there."""

    def setUp(self) -> None:
        super().setUp()
        self.script = self.directory("completion") / "fendmail"
        self.script.write_text(printed("completion", "bash"), encoding="utf-8")
        self.place = self.directory("place")
        for name in ("mx.toml", "my file.toml", "other"):
            (self.place / name).write_text("", encoding="utf-8")
        (self.place / "folder").mkdir()

    def offers(self, *words: str) -> set[str]:
        """What the last word can become."""
        program = """
            source "$1" && shift && [[ $(complete -p fendmail) == *' -F _fendmail fendmail' ]] &&
            COMP_WORDS=("$@") && COMP_CWORD=$(($# - 1)) && _fendmail fendmail "${@: -1}" &&
            printf '%s\\n' "${COMPREPLY[@]}"
        """
        done = subprocess.run(
            ["bash", "--norc", "-uc", program, "bash", self.script, "fendmail", *words],
            capture_output=True,
            text=True,
            cwd=self.place,
            timeout=30,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return set(done.stdout.splitlines()) - {""}

    def test_is_a_script_that_bash_reads(self) -> None:
        done = subprocess.run(
            ["bash", "-n", self.script], capture_output=True, text=True, timeout=30, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        shellcheck = require_program("shellcheck", "shellcheck")
        done = subprocess.run(
            [shellcheck, "--shell=bash", self.script],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_offers_the_commands_and_their_options(self) -> None:
        commands = set(subcommands())
        self.assertEqual(self.offers(""), commands | {"help"})
        self.assertEqual(self.offers("help", ""), commands)
        self.assertEqual(self.offers("chec"), {"check"})
        self.assertLess({"list", "get", "export"}, self.offers("clients", ""))
        self.assertIn("--socket", self.offers("clients", "list", "--"))
        self.assertEqual(self.offers("-"), {"--help", "-V", "--version"})
        for command in commands:
            with self.subTest(command):
                self.assertEqual(
                    self.offers(command, "-") | {"-h"}, set(options_of(command)) | {"-h"}
                )

    def test_offers_files_where_one_is_meant(self) -> None:
        files = {"mx.toml", "my file.toml", "other", "folder"}
        self.assertEqual(self.offers("check", "-c", ""), files)
        self.assertEqual(self.offers("check", "--config", "m"), {"mx.toml", "my file.toml"})
        self.assertEqual(self.offers("check", "--config", "=", "m"), {"mx.toml", "my file.toml"})
        self.assertEqual(self.offers("check", "--config", "="), files)
        self.assertEqual(self.offers("run", "o"), {"other"})
        self.assertEqual(self.offers("migrate", "--output", ""), {"folder"})

    def test_offers_what_a_value_can_be(self) -> None:
        self.assertEqual(self.offers("completion", ""), {"bash"})
        self.assertEqual(self.offers("man", ""), {"5", "8"})
        self.assertEqual(self.offers("top", "--by", "cl"), {"client"})
        self.assertIn("root", self.offers("check", "--user", "roo"))
        self.assertIn("daemon", self.offers("check", "--groups", "daemo"))
        self.assertEqual(self.offers("explain", ""), set(), "an address is anything")
        self.assertEqual(self.offers("demo", "--listen", ""), set())

    def test_other_shells_are_wrong_usage(self) -> None:
        self.assertEqual(run_command("completion", "tcsh").returncode, 2)


if __name__ == "__main__":
    main()
