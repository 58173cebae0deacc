#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a relay does to mails and to EHLO replies: SMTP smuggling, hidden keywords."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Settings
from fendmail_test.fendmail_case import CLIENT, log_name
from fendmail_test.relay_case import RelayCase
from fendmail_test.smtp_client import SmtpClient, make_message

# What some servers take for an end of data, behind "line" and before "MAIL FROM".
FALSE_ENDS = (
    b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n", b"\r\n\0.\r\n",
)  # fmt: skip
SMUGGLED = (
    b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<user@example.test>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nx\r\n.\r\n"
)
# What arrives of the carrier: one mail, with a dot more where some servers see a line of one.
MADE_TEXT = (
    b"\n..\n", b"\n..\r", b"\r..\n", b"\r..\r", b"\n..\r\n", b"\r..\r\n", b"\r\n..\r\r\n",
    b"\r\r\n..\r\r\n", b"\r\n\0..\r\n",
)  # fmt: skip
HEAD = b"Subject: carrier\r\n\r\nline"


class Smuggling(RelayCase):
    """The sink takes a line of a dot behind any <LF> for an end of data."""

    def send(self, client: SmtpClient, false_end: bytes) -> None:
        client.expect("RCPT TO:<user@example.test>", 250)
        client.expect("DATA", 354)
        client.send(HEAD + false_end + SMUGGLED)

    def test_no_false_end_of_data_reaches_the_backend(self) -> None:
        fendmail = self.start()
        for number, (false_end, made_text) in enumerate(zip(FALSE_ENDS, MADE_TEXT, strict=True), 1):
            with self.subTest(false_end):
                client = self.begin(fendmail)
                self.send(client, false_end)
                client.expect_reply(250)
                client.expect("QUIT", 221)
                self.assertEqual(client.read_to_end(), b"")
                client.close()
                self.assertEqual(self.sink.mails()[-1].raw, HEAD + made_text + SMUGGLED)
                fendmail.expect_log(
                    rf"SUMMARY {log_name(client)} .*verdict=pass_new phase=relay .*reasons=false_end "
                )
                self.assertEqual(len(self.sink.mails()), number)
        self.assertEqual(fendmail.log.count("RELAY STOPPED"), 0)

    def test_other_bare_line_ends_arrive_as_they_were_sent_from_anybody(self) -> None:
        """On the first contact, in a guarded session of a known client, and as octets."""
        text = b"Subject: x\ra\n\r\nbare\nLF\n\n.x\r..y\rCR\r\r\nthen\n\rboth \0\r\n" + b"z" * 3000 + b"\n"
        for data in ("auto", "strict", "as-is"):
            fendmail = self.start(data=data)
            for contact in ("NEW", "OLD"):
                with self.subTest(data=data, contact=contact), fendmail.client(CLIENT) as client:
                    client.expect_reply(220)
                    client.expect("EHLO client.example.org", 250)
                    client.expect("MAIL FROM:<sender@example.org>", 250)
                    client.expect("RCPT TO:<user@example.test>", 250)
                    client.expect("DATA", 354)
                    for octet in text:
                        client.send(bytes([octet]))
                    client.send(b"\r\n.\r\n")
                    client.expect_reply(250)
                    self.wait_for_pass(fendmail, client, contact)
                    self.assertEqual(self.sink.mails()[-1].raw, text + b"\r\n.\r\n")

    def test_a_known_client_is_guarded_when_that_is_wanted(self) -> None:
        fendmail = self.start(data="strict")
        self.assert_delivers(fendmail, CLIENT, "first")
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            self.wait_for_pass(fendmail, client, "OLD")
            client.expect("EHLO client.example.org", 250)
            client.expect("MAIL FROM:<sender@example.org>", 250)
            self.send(client, b"\n.\r\n")
            client.expect_reply(250)
            client.expect("QUIT", 221)
        fendmail.expect_log(rf"SUMMARY {log_name(client)} .*pass_old .*reasons=false_end ")
        self.assertEqual(self.sink.mails()[-1].raw, HEAD + b"\n..\r\n" + SMUGGLED)
        self.assertEqual(len(self.sink.mails()), 2)

    def test_the_octets_pass_when_that_is_wanted(self) -> None:
        """Also shows that the others of these tests can fail."""
        fendmail = self.start(data="as-is")
        client = self.begin(fendmail)
        self.send(client, b"\n.\r\n")
        client.expect_reply(250)
        client.send(b"QUIT\r\n")
        self.assertEqual(client.read_to_end().count(b"\r\n250 2.0.0 Ok: queued"), 1)
        self.assertEqual(len(self.sink.mails()), 2)

    def test_a_large_mail_in_line_feeds_arrives(self) -> None:
        fendmail = self.start()
        client = self.begin(fendmail)
        client.expect("RCPT TO:<user@example.test>", 250)
        client.expect("DATA", 354)
        text = b"Subject: large\r\n\r\n\n" + (b"x" * 70 + b"\n.\n") * 20_000
        client.send(text + b"\r\n.\r\n")
        client.expect_reply(250)
        want = text.replace(b"\n.\n", b"\n..\n") + b"\r\n.\r\n"
        self.assertEqual(self.sink.mails()[-1].raw, want)

    def test_a_client_that_ends_all_its_lines_in_line_feeds_delivers(self) -> None:
        """Twice in one session, and with either end of data."""
        for data in ("auto", "strict"):
            fendmail = self.start({"bare_newline": {"action": "ignore"}}, data=data)
            for number, end in enumerate((b"\n.\n", b"\n.\r\n", b"\r\n.\r\n")):
                with self.subTest(end), fendmail.client(f"127.0.1.{200 + number}") as client:
                    client.expect_reply(220)
                    for line in (b"EHLO a\n", b"MAIL FROM:<a@example.org>\n"):
                        client.send(line)
                        client.expect_reply(250)
                    for _ in range(2):
                        client.send(b"RCPT TO:<user@example.test>\n")
                        client.expect_reply(250)
                        client.send(b"DATA\n")
                        client.expect_reply(354)
                        client.send(b"Subject: x\n\n..dot\nbody" + end)
                        client.expect_reply(250)
                        client.send(b"MAIL FROM:<b@example.org>\n")
                        client.expect_reply(250)
                    client.send(b"QUIT\n")
                    client.expect_reply(221)
                for mail in self.sink.wait_for_mails(2 * number + 2)[-2:]:
                    self.assertEqual(mail.octets, b"Subject: x\r\n\r\n.dot\r\nbody\r\n")

    def test_a_client_that_ends_its_lines_in_two_carriage_returns_delivers(self) -> None:
        for data in ("auto", "strict"):
            fendmail = self.start(data=data)
            for contact in ("NEW", "OLD"):
                with self.subTest(data=data, contact=contact), fendmail.client(CLIENT) as client:
                    client.expect_reply(220)
                    for line, code in (
                        (b"EHLO a", 250), (b"MAIL FROM:<a@example.org>", 250),
                        (b"RCPT TO:<user@example.test>", 250), (b"DATA", 354),
                        (b"Subject: x\r\r\n\r\r\nbody\r\n.\r\nQUIT", 250),
                    ):  # fmt: skip
                        client.send(line + b"\r\r\n")
                        client.expect_reply(code)
                    client.expect_reply(221)
                    self.wait_for_pass(fendmail, client, contact)
                self.assertEqual(self.sink.mails()[-1].octets, b"Subject: x\r\r\n\r\r\nbody\r\n")

    def test_a_client_whose_end_of_data_no_server_shares_is_told_to_try_again(self) -> None:
        fendmail = self.start()
        client = self.begin(fendmail)
        client.expect("RCPT TO:<user@example.test>", 250)
        client.expect("DATA", 354)
        client.send(b"Subject: x\r\n\r\nline\n.\n")
        self.assertRegex(client.read_to_end(), rb"\A451 4\.5\.2 [^\r\n]+\r\n\Z")
        fendmail.expect_log(rf"RELAY STOPPED for {log_name(client)}: false_end in message at octet ")
        fendmail.expect_log(rf"SUMMARY {log_name(client)} .*reasons=false_end")
        self.assertEqual(self.sink.mails(), [])


class HiddenKeywords(RelayCase):
    """dialog.hide_ehlo holds wherever we see what the backend offers."""

    HIDE: Settings = {"dialog": {"hide_ehlo": ["CHUNKING", "AUTH", "X-OWN"]}}

    def assert_hidden(self, client: SmtpClient, *others: str) -> None:
        lines = client.expect("EHLO client.example.org", 250).lines
        offered = {line[4:].split()[0] for line in lines[1:]}
        self.assertEqual(offered & {"CHUNKING", "AUTH", "X-OWN", "PIPECONNECT", *others}, set())
        self.assertLessEqual({"SIZE", "DSN"}, offered)
        self.assertEqual([line[3] for line in lines], ["-"] * (len(lines) - 1) + [" "])

    def test_in_every_relay_and_in_every_ehlo_of_a_session(self) -> None:
        for kind in ("proxy-v2", "proxy-v1", "xclient", "plain", "postfix-pass"):
            for data in ("auto", "strict") if kind != "postfix-pass" else ("auto",):
                fendmail = self.start(self.HIDE, kind=kind, data=data)
                # A client that is known belongs to Postfix with its socket.
                for contact in ("NEW", "OLD") if kind != "postfix-pass" else ("NEW",):
                    with self.subTest(kind=kind, data=data, contact=contact):
                        with fendmail.client(CLIENT) as client:
                            client.expect_reply(220)
                            self.assert_hidden(client)
                            client.send_mail(make_message("one"))
                            self.assert_hidden(client)
                            client.expect("RSET", 250)
                            self.assert_hidden(client)
                            client.expect("QUIT", 221)
                            self.wait_for_pass(fendmail, client, contact)

    def test_for_the_clients_of_a_network(self) -> None:
        fendmail = self.start({"dialog": {
            "hide_ehlo": ["SIZE"], "hide_ehlo_from": {"127.0.1.5": "CHUNKING AUTH X-OWN 8BITMIME"}
        }})  # fmt: skip
        for contact in ("NEW", "OLD"):
            with fendmail.client(CLIENT) as client:
                client.expect_reply(220)
                self.assert_hidden(client, "8BITMIME")
                client.send_mail(make_message("one"))
                client.expect("QUIT", 221)
                self.wait_for_pass(fendmail, client, contact)

    def test_bdat_that_was_not_offered_is_refused_where_commands_are_read(self) -> None:
        for data, refused in (("auto", (True, False)), ("strict", (True, True))):
            fendmail = self.start(self.HIDE, data=data)
            for contact, is_refused in zip(("NEW", "OLD"), refused, strict=True):
                with self.subTest(data=data, contact=contact), fendmail.client(CLIENT) as client:
                    client.expect_reply(220)
                    client.expect("EHLO client.example.org", 250)
                    client.expect("MAIL FROM:<sender@example.org>", 250)
                    client.expect("RCPT TO:<user@example.test>", 250)
                    # The sink does not know it.
                    client.expect("BDAT 0 LAST", 521 if is_refused else 500)
                    self.wait_for_pass(fendmail, client, contact)


if __name__ == "__main__":
    main()
