#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""postmaster and abuse, which refused clients may reach; all their other recipients stay refused."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, OTHER, FendmailCase, log_name
from fendmail_test.smtp_client import SmtpClient
from fendmail_test.waiting import wait_until

REFUSED = f"550 5.7.1 Service unavailable; client [{CLIENT}] blocked using bl.test"
OPEN: Settings = {"dialog": {"open_recipients": ["postmaster", "Abuse"]}}
MAIL = b"Subject: please list me off\r\n\r\nHello\r\n.\r\n"


class OpenCase(FendmailCase):
    def start(self, *settings: Settings, kind: str = "proxy-v2") -> Fendmail:
        self.sink = self.start_sink(kind)
        self.dns = self.start_dns()
        self.dns.zone("bl.test", {CLIENT: ["127.0.0.2"]})
        lists = {"dnsbl": {"sites": ["bl.test"], "resolvers": [self.dns.resolver]}}
        return self.start_fendmail(self.sink.config, NO_GREET_WAIT, lists, OPEN, *settings)

    def greet(self, client: SmtpClient) -> None:
        self.read_greeting(client)
        client.expect("EHLO bot.example.org", 250)
        client.expect("MAIL FROM:<bot@example.org>", 250)

    def mails(self) -> list:
        return [mail for session in self.sink.sessions for mail in session.mails]

    def wait_for_mails(self, count: int) -> None:
        wait_until(lambda: len(self.mails()) == count, lambda: f"{self.mails()}")


class Reached(OpenCase):
    def test_a_mail_to_postmaster_and_none_to_others(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            self.greet(client)
            self.assertEqual(str(client.command("RCPT TO:<user@example.test>")), REFUSED)
            client.expect("RCPT TO:<PostMaster@example.test>", 250)
            self.assertEqual(str(client.command("RCPT TO:<user@example.test>")), REFUSED)
            client.expect("RCPT TO:<abuse@example.test>", 250)
            client.expect("DATA", 354)
            client.send(MAIL)
            client.expect_reply(250)
            # Again, in another transaction.
            client.expect("MAIL FROM:<bot@example.org>", 250)
            self.assertEqual(str(client.command("RCPT TO:<user@example.test>")), REFUSED)
            client.expect("RCPT TO:<postmaster>", 250)
            client.expect("DATA", 354)
            client.send(MAIL)
            client.expect_reply(250)
            client.expect("QUIT", 221)
            name = log_name(client)
        self.wait_for_mails(2)
        self.assertEqual(
            [mail.recipients for mail in self.mails()],
            [["PostMaster@example.test", "abuse@example.test"], ["postmaster"]],
        )
        self.assertEqual(len(self.sink.sessions), 1)
        fendmail.expect_log(
            rf"OPEN RECIPIENT from {name}: 250 .*; from=<bot@example\.org>, "
            r"to=<PostMaster@example\.test>, helo=<bot\.example\.org>$"
        )
        fendmail.expect_log(rf"SUMMARY {name} .*verdict=rejected .*reasons=dnsbl,open_recipient ")
        self.assertEqual(fendmail.log.count("NOQUEUE: reject: RCPT"), 3)
        # It is remembered nowhere.
        with fendmail.client(CLIENT) as client:
            self.greet(client)
            self.assertEqual(str(client.command("RCPT TO:<user@example.test>")), REFUSED)

    def test_pipelined(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            client.send(
                b"EHLO bot.example.org\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@example.test>\r\n"
                b"RCPT TO:<postmaster@example.test>\r\nRCPT TO:<y@example.test>\r\nDATA\r\n"
            )
            codes = [client.read_reply().code for _ in range(6)]
            self.assertEqual(codes, [250, 250, 550, 250, 550, 354])
            client.send(MAIL + b"RCPT TO:<z@example.test>\r\nQUIT\r\n")
            self.assertEqual([client.read_reply().code for _ in range(3)], [250, 503, 221])
        self.wait_for_mails(1)
        self.assertEqual(self.mails()[0].recipients, ["postmaster@example.test"])

    def test_what_backends_could_read_otherwise_does_not_get_there(self) -> None:
        fendmail = self.start()
        for recipient in (
            "<@postmaster:user@example.test>", "<user@example.test>postmaster@x",
            "<postmaster@x> <user@example.test>", "postmaster@example.test",
        ):
            with fendmail.client(CLIENT) as client:
                self.greet(client)
                self.assertEqual(str(client.command(f"RCPT TO:{recipient}")), REFUSED)
        self.assertEqual(self.sink.sessions, [])

    def test_no_data_without_them(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            self.greet(client)
            client.expect("RCPT TO:<postmaster@example.test>", 250)
            client.expect("RSET", 250)
            client.expect("MAIL FROM:<bot@example.org>", 250)
            client.expect("RCPT TO:<user@example.test>", 550)
            client.expect("DATA", 554)
        self.assertEqual(self.mails(), [])

    def test_good_clients_notice_nothing(self) -> None:
        fendmail = self.start()
        self.assert_delivers(fendmail, OTHER, "fine")
        self.wait_for_mails(1)

    def test_a_dropped_client_reaches_none(self) -> None:
        fendmail = self.start({"dnsbl": {"action": "drop"}})
        with fendmail.client(CLIENT) as client:
            client.expect_reply(521)

    def test_off_by_default(self) -> None:
        fendmail = self.start({"dialog": {"open_recipients": []}})
        with fendmail.client(CLIENT) as client:
            self.greet(client)
            self.assertEqual(str(client.command("RCPT TO:<postmaster@example.test>")), REFUSED)
        self.assertEqual(self.sink.sessions, [])

    def test_every_kind_of_backend(self) -> None:
        for kind in ("plain", "proxy-v1", "xclient", "postfix-pass"):
            with self.subTest(kind):
                fendmail = self.start(kind=kind)
                with fendmail.client(CLIENT) as client:
                    self.greet(client)
                    client.expect("RCPT TO:<postmaster@example.test>", 250)
                    client.expect("RCPT TO:<user@example.test>", 550)
                    client.expect("DATA", 354)
                    client.send(MAIL)
                    client.expect_reply(250)
                    client.expect("QUIT", 221)
                self.wait_for_mails(1)


class Trouble(OpenCase):
    def test_a_backend_that_is_away_defers_and_others_stay_refused(self) -> None:
        fendmail = self.start()
        self.sink.behaviour.greeting = b"421 busy\r\n"
        with fendmail.client(CLIENT) as client:
            self.greet(client)
            self.assertEqual(client.command("RCPT TO:<postmaster@example.test>").code // 100, 4)
            self.assertEqual(str(client.command("RCPT TO:<user@example.test>")), REFUSED)
            client.expect("QUIT", 221)

    def test_a_client_that_goes_within_a_mail_leaves_none(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            self.greet(client)
            client.expect("RCPT TO:<postmaster@example.test>", 250)
            client.expect("DATA", 354)
            client.send(b"half a mail\r\n")
        fendmail.expect_log(r"SUMMARY .*reasons=dnsbl,open_recipient ")
        self.assertEqual(self.mails(), [])


if __name__ == "__main__":
    main()
