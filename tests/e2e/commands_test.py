#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands that ask a running fendmail over its admin socket."""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings, binary, run_command
from fendmail_test.fendmail_case import CLIENT, FendmailCase
from fendmail_test.waiting import wait_until

LISTED = "127.0.1.9"


class CommandsCase(FendmailCase):
    def start(self, *settings: Settings) -> Fendmail:
        self.sink = self.start_sink("proxy-v2")
        self.dns = self.start_dns()
        self.dns.zone("zen.test", {LISTED: ["127.0.0.2"], "127.0.0.2": ["127.0.0.2"]})
        self.fendmail = self.start_fendmail(
            self.sink.config,
            {"greet": {"wait": "1s"},
             "dnsbl": {"sites": ["zen.test"], "resolvers": [self.dns.resolver]}},
            *settings,
        )
        return self.fendmail

    def command(self, *words: str, code: int = 0) -> str:
        done = run_command(*words, "--config", str(self.fendmail.config_path))
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        return done.stdout if code == 0 else done.stderr

    def refuse(self, source: str = LISTED) -> None:
        with self.fendmail.client(source) as client:
            client.expect_reply(220)
            client.expect("HELO bot.example", 250)
            client.expect("MAIL FROM:<a@b.example>", 250)
            client.expect("RCPT TO:<c@d.example>", 550)
            client.expect("QUIT", 221)


class Looking(CommandsCase):
    def test_status_is_for_people_and_for_programs(self) -> None:
        self.start()
        self.become_known(self.fendmail, CLIENT)
        self.assertIn("pass_new 1", self.wait_for_word("pass_new 1", "status"))
        text = self.command("status")
        for word in ("serving", "ready", "1, all in use", "lmdb"):
            self.assertIn(word, text)
        self.assertEqual(json.loads(self.command("status", "--json"))["state"], "serving")

    def wait_for_word(self, word: str, *command: str) -> str:
        found = [""]

        def there() -> bool:
            found[0] = self.command(*command)
            return word in found[0]

        wait_until(there, lambda: f"{word} in {found[0]}")
        return found[0]

    def test_top_and_lists_show_counts(self) -> None:
        self.start()
        self.refuse()
        self.assertIn("1", self.wait_for_word(LISTED, "top", "--once"))
        self.assertIn("127.0.1.0/24", self.command("top", "--by", "network"))
        self.assertIn("zen.test", self.command("top", "--by", "list"))
        self.assertRegex(self.command("lists"), r"zen\.test +up +\d+ +1")
        self.assertRegex(self.command("lists", "--test"), r"zen\.test +good")
        self.assertIn("off", self.command("lists", "--disable", "zen.test"))
        self.assertIn("1 switched off", self.command("status"))
        self.assertIn("up", self.command("lists", "--enable", "zen.test"))
        self.assertIn("no list", self.command("lists", "--disable", "x.test", code=1))

    def test_tail_shows_the_past_and_then_what_comes(self) -> None:
        self.start()
        self.refuse()
        self.wait_for_word("rejected", "tail", "--no-follow")
        tail = subprocess.Popen(
            [str(binary()), "tail", "--verdict", "pass_new", "-n", "5",
             "--socket", str(self.fendmail.socket_path)],
            stdout=subprocess.PIPE, text=True,
        )
        self.addCleanup(tail.stdout.close)
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        lines: list[str] = []
        os.set_blocking(tail.stdout.fileno(), False)

        def heard() -> bool:
            # Whether it follows already cannot be seen, so more clients come until it does.
            self.assert_delivers(self.fendmail, f"127.0.2.{len(lines) + next(self.numbers)}", "x")
            lines.extend(tail.stdout.readlines())
            return bool(lines)

        self.numbers = iter(range(1, 200))
        wait_until(heard, lambda: f"{lines}")
        self.assertIn("pass_new", lines[0])
        self.assertNotIn("rejected", "".join(lines))


class Doing(CommandsCase):
    def test_permit_and_deny_hold_at_once(self) -> None:
        self.start()
        self.assertIn("none is permitted", self.command("permit"))
        text = self.command("permit", LISTED, "--for", "2h", "--comment", "by phone")
        self.assertRegex(text, rf"{LISTED} is permitted until 20\d\d-")
        self.assert_delivers(self.fendmail, LISTED, "permitted")
        self.assertIn("by phone", self.command("permit"))
        self.assertIn("no longer", self.command("permit", LISTED, "--remove"))
        self.refuse()
        self.command("deny", "127.0.1.0/24")
        self.refuse("127.0.1.77")
        self.assertIn("this host", self.command("deny", "127.0.0.1", code=1))
        self.assertIn("no address", self.command("deny", "nonsense", code=2))
        self.assertIn("for how long", self.command("deny", CLIENT, "--for", "soon", code=2))

    def test_clients_are_listed_taken_out_and_brought_back(self) -> None:
        self.start()
        self.command("clients", "add", CLIENT, "--for", "1d")
        self.assertIn("pregreet", self.command("clients", "get", CLIENT))
        listed = [""]

        def there() -> bool:
            listed[0] = self.command("clients", "list")
            return CLIENT in listed[0]

        wait_until(there, lambda: listed[0])
        export = self.directory("export") / "clients.json"
        export.write_text(self.command("clients", "export"), encoding="utf-8")
        self.assertIn("is new from now on", self.command("clients", "remove", CLIENT))
        self.assertIn("nothing is known", self.command("clients", "get", CLIENT, code=1))
        self.assertIn("1 clients taken", self.command("clients", "import", str(export)))
        self.assertIn("pregreet", self.command("clients", "get", CLIENT))
        self.assert_delivers(self.fendmail, CLIENT, "known")

    def test_reload_tells_the_errors_and_the_exit_code(self) -> None:
        self.start()
        self.assertIn("is in use", self.command("reload"))
        good = self.fendmail.config_path.read_text(encoding="utf-8")
        self.fendmail.config_path.write_text(
            good.replace('wait = "1s"', 'wait = "never"'), encoding="utf-8")
        done = run_command("reload", "--socket", str(self.fendmail.socket_path))
        self.assertEqual(done.returncode, 1)
        self.assertIn("greet.wait", done.stderr)

    def test_drain_and_back(self) -> None:
        self.start()
        self.assertEqual(self.command("drain"), "draining\n")
        self.assertIn("not ready: draining", self.command("status"))
        self.assertEqual(self.command("drain", "--wait", "20s"), "draining\n")
        self.assertEqual(self.command("drain", "--off"), "serving\n")

    def test_drain_waits_for_who_is_there(self) -> None:
        self.start()
        with self.fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            self.assertIn("sessions are left", self.command("drain", "--wait", "1s", code=1))

    def test_nothing_runs(self) -> None:
        for words in (["status"], ["top", "--once"], ["tail"], ["clients", "list"], ["permit"],
                      ["lists"], ["reload"], ["drain"]):
            done = run_command(*words, "--socket", "/nonexistent/admin.sock")
            self.assertEqual(done.returncode, 1, words)
            self.assertIn("Is fendmail running", done.stderr)


if __name__ == "__main__":
    main()
