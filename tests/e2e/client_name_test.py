#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the name of a client in DNS and in its HELO adds to the score."""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.dns_server import Mood
from fendmail_test.fendmail import HOSTNAME, Fendmail, Settings, run_command
from fendmail_test.fendmail_case import (
    CLIENT,
    NO_GREET_WAIT,
    OTHER,
    FendmailCase,
    Stopwatch,
    log_name,
)

LISTED = ["127.0.0.2"]
DEEP: Settings = {"pipelining": {"enable": True}, "deep": {"after": "retry"}}
COME_BACK = "450 4.3.2 Service currently unavailable"
HELO_REFUSED = "550 5.7.1 Service unavailable; HELO name is not yours"


class ClientNameCase(FendmailCase):
    def setUp(self) -> None:
        self.dns = self.start_dns()
        self.sink = self.start_sink("proxy-v2")

    def settings(self, **options) -> Settings:
        return {"client_name": options, "dnsbl": {"resolvers": [self.dns.resolver]}}

    def start(self, *settings: Settings, **options) -> Fendmail:
        return self.start_fendmail(
            self.sink.config, NO_GREET_WAIT, self.settings(**options), *settings
        )

    def assert_passes(self, fendmail: Fendmail, source: str) -> None:
        with fendmail.client(source) as client:
            self.read_greeting(client)
            self.wait_for_pass(fendmail, client, "NEW")
            client.expect("QUIT", 221)

    def assert_blocked(self, fendmail: Fendmail, source: str, by: str, rank: int) -> None:
        reply = f"550 5.7.1 Service unavailable; client [{source}] blocked using {by}"
        with fendmail.client(source) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, reply)
            fendmail.expect_log(rf"DNSBL rank {rank} for {log_name(client)}$")


class ReverseDns(ClientNameCase):
    def test_nothing_is_asked_unless_it_is_turned_on(self) -> None:
        self.dns.zone("bl.test")
        fendmail = self.start({"dnsbl": {"sites": ["bl.test"]}})
        self.assert_passes(fendmail, CLIENT)
        self.assertEqual([q for q in self.dns.queries if q.endswith(".arpa")], [])

    def test_no_ptr_counts_together_with_a_list(self) -> None:
        self.dns.zone("bl.test", {CLIENT: LISTED, OTHER: LISTED})
        self.dns.ptr(CLIENT)
        self.dns.ptr(OTHER, "mx.sender.test")
        self.dns.host("mx.sender.test", OTHER)
        nameless = "127.0.1.7"
        self.dns.ptr(nameless)
        fendmail = self.start({"dnsbl": {"sites": ["bl.test"], "threshold": 2}}, no_ptr=1)
        self.assert_blocked(fendmail, CLIENT, "bl.test", 2)
        fendmail.expect_log(rf"CLIENT NAME no_ptr weight 1 for \[{re.escape(CLIENT)}\]:\d+$")
        self.assert_passes(fendmail, OTHER)
        self.assert_passes(fendmail, nameless)

    def test_a_name_that_leads_elsewhere_counts_without_any_list(self) -> None:
        self.dns.ptr(CLIENT, "liar.test", "stranger.test")
        self.dns.host("liar.test", OTHER)
        self.dns.host("stranger.test")
        self.dns.ptr(OTHER, "liar.test")
        fendmail = self.start({"log": {"format": "json"}}, no_ptr=1, unconfirmed_ptr=1)
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            reply = f"client [{CLIENT}] blocked using reverse DNS"
            self.assert_recipients_get(client, f"550 5.7.1 Service unavailable; {reply}")
        line = fendmail.expect_log(r'^\{.*"event":"client_name_counted".*$')[0]
        counted = json.loads(line)
        self.assertEqual((counted["signal"], counted["weight"]), ("unconfirmed_ptr", 1))
        self.assertEqual((counted["client"], counted["text"]), (CLIENT, "liar.test"))
        ended = json.loads(fendmail.expect_log(r'^\{.*"event":"session_ended".*$')[0])
        self.assertEqual((ended["verdict"], ended["reasons"]), ("rejected", "dnsbl"))
        with fendmail.client(OTHER) as client:
            self.read_greeting(client)
            fendmail.expect_log(r'^\{.*"event":"passed".*$')

    def test_a_name_that_is_enough_does_not_wait_for_a_silent_list(self) -> None:
        self.dns.zone("bl.test", mood=Mood.SILENT)
        self.dns.ptr(CLIENT)
        fendmail = self.start(
            {"dnsbl": {"sites": ["bl.test"]}, "greet": {"wait": "6s"}}, no_ptr=1
        )
        watch = Stopwatch()
        self.assert_blocked(fendmail, CLIENT, "reverse DNS", 1)
        self.assertLess(watch.seconds(), 4)

    def test_trouble_with_dns_counts_for_nobody(self) -> None:
        self.dns.ptr(CLIENT)
        self.dns.ptr(OTHER)
        for mood in (Mood.SERVFAIL, Mood.REFUSED, Mood.SILENT):
            with self.subTest(mood=mood):
                self.dns.mood = mood
                fendmail = self.start(no_ptr=1, unconfirmed_ptr=1, timeout="300ms")
                watch = Stopwatch()
                self.assert_passes(fendmail, CLIENT)
                self.assertLess(watch.seconds(), 5)
                self.assertEqual(fendmail.log.count("CLIENT NAME"), 0)
                fendmail.stop()

    def test_names_that_dns_does_not_know_about_are_trouble_as_well(self) -> None:
        self.dns.ptr(CLIENT, "mx.refused.test")  # the server refuses whatever it was not told
        fendmail = self.start(no_ptr=1, unconfirmed_ptr=1)
        self.assert_passes(fendmail, CLIENT)


class Helo(ClientNameCase):
    def test_our_own_name_is_refused_when_its_weight_is_enough(self) -> None:
        fendmail = self.start(DEEP, own_helo=1, own_names=["mail.own.test", "192.0.2.25"])
        for helo in (HOSTNAME, HOSTNAME.upper(), "mail.own.test", "[192.0.2.25]", "127.0.0.1"):
            with self.subTest(helo=helo), fendmail.client(CLIENT) as client:
                self.read_greeting(client)
                self.assert_recipients_get(client, HELO_REFUSED, helo)
                name = log_name(client)
                fendmail.expect_log(
                    rf"CLIENT NAME own_helo weight 1 for {name}: {re.escape(helo)}$"
                )
                fendmail.expect_log(rf"DNSBL rank 1 for {name}$")
                fendmail.expect_log(rf"SUMMARY {name} .*verdict=rejected.*reasons=dnsbl")
        self.assertEqual(fendmail.log.count("PASS"), 0)
        with fendmail.client(OTHER) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, COME_BACK, "[127.0.1.6]")
            self.wait_for_pass(fendmail, client, "NEW")

    def test_it_can_end_the_session(self) -> None:
        fendmail = self.start(DEEP, {"dnsbl": {"action": "drop"}}, own_helo=1)
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            client.send(f"EHLO {HOSTNAME}\r\n".encode())
            self.assert_says_only(client, HELO_REFUSED.replace("550", "521").encode() + b"\r\n")

    def test_it_is_only_told_when_ignored(self) -> None:
        fendmail = self.start(DEEP, {"dnsbl": {"action": "ignore"}}, own_helo=1)
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, COME_BACK, HOSTNAME)
            fendmail.expect_log(rf"DNSBL rank 1 for {log_name(client)}$")

    def test_a_weight_that_is_not_enough_needs_the_score_of_the_others(self) -> None:
        self.dns.ptr(CLIENT)
        self.dns.ptr(OTHER, "mx.sender.test")
        self.dns.host("mx.sender.test", OTHER)
        fendmail = self.start(DEEP, {"dnsbl": {"threshold": 3}}, own_helo=2, no_ptr=1)
        with fendmail.client(OTHER) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, COME_BACK, HOSTNAME)
            fendmail.expect_log(rf"CLIENT NAME own_helo weight 2 for {log_name(client)}: ")
            self.wait_for_pass(fendmail, client, "NEW")
        self.assertEqual(fendmail.log.count("DNSBL rank"), 0)
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, HELO_REFUSED, HOSTNAME)
            fendmail.expect_log(rf"DNSBL rank 3 for {log_name(client)}$")
            fendmail.expect_log(rf"SUMMARY {log_name(client)} .* dnsbl=3 ")


class CommandLine(ClientNameCase):
    def check(self, *settings: Settings, **options) -> tuple[str, str]:
        fendmail = self.make_fendmail(self.sink.config, self.settings(**options), *settings)
        fendmail.write_config()
        done = run_command("check", "-c", str(fendmail.config_path))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, done.stderr

    def test_check_says_what_counts(self) -> None:
        out, err = self.check(DEEP, no_ptr=1, own_helo=2)
        self.assertIn("client names: no_ptr 1, own_helo 2; the threshold is 1\n", out)
        self.assertEqual(err, "")
        self.assertEqual(self.dns.queries, [])
        out, err = self.check()
        self.assertNotIn("client names", out)

    def test_check_warns_of_a_helo_that_nobody_hears(self) -> None:
        _, err = self.check(own_helo=2)
        self.assertIn("client_name.own_helo: clients say HELO to us only while a deep test", err)


if __name__ == "__main__":
    main()
