#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""[rates]: who comes too fast is told to come again, and nobody else."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import CLIENT, OTHER, FendmailCase, log_name
from fendmail_test.smtp_client import SmtpClient
from fendmail_test.tls import make_certificate

TOO_MANY = "421 4.7.0 Error: too many connections from {}, come again later"


class RatesCase(FendmailCase):
    def start(self, rates: dict, *settings: Settings) -> Fendmail:
        self.sink = self.start_sink("proxy-v2")
        return self.start_fendmail(
            self.sink.config,
            {"greet": {"wait": "1s"}, "rates": rates, "server": {"workers": 2}},
            *settings,
        )

    def refusal(self, client: SmtpClient) -> str:
        """What it is told at once and for good; "" when the connection is closed without a word."""
        return client.read_to_end().decode().removesuffix("\r\n")

    def leave(self, fendmail: Fendmail, source: str) -> None:
        """A new client that goes away in its greet wait: it has passed nothing."""
        with fendmail.client(source) as client:
            client.read_line()


class Connections(RatesCase):
    def test_too_many_are_told_to_come_again_and_neighbours_are_not(self) -> None:
        fendmail = self.start({"connections": "5/1h", "action": "defer"})
        for _ in range(5):
            self.leave(fendmail, CLIENT)
        for _ in range(3):
            with fendmail.client(CLIENT) as client:
                self.assertEqual(self.refusal(client), TOO_MANY.format(CLIENT))
                fendmail.expect_log(
                    rf"NOQUEUE: reject: CONNECT from {log_name(client)}: more connections than "
                    rf"5/1h of {CLIENT}$")
                fendmail.expect_log(
                    rf"SUMMARY {log_name(client)} .*verdict=deferred .*reasons=rate ")
        self.assert_delivers(fendmail, OTHER, "neighbour")

    def test_who_has_passed_is_not_counted(self) -> None:
        fendmail = self.start({"connections": "2/1h", "action": "defer"})
        self.become_known(fendmail, CLIENT)
        for count in range(6):
            self.assert_delivers(fendmail, CLIENT, f"known-{count}")

    def test_a_permitted_client_is_not_counted(self) -> None:
        fendmail = self.start({"connections": "1/1h", "network": "1/1h", "action": "drop"},
                              {"access": {"rules": [f"permit {CLIENT}"]}})
        for count in range(4):
            self.assert_delivers(fendmail, CLIENT, f"permitted-{count}")

    def test_drop_says_nothing(self) -> None:
        fendmail = self.start({"connections": "1/1h", "action": "drop"})
        self.leave(fendmail, CLIENT)
        with fendmail.client(CLIENT) as client:
            self.assertEqual(self.refusal(client), "")
            fendmail.expect_log(rf"SUMMARY {log_name(client)} .*verdict=dropped .*reasons=rate ")

    def test_ignore_tells_what_would_have_been(self) -> None:
        fendmail = self.start({"connections": "1/1h"})
        self.leave(fendmail, CLIENT)
        with fendmail.client(CLIENT) as client:
            fendmail.expect_log(
                rf"RATE EXCEEDED by {log_name(client)}: more connections than 1/1h of {CLIENT}; "
                "only told$")
            self.read_greeting(client)
            client.expect("QUIT", 221)

    def test_who_goes_on_gets_nothing_until_it_slows_down(self) -> None:
        fendmail = self.start({"connections": "2/2s", "action": "defer"})
        for _ in range(2):
            self.leave(fendmail, CLIENT)
        for _ in range(40):
            with fendmail.client(CLIENT) as client:
                self.assertEqual(self.refusal(client), TOO_MANY.format(CLIENT))
        # Not a pause of a fixed length: until it is let in again, each try puts that off, so the
        # next one is tried after as long as the rate allows.
        time.sleep(1.2)
        self.become_known(fendmail, CLIENT)


class Networks(RatesCase):
    def test_all_workers_count_a_network_together(self) -> None:
        """Of a /24 each worker sees a part: none of both parts is beyond the rate by itself."""
        fendmail = self.start({"network": "20/1h", "action": "defer"})
        for number in range(20):
            self.leave(fendmail, f"127.0.3.{number + 1}")
        for number in range(20, 40):
            with fendmail.client(f"127.0.3.{number + 1}") as client:
                self.assertEqual(self.refusal(client), TOO_MANY.format("127.0.3.0/24").replace(
                    "connections", "connections of its network"))
        self.assert_delivers(fendmail, "127.0.4.1", "another network")
        self.assertEqual(
            [one["sessions"] for one in Admin(fendmail.socket_path).get("top?by=rate")["entries"]],
            [1] * 20)

    def test_the_lengths_of_networks_are_configured(self) -> None:
        fendmail = self.start({"network": "2/1h", "action": "defer", "ipv4_network_prefix": 16})
        self.leave(fendmail, "127.5.1.1")
        self.leave(fendmail, "127.5.2.1")
        with fendmail.client("127.5.3.1") as client:
            self.assertIn("from 127.5.0.0/16", self.refusal(client))


class Dialog(RatesCase):
    def test_refused_recipients(self) -> None:
        fendmail = self.start({"refused_recipients": "3/1h", "action": "defer"},
                              {"access": {"rules": [f"reject {CLIENT}"]}})
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            client.expect("EHLO bot.example.org", 250)
            client.expect("MAIL FROM:<bot@example.org>", 250)
            for _ in range(3):
                client.expect("RCPT TO:<user@example.test>", 550)
            reply = client.command("RCPT TO:<user@example.test>")
            self.assertEqual(
                str(reply),
                f"421 4.7.0 Error: too many refused recipients from {CLIENT}, come again later")
            self.assertEqual(client.read_to_end(), b"")

    def test_tls_handshakes(self) -> None:
        certificate, key = make_certificate(self.directory("tls"), "mx.example.test")
        fendmail = self.start(
            {"tls_handshakes": "2/1h", "action": "defer"},
            {"tls": {"level": "may", "certificate": str(certificate), "key": str(key)},
             "access": {"rules": [f"reject {CLIENT}"]}})
        for number in range(3):
            with fendmail.client(CLIENT) as client:
                self.read_greeting(client)
                client.expect("EHLO bot.example.org", 250)
                if number < 2:
                    client.start_tls()
                else:
                    self.assertIn("too many TLS handshakes", str(client.expect("STARTTLS", 421)))


class Commands(RatesCase):
    def test_rates_top_shows_who_was_too_fast(self) -> None:
        fendmail = self.start({"connections": "1/1h", "action": "defer"})
        shown = run_command("rates", "top", "-c", fendmail.config_path)
        self.assertIn("no client came faster", shown.stdout)
        for _ in range(4):
            with fendmail.client(CLIENT) as client:
                client.read_line()
        shown = run_command("rates", "top", "-c", fendmail.config_path)
        self.assertRegex(shown.stdout, rf"(?m)^{CLIENT} +3$")

    def test_a_rate_that_cannot_be_is_refused(self) -> None:
        sink = self.start_sink("proxy-v2")
        for text, why in (("20", "20/10s"), ("5000/1s", "at most 1000 a second"),
                          ("1/2d", "over a day at most")):
            with self.subTest(text):
                fendmail = self.make_fendmail(sink.config, {"rates": {"network": text}})
                fendmail.write_config()
                checked = run_command("check", "-c", fendmail.config_path)
                self.assertEqual(checked.returncode, 1)
                self.assertIn("rates.network: ", checked.stderr + checked.stdout)


if __name__ == "__main__":
    main()
