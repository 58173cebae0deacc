#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line: check, version, help, mistakes, demo."""

import re
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail import Fendmail, binary, run_command, to_toml
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.network import parse_address, refused_port, to_text
from fendmail_test.process import Child
from fendmail_test.smtp_client import SmtpClient, deliver
from fendmail_test.waiting import wait_until

BAD_CONFIGS = Path(__file__).resolve().parent / "bad-configs"
SHIPPED_CONFIGS = Path(__file__).resolve().parents[2] / "config"
SUBCOMMANDS = ("run", "check", "demo", "healthcheck", "migrate", "version")
LISTS = """\
[dnsbl]
sites = ["plain.test"]
resolvers = ["192.0.2.53"]
[dnsbl.list."own.test"]
weight = 2
timeout = "3s"
resolvers = ["192.0.2.54"]
max_questions = "300000/1d"
"""


def of_config(problems: str) -> str:
    """Without what is said of a name server of the machine that the test runs on."""
    lines = problems.splitlines(keepends=True)
    return "".join(line for line in lines if "the name server on this machine" not in line)


class Check(Case):
    def test_bad_configs_give_exactly_the_expected_lines(self) -> None:
        files = sorted(BAD_CONFIGS.glob("*.toml"))
        self.assertGreater(len(files), 0, f"no files in {BAD_CONFIGS}")
        for file in files:
            with self.subTest(file.name):
                problems = file.with_suffix(".expected").read_text(encoding="utf-8")
                done = run_command("check", "-c", file.name, cwd=BAD_CONFIGS)
                errors = problems.count(": error: ")
                if errors == 0:  # only warnings: it can be used
                    wanted = (0, [f"{file.name}: ok"], problems)
                else:
                    end = f"{file.name}: {errors} error{'s' if errors > 1 else ''}\n"
                    wanted = (1, [], problems + end)
                # Before the end it says how it asks each list.
                said = done.stdout.splitlines()[-1:]
                self.assertEqual((done.returncode, said, of_config(done.stderr)), wanted)

    def test_it_says_what_is_done_about_abuse_and_nothing_of_what_is_off(self) -> None:
        path = self.directory("check") / "fendmail.toml"
        path.write_text('[server]\nhostname = "mx.example.org"\n', encoding="utf-8")
        quiet = run_command("check", "-c", str(path)).stdout
        for word in ("rates:", "bans:", "grey zone:"):
            self.assertNotIn(word, quiet)
        path.write_text(
            '[server]\nhostname = "mx.example.org"\n'
            '[rates]\nconnections = "20/10s"\naction = "defer"\n'
            '[bans]\naction = "enforce"\nnetwork_after = 3\nkernel = "nftables"\n'
            '[dnsbl]\nsites = ["zen.example*3"]\nthreshold = 3\n[grey]\nthreshold = 1\n',
            encoding="utf-8")
        said = run_command("check", "-c", str(path)).stdout
        self.assertIn("rates: connections 20/10s; what is more: defer\n", said)
        self.assertIn(
            "bans: at 10 points, for 6h and up to 1w; a banned client: enforce; a network after 3 of"
            " its addresses, for 2h; in the kernel from ban 2 on, by fendmail-nft at"
            " /run/fendmail/kernel-bans.sock\n", said)
        self.assertIn("grey zone: a score from 1 to 2 is asked to come back in 5m\n", said)

    def test_every_expectation_has_its_config(self) -> None:
        for file in BAD_CONFIGS.glob("*.expected"):
            self.assertTrue(file.with_suffix(".toml").exists(), file)

    def test_shipped_configs_are_good(self) -> None:
        files = sorted(SHIPPED_CONFIGS.glob("*.toml"))
        self.assertGreater(len(files), 0, f"no files in {SHIPPED_CONFIGS}")
        for file in files:
            with self.subTest(file.name):
                done = run_command("check", "-c", str(file))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_check_binds_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            path = self.directory() / "fendmail.toml"
            store = path.parent / "clients.lmdb"
            settings = {
                "server": {"listen": [to_text(taken.getsockname())]},
                "store": {"path": str(store)},
            }
            path.write_text(to_toml(settings), encoding="utf-8")
            done = run_command("check", "-c", str(path))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertFalse(store.exists())

    def test_check_says_how_each_list_is_asked(self) -> None:
        path = self.directory() / "fendmail.toml"
        path.write_text(LISTS, encoding="utf-8")
        done = run_command("check", "-c", str(path))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[:2], [
            "list plain.test: tested every 5m, asked through 192.0.2.53, waited for 10s",
            "list own.test: tested every 5m, asked through 192.0.2.54, waited for 3s, "
            "asked at most 300000/1d",
        ])  # fmt: skip

    def test_check_warns_of_reject_rules_that_refuse_nobody(self) -> None:
        path = self.directory() / "fendmail.toml"
        for rules, action, warns in (
            (["permit ::1", "reject 192.0.2.0/24"], "ignore", True),
            (["permit ::1", "reject 192.0.2.0/24"], "enforce", False),
            (["permit ::1"], "ignore", False),
        ):
            with self.subTest(rules=rules, action=action):
                settings = {"access": {"rules": rules, "action": action}}
                path.write_text(to_toml(settings), encoding="utf-8")
                done = run_command("check", "-c", str(path))
                self.assertEqual(done.returncode, 0, done.stderr)
                told = f"{path}: warning: access.action is \"ignore\""
                self.assertEqual(told in done.stderr, warns, done.stderr)

    def test_check_says_where_hidden_keywords_show_all_the_same(self) -> None:
        path = self.directory() / "fendmail.toml"
        backends = {
            "pass": {"kind": "postfix-pass", "address": "unix:/nonexistent/smtpd"},
            "relay": {"kind": "proxy-v2", "address": "192.0.2.1:10025"},
            "strict": {"kind": "proxy-v2", "address": "192.0.2.1:10025", "data": "strict"},
        }
        told = {
            "pass": "postfix-pass gives clients that have passed",
            "TLS": "speaks TLS with the backend itself",
            "BDAT": "can use BDAT all the same",
        }
        for backend, dialog, wanted in (
            ("pass", {"hide_ehlo": ["ETRN"]}, {"pass"}),
            ("pass", {"hide_ehlo_from": {"192.0.2.0/24": "ETRN"}}, {"pass"}),
            ("pass", {}, set()),
            ("relay", {}, set()),
            ("relay", {"hide_ehlo": ["ETRN"]}, {"TLS"}),
            ("relay", {"hide_ehlo": ["ETRN", "STARTTLS"]}, set()),
            ("relay", {"hide_ehlo": ["chunking", "starttls"]}, {"BDAT"}),
            ("strict", {"hide_ehlo": ["CHUNKING", "STARTTLS"]}, set()),
        ):
            with self.subTest(backend=backend, dialog=dialog):
                path.write_text(
                    to_toml({"backend": backends[backend], "dialog": dialog}), encoding="utf-8"
                )
                done = run_command("check", "-c", str(path))
                self.assertEqual(done.returncode, 0, done.stderr)
                found = {name for name, text in told.items() if text in done.stderr}
                self.assertEqual(found, wanted, done.stderr)

    def test_check_warns_of_a_name_server_here_that_has_lost_questions(self) -> None:
        path = self.directory() / "fendmail.toml"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            server.bind(("127.0.0.1", 0))
            resolver = to_text(server.getsockname())
            settings = {"dnsbl": {"sites": ["bl.test"], "resolvers": [resolver, "192.0.2.53"]}}
            path.write_text(to_toml(settings), encoding="utf-8")
            done = run_command("check", "-c", str(path))
            self.assertEqual((done.returncode, done.stderr), (0, ""))

            for _ in range(200):
                server.sendto(bytes(100), server.getsockname())
            done = run_command("check", "-c", str(path))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(
                done.stderr,
                rf"warning: the name server on this machine, {resolver}, has lost \d+ questions",
            )
            self.assertEqual(done.stderr.count("warning"), 1)

    def test_missing_file(self) -> None:
        done = run_command("check", "-c", "/nonexistent/fendmail.toml")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent/fendmail.toml", done.stdout + done.stderr)


class Usage(Case):
    def test_version(self) -> None:
        done = run_command("version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^fendmail \d+\.\d+\.\d+")

    def test_help_names_the_subcommands(self) -> None:
        done = run_command("--help")
        self.assertEqual(done.returncode, 0)
        for name in SUBCOMMANDS:
            self.assertIn(name, done.stdout)

    def test_every_subcommand_has_help(self) -> None:
        for name in SUBCOMMANDS:
            with self.subTest(name):
                done = run_command(name, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("--help", done.stdout)

    def test_mistakes_exit_with_2(self) -> None:
        for arguments in (["nonsense"], ["run", "--nonsense"], ["check", "-c"], []):
            with self.subTest(arguments):
                done = run_command(*arguments)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertNotEqual(done.stderr, "")


    def test_unknown_subcommand_is_named_with_the_nearest(self) -> None:
        for word, meant in (("chek", "check"), ("migate", "migrate"), ("healthchek", "healthcheck")):
            with self.subTest(word):
                done = run_command(word, "-c", "fendmail.toml")
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(
                    f'there is no subcommand "{word}"; did you mean "{meant}"?\n', done.stderr
                )
        done = run_command("statistics")
        self.assertEqual(done.returncode, 2)
        self.assertIn('there is no subcommand "statistics"\n', done.stderr)
        for name in SUBCOMMANDS:
            self.assertIn(name, done.stderr)

    def test_version_and_help_as_one_expects_them(self) -> None:
        version = run_command("version").stdout
        for arguments in (["-V"], ["--version"]):
            done = run_command(*arguments)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, version, ""))
        done = run_command("help")
        self.assertEqual((done.returncode, done.stdout), (0, run_command("--help").stdout))
        done = run_command("help", "check")
        self.assertEqual((done.returncode, done.stdout), (0, run_command("check", "--help").stdout))
        self.assertEqual(run_command("help", "chek").returncode, 2)

    def test_a_configuration_may_be_named_without_option(self) -> None:
        good = self.directory() / "good.toml"
        good.write_text(to_toml({"admin": {"listen": ""}}), encoding="utf-8")
        done = run_command("check", str(good))
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1:]), (0, [f"{good}: ok"]))
        for subcommand in ("check", "run", "healthcheck", "known-senders"):
            with self.subTest(subcommand):
                done = run_command(subcommand, str(good.parent / "missing.toml"))
                self.assertEqual(done.returncode, 1)
                self.assertIn("missing.toml", done.stderr)
                done = run_command(subcommand, str(good), "-c", str(good))
                self.assertEqual(done.returncode, 2, "both")


class HealthCheck(FendmailCase):
    def check(self, fendmail: Fendmail) -> tuple[int, str]:
        done = run_command("healthcheck", "-c", str(fendmail.config_path))
        return done.returncode, done.stdout + done.stderr

    def test_follows_the_life_of_the_server(self) -> None:
        fendmail = self.make_fendmail(self.start_sink("proxy-v2").config, {"greet": {"wait": "0s"}})
        fendmail.write_config({"admin": {"listen": f"unix:{fendmail.directory}/health.sock"}})
        self.assertEqual(self.check(fendmail)[0], 1)
        with fendmail:
            self.assertEqual(self.check(fendmail), (0, "ready\n"))
            with fendmail.client() as client:
                client.expect_reply(220)
                fendmail.terminate()
                fendmail.expect_log("stopping")
                self.assertEqual(self.check(fendmail)[0], 1)
                client.expect("QUIT", 221)
            self.assertEqual(fendmail.child.wait(10), 0)
        self.assertEqual(self.check(fendmail)[0], 1)

    def test_is_not_ready_while_the_backend_is_down(self) -> None:
        down = {"kind": "plain", "address": f"127.0.0.1:{refused_port()}"}
        fendmail = self.make_fendmail(down, {"greet": {"wait": "0s"}})
        admin = f"unix:{fendmail.directory}/health.sock"
        fendmail.write_config({"admin": {"listen": admin}})
        with fendmail:
            self.assertEqual(self.check(fendmail), (0, "ready\n"), "nobody has met it yet")
            self.meet_trouble(fendmail)
            name = re.escape(down["address"])
            status, said = self.check(fendmail)
            self.assertEqual(status, 1)
            self.assertRegex(said, rf"not ready: the backend {name} does not take clients")
            # For whom that is no reason to go out of service.
            fendmail.write_config({"admin": {"listen": admin, "ready_without_backend": True}})
            fendmail.reload()
            fendmail.expect_log("reloaded configuration")
            self.assertEqual(self.check(fendmail), (0, "ready\n"))

    def test_is_ready_again_without_a_client_when_the_backend_is_back(self) -> None:
        """Whoever is not ready gets no clients."""
        place = self.directory("backend")
        down = {"kind": "plain", "address": f"unix:{place}/smtp"}
        fendmail = self.make_fendmail(down, {"greet": {"wait": "0s"}})
        fendmail.write_config({"admin": {"listen": f"unix:{fendmail.directory}/health.sock"}})
        with fendmail:
            self.meet_trouble(fendmail)
            self.assertEqual(self.check(fendmail)[0], 1)
            with socket.socket(socket.AF_UNIX) as backend:
                backend.bind(f"{place}/smtp")
                backend.listen()
                wait_until(lambda: self.check(fendmail)[0] == 0, "readiness", 20)

    def meet_trouble(self, fendmail: Fendmail) -> None:
        with fendmail.client() as client:
            self.assertIn("421", client.read_to_end().decode())


class Demo(Case):
    def setUp(self) -> None:
        directory = self.directory("demo")
        self.demo = Child([binary(), "demo", "--listen", "127.0.0.1:0"], directory, "demo")
        self.addCleanup(self.demo.kill)
        self.show_on_failure(self.demo.stdout, self.demo.stderr)
        self.address = parse_address(self.wait_for_output(r"listening on (127\.0\.0\.1:\d+|\[127\.0\.0\.1\]:\d+)")[1])

    def wait_for_output(self, pattern: str):
        """The demo's log and its words may go to different streams: look at where it listens."""
        stream = self.demo.stderr
        if not stream.matches(pattern):
            both = (self.demo.stdout, self.demo.stderr)
            stream = next((log for log in both if log.matches(pattern)), stream)
        return stream.wait_for(pattern, timeout=30)

    def test_prints_commands_and_does_what_it_says(self) -> None:
        shown = self.demo.stdout.text() + self.demo.stderr.text()
        self.assertIn(str(self.address[1]), shown)
        self.assertIn("swaks", shown)
        self.assertTrue(deliver(self.address, "127.0.0.1", "clean", timeout=30).accepted)
        # Known by now, so there is no teaser and no wait.
        with SmtpClient(self.address, "127.0.0.1") as client:
            self.assertEqual(len(client.expect_reply(220).lines), 1)
            client.expect("QUIT", 221)
        self.assertEqual(self.demo.stop(), 0)

    def test_taken_address_says_how_to_choose_another(self) -> None:
        done = run_command("demo", "--listen", to_text(self.address))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"Address already in use; .*; listen somewhere else with --listen")

    def test_blocks_the_address_that_every_list_must_list(self) -> None:
        # RFC 5782 §5: 127.0.0.2 is the test entry of every list.
        with SmtpClient(self.address, "127.0.0.2", timeout=30) as client:
            client.expect_reply(220)
            client.expect("EHLO bot.example.org", 250)
            client.expect("MAIL FROM:<bot@example.org>", 250)
            refusal = client.expect("RCPT TO:<user@example.test>", 550)
            self.assertRegex(str(refusal), r"blocked using \S+$")
        self.assertEqual(self.demo.stop(), 0)


if __name__ == "__main__":
    main()
