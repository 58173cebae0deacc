#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fendmail migrate: its command line, and where it looks for files."""

import stat
import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail import binary, run_command
from fendmail_test.migration import DOCS, EXAMPLES_FOLDER, marked_texts, migrate


class CommandLine(Case):
    MAIN_CF = "myhostname = mx.example.org\nmynetworks = 127.0.0.1\n"

    def pipe(self, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(binary()), "migrate", *arguments],
            input=text, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    def test_reads_standard_input(self) -> None:
        for arguments in ([], ["-"]):
            done = self.pipe(self.MAIN_CF, *arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(tomllib.loads(done.stdout)["server"]["hostname"], "mx.example.org")
            self.assertIn("(standard input:1)", done.stdout)

    def test_what_is_no_configuration_is_refused(self) -> None:
        for text in ("", "# nothing\n", "hello world\n", "\x00\x01\x02"):
            done = self.pipe(text)
            self.assertEqual((done.returncode, done.stdout), (1, ""), text)
            self.assertIn("nothing of postscreen was found", done.stderr)

    def test_what_has_parameters_but_none_of_postscreen_is_none_either(self) -> None:
        directory = self.directory()
        (directory / "main.cf").write_text('NAME="Debian GNU/Linux"\nID=debian\n', "ascii")
        done = run_command("migrate", str(directory / "main.cf"))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("nothing of postscreen was found", done.stderr)

    def test_missing_file(self) -> None:
        done = run_command("migrate", "/nonexistent/main.cf")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(
            done.stderr,
            "fendmail migrate: cannot read /nonexistent/main.cf: No such file or directory\n",
        )

    def test_files_are_overwritten_only_by_force(self) -> None:
        output = self.directory() / "new" / "etc"
        arguments = ("--output", str(output))
        self.assertEqual(self.pipe(self.MAIN_CF, *arguments).returncode, 0)
        (output / "fendmail.toml").write_text("mine", "ascii")
        done = self.pipe(self.MAIN_CF, *arguments)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is there already; --force overwrites it", done.stderr)
        self.assertEqual((output / "fendmail.toml").read_text("ascii"), "mine")
        self.assertEqual(self.pipe(self.MAIN_CF, *arguments, "--force").returncode, 0)
        self.assertIn("mx.example.org", (output / "fendmail.toml").read_text("utf-8"))

    def test_an_access_file_that_is_there_keeps_all_from_being_written(self) -> None:
        example = EXAMPLES_FOLDER / "03-weighted-lists"
        output = self.directory()
        (output / "postscreen_access-1-permit.cidr").touch()
        self.assertEqual(migrate(example, output).returncode, 1)
        self.assertEqual(len(list(output.iterdir())), 1)

    def configuration(self, access_list: str, **tables: str) -> Path:
        """A directory with main.cf and tables, below a place that is no system's own."""
        directory = self.directory() / "copied"
        directory.mkdir()
        text = f"postscreen_access_list = {access_list}\n"
        (directory / "main.cf").write_text(self.MAIN_CF + text, "ascii")
        for name, content in tables.items():
            (directory / name).write_text(content, "ascii")
        return directory

    def rules_of(self, *arguments: str, cwd: Path | None = None) -> tuple[list[str], str]:
        done = run_command("migrate", *arguments, cwd=cwd)
        self.assertEqual(done.returncode, 0, done.stderr)
        return tomllib.loads(done.stdout)["access"]["rules"], done.stderr

    def test_tables_are_looked_for_beside_a_main_cf_elsewhere(self) -> None:
        directory = self.configuration(
            "cidr:$config_directory/a, cidr:/etc/postfix/b, cidr:/etc/postfix/no-such-file",
            a="192.0.2.0/24 reject\n", b="198.51.100.0/24 reject\n",
        )  # fmt: skip
        rules, told = self.rules_of(str(directory / "main.cf"))
        self.assertEqual(rules, ["reject 192.0.2.0/24", "reject 198.51.100.0/24"])
        self.assertRegex(told, r"main.cf:3: warning: cannot read /etc/postfix/no-such-file")
        self.assertNotIn("read from this machine", told)

    def test_the_configuration_directory_is_named_once(self) -> None:
        directory = self.configuration(
            "cidr:$config_directory/a, cidr:/etc/postfix/b, cidr:b",
            a="192.0.2.0/24 reject\n", b="198.51.100.0/24 reject\n",
        )  # fmt: skip
        wanted = (["reject 192.0.2.0/24", "reject 198.51.100.0/24"], "")
        for name in ("copied", "./copied", "copied/", str(directory)):
            with self.subTest(name):
                arguments = ["--config-dir", name, "copied/main.cf"]
                self.assertEqual(self.rules_of(*arguments, cwd=directory.parent), wanted)

    def test_relative_names_start_in_the_queue_directory(self) -> None:
        """Where Postfix's daemons are. For a copied configuration: beside it, mostly."""
        spool = self.directory("spool")
        (spool / "rel").write_text("203.0.113.0/24 reject\n", "ascii")
        directory = self.configuration("cidr:rel", rel="192.0.2.0/24 reject\n")
        copied = str(directory / "main.cf")
        self.assertEqual(self.rules_of(copied), (["reject 192.0.2.0/24"], ""))
        mapped = self.rules_of(f"--map=/var/spool/postfix={spool}", copied)
        self.assertEqual(mapped, (["reject 203.0.113.0/24"], ""))
        # This machine's own.
        text = (directory / "main.cf").read_text("ascii")
        text += f"queue_directory = {spool}\n"
        own = ("--config-dir", "/etc/no-such-postfix", "-")
        done = self.pipe(text, *own)
        self.assertEqual(tomllib.loads(done.stdout)["access"]["rules"], ["reject 203.0.113.0/24"])
        (spool / "rel").unlink()
        done = self.pipe(text, *own)
        self.assertIn(f"cannot read rel: No such file or directory; Postfix takes it for {spool}/rel",
                      done.stderr)  # fmt: skip

    def test_directories_of_another_machine_can_be_named(self) -> None:
        directory = self.configuration(
            "cidr:/opt/mail/deep/a, cidr:/opt/mail/b, cidr:/opt/mailer/a",
            a="192.0.2.0/24 reject\n", b="198.51.100.0/24 reject\n",
        )  # fmt: skip
        near = f"--map=/opt/mail={directory}"
        deep = ("--map", f"/opt/mail/deep={directory}")
        rules, told = self.rules_of(*deep, near, str(directory / "main.cf"))
        self.assertEqual(rules, ["reject 192.0.2.0/24", "reject 198.51.100.0/24"])
        self.assertIn("cannot read /opt/mailer/a", told)
        done = run_command("migrate", "--map", "/opt/mail", str(directory / "main.cf"))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("--map /opt/mail: write FROM=TO", done.stderr)

    def test_tables_of_this_machine_for_another_configuration_are_told(self) -> None:
        here = self.directory("this") / "table"
        here.write_text("192.0.2.0/24 reject\n", "ascii")
        directory = self.configuration(f"cidr:{here}")
        warning = f"{here}: read from this machine, though the configuration may be another's"
        text = (directory / "main.cf").read_text("ascii")
        done = self.pipe(text)
        self.assertEqual(done.returncode, 0, done.stderr)
        for told, toml in (
            self.rules_of(str(directory / "main.cf"))[::-1],
            (done.stderr, done.stdout),
        ):
            self.assertIn(warning, told)
            self.assertIn("reject 192.0.2.0/24", toml)
        self.assertTrue(any(warning in one for one in marked_texts(done.stdout)))
        # Who says where they are knows whose they are.
        told = self.rules_of("--map", f"{here.parent}={here.parent}", str(directory / "main.cf"))[1]
        self.assertNotIn("read from this machine", told)

    def test_a_postscreen_that_is_not_there_is_named_with_those_that_are(self) -> None:
        directory = self.configuration("")
        (directory / "master.cf").write_text(
            "smtp inet n - y - 1 postscreen\n2525 inet n - y - 1 postscreen\n", "ascii"
        )
        files = [str(directory / "main.cf"), str(directory / "master.cf")]
        done = run_command("migrate", "--service", "2526", *files)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("--service 2526: there is no such postscreen; there is smtp, 2525",
                      done.stderr)  # fmt: skip
        done = run_command("migrate", "--service", "2525", *files)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_keys_of_lists_are_for_fendmail_alone(self) -> None:
        output = self.directory() / "new"
        text = self.MAIN_CF + "postscreen_dnsbl_sites = secret1.zen.dq.spamhaus.net\n"
        for more in ([], ["--force"]):
            done = self.pipe(text, "--output", str(output), *more)
            self.assertEqual(done.returncode, 0, done.stderr)
            key = output / "dq.spamhaus.net.key"
            self.assertEqual(key.read_text("ascii"), "secret1\n")
            self.assertIn(stat.S_IMODE(key.stat().st_mode), (0o600, 0o640))
            key.chmod(0o644)  # which --force does not keep
        self.assertEqual(self.pipe(text, "--output", str(output)).returncode, 1)
        done = run_command("check", "-c", str(output / "fendmail.toml"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("secret1", done.stdout + done.stderr)

    def test_what_root_writes_fendmail_can_read(self) -> None:
        """Whatever umask root has; keys excepted."""
        output = self.directory() / "new" / "etc"
        text = (
            self.MAIN_CF.replace("127.0.0.1", " ".join(f"10.{n}.0.0/16" for n in range(0, 40, 2)))
            + "postscreen_dnsbl_sites = secret1.zen.dq.spamhaus.net\n"
        )
        done = subprocess.run(
            [str(binary()), "migrate", "--output", str(output)],
            input=text, capture_output=True, text=True, timeout=30, check=False, umask=0o077,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in output.iterdir()}
        self.assertIn(modes.pop("dq.spamhaus.net.key"), (0o600, 0o640))
        self.assertEqual(
            modes, {"fendmail.toml": 0o644, "permit_mynetworks-1-permit.cidr": 0o644}
        )
        self.assertEqual(stat.S_IMODE(output.stat().st_mode), 0o755)

    def test_check_warns_of_what_only_this_machine_reaches(self) -> None:
        config = self.directory() / "fendmail.toml"
        backend = '[backend]\naddress = "127.0.0.1:10025"\n'
        warning = "warning: server.listen: only this machine can connect"
        for listen, wanted in (
            ('["127.0.0.1:25", "[::1]:25", "127.0.1.1:25"]', True),
            ('["127.0.0.1:25", "192.0.2.1:25"]', False),
            ('["0.0.0.0:25"]', False),
            ('["127.0.0.1:2525"]', False),
        ):
            with self.subTest(listen):
                config.write_text(f"[server]\nlisten = {listen}\n{backend}", "ascii")
                done = run_command("check", "-c", str(config))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(warning in done.stderr, wanted)

    def test_mistakes_exit_with_2(self) -> None:
        for arguments in (["--nonsense"], ["--output"], ["--cache", "x", "main.cf"]):
            done = run_command("migrate", *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)

    def test_help_names_the_options(self) -> None:
        done = run_command("migrate", "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for option in ("--config-dir", "--output", "--force", "--cache", "--parameters",
                       "--map", "--service", "--tables"):  # fmt: skip
            self.assertIn(option, done.stdout)

    def test_the_table_is_the_one_in_the_docs(self) -> None:
        done = run_command("migrate", "--table")
        self.assertEqual(done.returncode, 0)
        self.assertIn(done.stdout, DOCS.read_text("utf-8"))


if __name__ == "__main__":
    main()
