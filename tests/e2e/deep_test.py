#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deep tests: what a client does wrong behind the 220, and how a good one becomes known."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, OTHER, FendmailCase, log_name

COME_BACK = "450 4.3.2 Service currently unavailable"
PROTOCOL_ERROR = "550 5.5.1 Protocol error"
LAST_WORDS = b"521 5.5.1 Protocol error\r\n"
GOODBYE = b"521 5.7.0 Error: I can break rules, too. Goodbye.\r\n"


def deep(**actions: str) -> Settings:
    """Tests that are on, with their action."""
    tests = {name: {"enable": True, "action": action} for name, action in actions.items()}
    return {**tests, "deep": {"after": "retry"}}


ALL = {"pipelining": "enforce", "non_smtp_command": "drop", "bare_newline": "enforce"}


class DeepCase(FendmailCase):
    def start(self, *settings: Settings, **actions: str) -> Fendmail:
        self.sink = self.start_sink()
        return self.start_fendmail(
            self.sink.config, NO_GREET_WAIT, deep(**(actions or ALL)), *settings
        )

    def assert_comes_to_nothing(self, fendmail: Fendmail, source: str) -> None:
        """The next session of this client is tested again."""
        with fendmail.client(source) as client:
            self.assert_recipients_get_after_greeting(client, COME_BACK)

    def assert_recipients_get_after_greeting(self, client, reply: str) -> None:
        client.expect_reply(220)
        self.assert_recipients_get(client, reply)


class Passing(DeepCase):
    def test_a_good_client_is_told_to_come_back_and_is_known_then(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            self.assert_recipients_get_after_greeting(client, COME_BACK)
            self.wait_for_pass(fendmail, client, "NEW")
            fendmail.expect_log(rf"DISCONNECT {log_name(client)}$")
        self.assertEqual(self.sink.sessions, [])
        self.assert_delivers(fendmail, CLIENT, "second")
        fendmail.expect_log(r"PASS OLD \[127\.0\.1\.5\]")

    def test_a_client_that_hangs_up_after_its_recipient_has_passed(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.expect("HELO good.example", 250)
            client.expect("MAIL FROM:<>", 250)
            client.expect("RCPT TO:<a@example.test>", 450)
            who = log_name(client)
        fendmail.expect_log(rf"HANGUP after .* from {who} in tests after SMTP handshake$")
        fendmail.expect_log(rf"PASS NEW {who}$")

    def test_a_client_that_leaves_before_a_recipient_is_tested_again(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.expect("QUIT", 221)
            fendmail.expect_log(rf"DISCONNECT {log_name(client)}$")
        self.assert_comes_to_nothing(fendmail, CLIENT)


class Failing(DeepCase):
    def test_pipelining(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.send(b"EHLO bot\r\nMAIL FROM:<a@example.org>\r\n")
            client.expect_reply(250)
            client.expect_reply(250)
            self.assertEqual(str(client.command("RCPT TO:<b@example.test>")), PROTOCOL_ERROR)
            client.expect("QUIT", 221)
            fendmail.expect_log(
                rf"COMMAND PIPELINING from {log_name(client)} after EHLO: "
                r"MAIL FROM:<a@example\.org>\\r\\n$"
            )
        self.assert_comes_to_nothing(fendmail, CLIENT)

    def test_a_bare_newline(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.send(b"HELO bot\n")
            client.expect_reply(250)
            client.expect("MAIL FROM:<a@example.org>", 250)
            self.assertEqual(str(client.command("RCPT TO:<b@example.test>")), PROTOCOL_ERROR)
            fendmail.expect_log(rf"BARE NEWLINE from {log_name(client)} after HELO bot$")
            fendmail.expect_log(
                rf"NOQUEUE: reject: RCPT from {log_name(client)}: {PROTOCOL_ERROR}; "
            )
            client.expect("QUIT", 221)
        self.assert_comes_to_nothing(fendmail, CLIENT)

    def test_other_protocols_are_dropped(self) -> None:
        fendmail = self.start({"non_smtp_command": {"forbidden": ["POST", "/^[^A-Z]/"]}})
        for number, line in enumerate(("POST / HTTP/1.1", "Subject : hi", "{}", "1234"), start=20):
            with fendmail.client(f"127.0.1.{number}") as client:
                client.expect_reply(220)
                client.send(line.encode() + b"\r\n")
                self.assert_says_only(client, GOODBYE)
                fendmail.expect_log(rf"NON-SMTP COMMAND from {log_name(client)} after CONNECT: ")
                fendmail.expect_log(
                    rf"SUMMARY {log_name(client)} .*verdict=dropped .*reasons=non_smtp_command"
                )

    def test_what_is_ignored_is_told_and_passes(self) -> None:
        fendmail = self.start(pipelining="ignore", bare_newline="ignore")
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.send(b"HELO bot\nMAIL FROM:<>\n")
            client.expect_reply(250)
            client.expect_reply(250)
            client.expect("RCPT TO:<a@example.test>", 450)
            client.expect("QUIT", 221)
            fendmail.expect_log(rf"BARE NEWLINE from {log_name(client)} after HELO bot$")
            fendmail.expect_log(rf"COMMAND PIPELINING from {log_name(client)} after HELO: ")
            self.wait_for_pass(fendmail, client, "NEW")
        self.assert_delivers(fendmail, CLIENT, "second")

    def test_a_refused_client_is_looked_at_though_the_tests_are_off(self) -> None:
        self.sink = self.start_sink()
        fendmail = self.start_fendmail(
            self.sink.config,
            NO_GREET_WAIT,
            {"access": {"rules": ["reject 0.0.0.0/0"], "action": "enforce"}},
        )
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.send(b"GET / HTTP/1.0\r\n")
            self.assert_says_only(client, GOODBYE)


class MxPolicy(DeepCase):
    def test_only_some_local_addresses_let_a_new_client_pass(self) -> None:
        self.sink = self.start_sink()
        fendmail = self.start_fendmail(
            self.sink.config,
            {"greet": {"wait": "1s"}},
            {"server": {"listen": ["127.0.0.1:0", "127.0.0.2:0"]}},
            {"access": {"allowlist_interfaces": ["!127.0.0.2", "0.0.0.0/0"]}},
        )
        with fendmail.client(CLIENT, listener=1) as client:
            self.assert_has_teaser(client.expect_reply(220))
            self.assert_recipients_get(client, COME_BACK)
            fendmail.expect_log(rf"ALLOWLIST VETO {log_name(client)}$")
            fendmail.expect_log(rf"SUMMARY {log_name(client)} .*verdict=deferred .*reasons=veto")
        self.assertEqual(self.sink.sessions, [])
        self.become_known(fendmail, CLIENT)
        # Who has earned its pass at the first address may use it at the second.
        with fendmail.client(CLIENT, listener=1) as client:
            self.assert_has_no_teaser(client.expect_reply(220))
            client.expect("QUIT", 221)


class Footer(DeepCase):
    def test_stands_behind_each_refusal_on_the_wire_and_not_in_the_log(self) -> None:
        footer = "\\c.\\nAsk $server_name of $client_address"
        fendmail = self.start({"dialog": {"reject_footer": footer}})
        with fendmail.client(OTHER) as client:
            client.expect_reply(220)
            client.expect("HELO x", 250)
            client.expect("MAIL FROM:<>", 250)
            reply = client.command("RCPT TO:<a@example.test>")
            self.assertEqual(
                list(reply.lines),
                [f"450-{COME_BACK[4:]}.", "450 4.3.2 Ask mx.example.test of 127.0.1.6"],
            )
            fendmail.expect_log(
                rf"NOQUEUE: reject: RCPT from {log_name(client)}: {COME_BACK}; from="
            )


if __name__ == "__main__":
    main()
