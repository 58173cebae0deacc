#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our own SMTP side, which refused clients talk to: replies, log lines, limits."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, FendmailCase, log_name

UNAVAILABLE = "550 5.3.2 Service currently unavailable"


class DialogCase(FendmailCase):
    """Every client is refused by the access list."""

    def start(self, **dialog) -> Fendmail:
        self.sink = self.start_sink()
        return self.start_fendmail(
            self.sink.config,
            NO_GREET_WAIT,
            {"access": {"rules": ["reject 0.0.0.0/0"], "action": "enforce"}, "dialog": dialog},
        )


class Rejections(DialogCase):
    def test_each_recipient_is_logged(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            greeting = client.expect_reply(220)
            self.assertTrue(greeting.text.startswith("220 mx.example.test"), greeting)
            client.expect("HELO bot", 250)
            client.expect("MAIL FROM:<>", 250)
            for name in ("one", "two"):
                reply = client.command(f"RCPT TO:<{name}@example.test>")
                self.assertEqual(str(reply), UNAVAILABLE)
            client.expect("QUIT", 221)
            who = log_name(client)
        for name in ("one", "two"):
            fendmail.expect_log(
                rf"NOQUEUE: reject: RCPT from {who}: {UNAVAILABLE}; from=<>, "
                rf"to=<{name}@example\.test>, proto=SMTP, helo=<bot>$"
            )
        self.assertEqual(self.sink.sessions, [])

    def test_ehlo_offers_no_pipelining_and_no_xclient(self) -> None:
        fendmail = self.start(hide_ehlo=["ETRN"])
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            offered = str(client.expect("EHLO bot", 250))
            self.assertIn("8BITMIME", offered)
            for keyword in ("PIPELINING", "XCLIENT", "AUTH", "ETRN", "STARTTLS"):
                self.assertNotIn(keyword, offered)

    def test_wrong_commands(self) -> None:
        replies = {
            "NONSENSE": "502 5.5.2 Error: command not recognized",
            "RCPT TO:<a@example.test>": "503 5.5.1 Error: need MAIL command",
            "MAIL": "501 5.5.4 Syntax: MAIL FROM:<address>",
            "HELO": "501 Syntax: HELO hostname",
            "NOOP": "250 2.0.0 Ok",
        }
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            for command, reply in replies.items():
                with self.subTest(command):
                    self.assertEqual(str(client.command(command)), reply)

    def test_client_text_cannot_forge_log_lines(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.expect("HELO x>\x01\x7fPASS", 250)
            client.expect("MAIL FROM:<a@example.org>", 250)
            client.command("RCPT TO:<b@example.test>")
            who = log_name(client)
        fendmail.expect_log(rf"NOQUEUE: reject: RCPT from {who}: .*helo=<x\\076\\001\\177PASS>$")

    def test_data_without_recipient_ends_the_session(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.expect("HELO bot", 250)
            client.expect("MAIL FROM:<a@example.org>", 250)
            client.send(b"DATA\r\n")
            self.assert_says_only(client, b"554 5.5.1 Error: no valid recipients\r\n")
            fendmail.expect_log(rf"DATA without valid RCPT from {log_name(client)}$")

    def test_hang_up_in_the_dialog(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.expect("HELO bot", 250)
            who = log_name(client)
        fendmail.expect_log(rf"HANGUP after [\d.]+ from {who} in tests after SMTP handshake$")
        fendmail.expect_log(rf"DISCONNECT {who}$")

    def test_pipelined_commands_are_all_answered(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.send(
                b"HELO bot\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.test>\r\nQUIT\r\n"
            )
            codes = [client.read_reply().code for _ in range(4)]
            self.assertEqual(codes, [250, 250, 550, 221])
            self.assertEqual(client.read_to_end(), b"")


class Limits(DialogCase):
    def test_command_count(self) -> None:
        fendmail = self.start(command_limit=3)
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            for _ in range(3):
                client.expect("NOOP", 250)
            client.send(b"NOOP\r\n")
            self.assert_says_only(
                client, b"421 mx.example.test Service unavailable - try again later\r\n"
            )
            fendmail.expect_log(rf"COMMAND COUNT LIMIT from {log_name(client)} after NOOP$")

    def test_line_length(self) -> None:
        fendmail = self.start(line_limit=512)
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.expect("HELO " + "x" * 500, 250)
            client.send(b"HELO " + b"x" * 100_000 + b"\r\n")
            self.assert_says_only(
                client, b"421 mx.example.test Service unavailable - try again later\r\n"
            )
            fendmail.expect_log(rf"COMMAND LENGTH LIMIT from {log_name(client)} after HELO$")

    def test_command_time(self) -> None:
        fendmail = self.start(command_time_limit="1s")
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.expect("HELO bot", 250)
            client.send(b"MAIL FR")  # a part of a command does not buy time
            self.assert_says_only(client, b"421 4.4.2 mx.example.test Error: timeout exceeded\r\n")
            fendmail.expect_log(rf"COMMAND TIME LIMIT from {log_name(client)} after HELO$")


if __name__ == "__main__":
    main()
