#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""[grey]: a suspect is asked to come back, and passes when it does; nobody else is."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import CLIENT, FendmailCase, log_name
from fendmail_test.waiting import wait_until

SUSPECT = "127.0.7.1"
NEIGHBOUR = "127.0.7.2"  # of the same network
ELSEWHERE = "127.0.8.1"
LISTED = "127.0.9.1"


class GreyCase(FendmailCase):
    def setUp(self) -> None:
        self.sink = self.start_sink("proxy-v2")
        self.dns = self.start_dns()
        suspects = {name: ["127.0.0.2"] for name in (SUSPECT, NEIGHBOUR, ELSEWHERE, LISTED)}
        self.dns.zone("some.test", suspects)
        self.dns.zone("sure.test", {LISTED: ["127.0.0.2"]})

    def start(self, grey: dict | None = None, *settings: Settings) -> Fendmail:
        store = {"store": {"kind": "lmdb", "path": str(self.directory("store") / "clients.lmdb")}}
        self.grey_file = Path(store["store"]["path"]).parent / "grey"
        fendmail = self.start_fendmail(
            self.sink.config, store,
            {
                "greet": {"wait": "1s", "ttl": "1s"},
                "dnsbl": {"sites": ["some.test", "sure.test*2"], "threshold": 3,
                          "action": "enforce", "resolvers": [self.dns.resolver],
                          "min_ttl": "1s", "max_ttl": "1s"},
                "grey": {"threshold": 1, "delay": "2s", **(grey or {})},
            },
            *settings,
        )
        return fendmail

    def assert_deferred(self, fendmail: Fendmail, source: str) -> None:
        """Both recipients, and so a second one, are told to come back."""
        with fendmail.client(source) as client:
            self.read_greeting(client)
            client.expect("EHLO client.example.org", 250)
            client.expect("MAIL FROM:<bob@example.org>", 250)
            for _ in range(2):
                self.assertRegex(str(client.command("RCPT TO:<user@example.test>")),
                                 r"^450 4\.7\.1 Please come back in \d")
            client.expect("QUIT", 221)
            fendmail.expect_log(rf"SUMMARY {log_name(client)} .*verdict=deferred .*reasons=grey")

    def wait_until_back(self, fendmail: Fendmail, source: str) -> None:
        """Comes again and again, as a mail server does, until its mail is taken."""

        def is_taken() -> bool:
            with fendmail.client(source) as client:
                self.read_greeting(client)
                client.expect("EHLO client.example.org", 250)
                client.expect("MAIL FROM:<bob@example.org>", 250)
                code = client.command("RCPT TO:<user@example.test>").code
                client.expect("QUIT", 221)
            return code == 250

        wait_until(is_taken, "its mail to be taken", 30)


class Suspects(GreyCase):
    def test_a_suspect_passes_when_it_comes_back(self) -> None:
        fendmail = self.start()
        self.assert_deferred(fendmail, SUSPECT)
        fendmail.expect_log(rf"GREY \[{SUSPECT}\]:\d+ has a score of 1: 127\.0\.7\.0/24 is asked")
        self.wait_until_back(fendmail, SUSPECT)
        fendmail.expect_log(rf"GREY PASS \[{SUSPECT}\]:\d+ with a score of 1")
        text = Admin(fendmail.socket_path).ask("GET", "/metrics")[1]
        self.assertRegex(text, r"(?m)^fendmail_suspects_deferred_total [1-9]")
        self.assertIn("fendmail_suspects_returned_total 1\n", text)

    def test_another_host_of_its_network_may_come_back_for_it(self) -> None:
        fendmail = self.start()
        self.assert_deferred(fendmail, SUSPECT)
        self.wait_until_back(fendmail, NEIGHBOUR)
        fendmail.expect_log(rf"GREY PASS \[{NEIGHBOUR}\]")
        self.assert_delivers(fendmail, SUSPECT, "from the first one")
        self.assert_deferred(fendmail, ELSEWHERE)

    def test_a_clean_client_is_never_asked(self) -> None:
        fendmail = self.start({"delay": "1h"})
        self.assert_delivers(fendmail, CLIENT, "clean")
        self.assertEqual(fendmail.log.count("GREY"), 0)

    def test_one_that_is_listed_well_enough_is_refused_for_good(self) -> None:
        fendmail = self.start()
        with fendmail.client(LISTED) as client:
            client.expect_reply(220)
            self.assert_recipients_get(
                client,
                f"550 5.7.1 Service unavailable; client [{LISTED}] blocked using sure.test")
        self.assertEqual(fendmail.log.count("GREY"), 0)

    def test_off_by_default(self) -> None:
        fendmail = self.start({"threshold": 0})
        self.assert_delivers(fendmail, SUSPECT, "as ever")

    def test_too_soon_is_not_back_and_what_was_passed_does_not_let_it_in(self) -> None:
        """Its early tests were passed: with a pass it would be a known client."""
        fendmail = self.start({"delay": "1h"}, {"dnsbl": {"min_ttl": "1h", "max_ttl": "2h"}})
        for _ in range(3):
            self.assert_deferred(fendmail, SUSPECT)
        self.assertEqual(fendmail.log.count("PASS"), 0)

    def test_also_before_the_deep_tests(self) -> None:
        fendmail = self.start({}, {"pipelining": {"enable": True}, "deep": {"after": "relay"}})
        self.assert_deferred(fendmail, SUSPECT)
        self.wait_until_back(fendmail, SUSPECT)

    def test_a_restart_asks_nobody_twice(self) -> None:
        fendmail = self.start({"delay": "1s"})
        self.assert_deferred(fendmail, SUSPECT)
        self.wait_until_back(fendmail, SUSPECT)
        wait_until(lambda: "back 127.0.7.0/24" in self.grey_file.read_text(encoding="utf-8"),
                   "it is written")
        fendmail.kill()
        fendmail.start()
        fendmail.write_config({"grey": {"delay": "1h"}})
        fendmail.reload()
        fendmail.expect_log("reloaded")
        self.assert_delivers(fendmail, NEIGHBOUR, "after the restart")

    def test_many_at_once_from_one_network_are_all_asked(self) -> None:
        fendmail = self.start({"delay": "1h"}, {"server": {"workers": 2}})
        clients = [fendmail.client(source) for source in (SUSPECT, NEIGHBOUR) for _ in range(10)]
        try:
            for client in clients:
                self.read_greeting(client)
                client.expect("EHLO client.example.org", 250)
                client.expect("MAIL FROM:<bob@example.org>", 250)
                client.expect("RCPT TO:<user@example.test>", 450)
        finally:
            for client in clients:
                client.close()

    def test_explain_says_so(self) -> None:
        fendmail = self.start()
        told = run_command("explain", "-c", str(fendmail.config_path), SUSPECT)
        self.assertRegex(told.stdout, r"is a suspect, and is told to come back after 2s")

    def test_a_file_that_is_damaged_is_told_and_gone_without(self) -> None:
        fendmail = self.start()
        fendmail.stop()
        self.grey_file.write_bytes(b"waits 127.0.7.0/24 1\x00\nback x\nback 127.0.7.0/24\n")
        fendmail.start()
        fendmail.expect_log("3 lines are not understood")
        self.assert_deferred(fendmail, SUSPECT)


if __name__ == "__main__":
    main()
