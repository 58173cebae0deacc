#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Early tests and access list: teaser, greet wait, pregreet, who is known, who is listed."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Settings
from fendmail_test.fendmail_case import (
    CLIENT,
    NO_GREET_WAIT,
    OTHER,
    TEASER,
    FendmailCase,
    Stopwatch,
    log_name,
)

PREGREETING = b"EHLO early.example.org\r\n"
# Long enough to tell on a busy machine whether it was waited for.
LONG_WAIT: Settings = {"greet": {"wait": "4s"}}
WELL_BELOW_LONG_WAIT = 2.5


def greet(action: str, wait: str = "1s") -> Settings:
    return {"greet": {"action": action, "wait": wait}}


def access(*rules: str, action: str = "ignore") -> Settings:
    return {"access": {"rules": list(rules), "action": action}}


class Teaser(FendmailCase):
    def test_new_client_gets_the_teaser_at_once_and_waits_for_the_rest(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, {"greet": {"wait": "2s"}})
        watch = Stopwatch()
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), TEASER)
            self.assertLess(watch.seconds(), 1.5)
            self.assertEqual(sink.sessions, [])
            self.assertTrue(client.read_line().startswith(b"220 "))
            self.assertGreaterEqual(watch.seconds(), 1.95)
            client.expect("QUIT", 221)

    def test_teaser_text_is_configured(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, {"greet": {"banner": "mx.other.test hello"}})
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), b"220-mx.other.test hello\r\n")
            client.expect_reply(220)

    def test_without_greet_wait_there_is_no_teaser(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT)
        self.assert_has_no_teaser(self.assert_delivers(fendmail, CLIENT, "one"))

    def test_clean_client_passes_and_delivers(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config)
        self.assert_has_teaser(self.assert_delivers(fendmail, CLIENT, "one"))
        self.assertEqual(len(sink.wait_for_mails(1)), 1)
        client = r"\[127\.0\.1\.5\]:\d+"
        fendmail.expect_log(rf"CONNECT from {client} to \[127\.0\.0\.1\]:{fendmail.address[1]}$")
        fendmail.expect_log(rf"PASS NEW {client}$")
        fendmail.expect_log(rf"SUMMARY {client} .*verdict=pass_new")

    def test_known_client_gets_no_teaser_and_does_not_wait(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, LONG_WAIT)
        self.become_known(fendmail, CLIENT)
        watch = Stopwatch()
        with fendmail.client(CLIENT) as client:
            self.assert_has_no_teaser(self.read_greeting(client))
            self.assertLess(watch.seconds(), WELL_BELOW_LONG_WAIT)
            self.wait_for_pass(fendmail, client, "OLD")
            client.expect("QUIT", 221)

    def test_a_pass_is_of_one_address_only(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config)
        self.become_known(fendmail, CLIENT)
        with fendmail.client(OTHER) as client:
            self.assert_has_teaser(self.read_greeting(client))

    def test_a_pass_expires(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, {"greet": {"ttl": "1s"}})
        self.become_known(fendmail, CLIENT)
        self.assert_is_tested_again(fendmail)

    def assert_is_tested_again(self, fendmail) -> None:
        watch = Stopwatch()
        while watch.seconds() < 10:
            with fendmail.client(CLIENT) as client:
                if len(self.read_greeting(client).lines) > 1:
                    return
        self.fail("the client never got a teaser again")

    def test_ipv6_client(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, {"server": {"listen": ["[::1]:0"]}})
        self.assert_has_teaser(self.assert_delivers(fendmail, "::1", "one"))
        fendmail.expect_log(r"PASS NEW \[::1\]:\d+$")


class Pregreet(FendmailCase):
    def test_enforced_recipients_are_refused(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, greet("enforce"))
        with fendmail.client(CLIENT) as client:
            client.send(PREGREETING)
            self.assertEqual(client.read_line(), TEASER)
            # No banner: it would be taken for the answer to EHLO.
            client.expect_reply(250)
            self.assert_recipients_get(client, "550 5.5.1 Protocol error", helo="")
            name = log_name(client)
        text = r"EHLO early\.example\.org\\r\\n$"
        fendmail.expect_log(rf"PREGREET {len(PREGREETING)} after [\d.]+ from {name}: {text}")
        fendmail.expect_log(
            rf"NOQUEUE: reject: RCPT from {name}: 550 5\.5\.1 Protocol error; "
            r"from=<bot@example\.org>, to=<user@example\.test>, proto=ESMTP, "
            r"helo=<early\.example\.org>$"
        )
        fendmail.expect_log(rf"DISCONNECT {name}$")
        fendmail.expect_log(rf"SUMMARY {name} .*verdict=rejected.*reasons=pregreet")
        self.assertEqual(sink.sessions, [])

    def test_drop_says_521_and_closes(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, greet("drop"))
        with fendmail.client(CLIENT) as client:
            client.send(PREGREETING)
            self.assert_says_only(client, TEASER + b"521 5.5.1 Protocol error\r\n")
            name = log_name(client)
        fendmail.expect_log(rf"DISCONNECT {name}$")
        fendmail.expect_log(rf"SUMMARY {name} .*verdict=dropped")
        self.assertEqual(sink.sessions, [])

    def test_ignored_client_is_served_and_its_octets_are_not_lost(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, greet("ignore"))
        with fendmail.client(CLIENT) as client:
            client.send(b"EHLO early.example.org\r\n")
            self.read_greeting(client)
            client.expect_reply(250)
            client.expect("QUIT", 221)
            name = log_name(client)
        fendmail.expect_log(rf"PREGREET \d+ after [\d.]+ from {name}: EHLO")
        self.assertEqual(sink.sessions[0].commands[0], "EHLO early.example.org")

    def test_ignored_failure_is_not_a_pass(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, greet("ignore"))
        with fendmail.client(CLIENT) as client:
            client.send(PREGREETING)
            self.read_greeting(client)
            client.expect_reply(250)
            client.expect("QUIT", 221)
        with fendmail.client(CLIENT) as client:
            self.assert_has_teaser(self.read_greeting(client))

    def test_enforced_failure_is_not_remembered(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, greet("enforce"))
        with fendmail.client(CLIENT) as client:
            client.send(b"QUIT\r\n")
            client.read_to_end()
        self.assert_has_teaser(self.assert_delivers(fendmail, CLIENT, "one"))

    def test_control_characters_are_escaped_in_the_log(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, greet("drop"))
        with fendmail.client(CLIENT) as client:
            client.send(b"\x16\x03\x01\\ \n\xff" + b"x" * 2000)
            client.read_to_end()
            name = log_name(client)
        cut = r"\\026\\003\\001\\\\ \\n\\377x{1,93}$"
        fendmail.expect_log(rf"PREGREET \d+ after [\d.]+ from {name}: {cut}")

    def test_hang_up_is_logged_and_is_no_failure(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, {"greet": {"wait": "60s"}})
        for end in ("close", "reset"):
            with self.subTest(end):
                client = fendmail.client(CLIENT)
                self.assertEqual(client.read_line(), TEASER)
                name = log_name(client)
                getattr(client, end)()
                fendmail.expect_log(
                    rf"HANGUP after [\d.]+ from {name} in tests before SMTP handshake$"
                )
                fendmail.expect_log(rf"DISCONNECT {name}$")
                fendmail.expect_log(rf"SUMMARY {name} .*verdict=left")


class AccessList(FendmailCase):
    def test_permit_hands_on_at_once(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, LONG_WAIT, access("permit 127.0.1.0/24"))
        watch = Stopwatch()
        with fendmail.client(CLIENT) as client:
            self.assert_has_no_teaser(self.read_greeting(client))
            self.assertLess(watch.seconds(), WELL_BELOW_LONG_WAIT)
            fendmail.expect_log(rf"ALLOWLISTED {log_name(client)}$")
            client.expect("QUIT", 221)

    def test_first_match_wins(self) -> None:
        sink = self.start_sink()
        rules = access(f"reject {CLIENT}", "permit 127.0.1.0/24", action="drop")
        fendmail = self.start_fendmail(sink.config, LONG_WAIT, rules)
        with fendmail.client(CLIENT) as client:
            self.assert_says_only(client, b"521 5.3.2 Service currently unavailable\r\n")
        with fendmail.client(OTHER) as client:
            self.assert_has_no_teaser(self.read_greeting(client))

    def test_reject_and_drop(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, access(f"reject {CLIENT}", action="drop"))
        with fendmail.client(CLIENT) as client:
            self.assert_says_only(client, b"521 5.3.2 Service currently unavailable\r\n")
            name = log_name(client)
        fendmail.expect_log(rf"DENYLISTED {name} by reject {re.escape(CLIENT)}$")
        fendmail.expect_log(rf"DISCONNECT {name}$")
        self.assertEqual(sink.sessions, [])

    def test_reject_and_enforce(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, access(f"reject {CLIENT}", action="enforce"))
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, "550 5.3.2 Service currently unavailable")
            name = log_name(client)
        fendmail.expect_log(rf"DENYLISTED {name} by reject {re.escape(CLIENT)}$")
        fendmail.expect_log(
            rf"NOQUEUE: reject: RCPT from {name}: 550 5\.3\.2 Service currently unavailable; "
        )
        self.assertEqual(sink.sessions, [])

    def test_reject_and_ignore(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, access(f"reject {CLIENT}", action="ignore"))
        self.assert_delivers(fendmail, CLIENT, "one")
        fendmail.expect_log(r"DENYLISTED \[127\.0\.1\.5\]:\d+ by reject 127\.0\.1\.5$")
        sink.wait_for_mails(1)

    def test_reject_refuses_when_nothing_else_is_said(self) -> None:
        """Whoever writes a reject rule means it."""
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, {"access": {"rules": [f"reject {CLIENT}"]}})
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, "550 5.3.2 Service currently unavailable")
        self.assertEqual(sink.sessions, [])

    def test_known_client_that_is_rejected_later_is_refused(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config)
        self.become_known(fendmail, CLIENT)
        fendmail.write_config(access(f"reject {CLIENT}", action="drop"))
        fendmail.reload()
        fendmail.expect_log(r"reloaded configuration")
        with fendmail.client(CLIENT) as client:
            self.assert_says_only(client, b"521 5.3.2 Service currently unavailable\r\n")

    def test_rules_come_from_a_file(self) -> None:
        sink = self.start_sink()
        path = self.directory("access") / "access.cidr"
        path.write_text(f"# bots\n{CLIENT}\n127.9.0.0/16\n", encoding="ascii")
        rules = access(f"reject file:{path}", action="drop")
        fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT, rules)
        for source in (CLIENT, "127.9.8.7"):
            with self.subTest(source), fendmail.client(source) as client:
                self.assert_says_only(client, b"521 5.3.2 Service currently unavailable\r\n")
        self.assert_delivers(fendmail, OTHER, "one")


if __name__ == "__main__":
    main()
