#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that no public list can know are not asked about, unless a list says that it knows them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.balancer import BalancedClient
from fendmail_test.case import main
from fendmail_test.dns_server import LISTED, Mood
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import CLIENT, FendmailCase, Stopwatch, log_name
from fendmail_test.identity import proxy_v2_header
from fendmail_test.smtp_client import SmtpClient

BALANCER = "127.9.0.1"
PRIVATE = ("10.1.2.3", "172.31.0.9", "192.168.7.7", "100.64.0.1", "169.254.1.1", "fd12::3", "fe80::9")
PUBLIC = ("203.0.113.9", "2001:db8:66::9", "172.32.0.1")


class PrivateClients(FendmailCase):
    def setUp(self) -> None:
        self.dns = self.start_dns()
        self.everybody = {address: [LISTED] for address in (*PRIVATE, *PUBLIC, CLIENT)}
        for zone in ("bl.test", "own.test"):
            self.dns.zone(zone, dict(self.everybody))

    def start(self, *settings: Settings) -> Fendmail:
        return self.start_fendmail(
            self.start_sink("proxy-v2").config,
            {
                "proxy_protocol": {"trusted": [BALANCER]},
                "dnsbl": {"sites": ["bl.test"], "resolvers": [self.dns.resolver], "timeout": "30s"},
                "greet": {"wait": "0s"},
            },
            *settings,
        )

    def connect(self, fendmail: Fendmail, address: str) -> SmtpClient:
        to = ("2001:db8::25", 25) if ":" in address else ("192.0.2.25", 25)
        header = proxy_v2_header((address, 40000), to)
        client = BalancedClient(fendmail.address, BALANCER, (address, 40000), header)
        return self.enterContext(client)

    def assert_passes(self, fendmail: Fendmail, address: str) -> None:
        client = self.connect(fendmail, address)
        self.read_greeting(client)
        client.expect("EHLO client.test", 250)
        client.expect("QUIT", 221)
        client.close()
        fendmail.expect_log(
            rf"SUMMARY {log_name(client)} .*verdict=pass_new .*dnsbl_skipped=private_address"
        )

    def assert_refused(self, fendmail: Fendmail, address: str, zone: str) -> None:
        client = self.connect(fendmail, address)
        self.read_greeting(client)
        self.assert_recipients_get(
            client, f"550 5.7.1 Service unavailable; client [{address}] blocked using {zone}"
        )

    def test_no_question_leaves_about_them(self) -> None:
        fendmail = self.start()
        for address in PRIVATE:
            with self.subTest(address):
                self.assert_passes(fendmail, address)
                self.assertEqual(self.dns.count(address, "bl.test"), 0)
        for address in PUBLIC:
            with self.subTest(address):
                self.assert_refused(fendmail, address, "bl.test")
        self.assertEqual(fendmail.log.count("dnsbl_complete=false"), 0)

    def test_nobody_waits_for_lists_that_are_silent(self) -> None:
        zone = self.dns.zone("silent.test")
        zone.mood = Mood.SILENT
        fendmail = self.start({"dnsbl": {"sites": ["silent.test"], "test_interval": "0s"}})
        watch = Stopwatch()
        self.assert_passes(fendmail, PRIVATE[0])
        self.assertLess(watch.seconds(), 10)

    def test_list_that_knows_them_is_asked_and_no_other(self) -> None:
        fendmail = self.start(
            {"dnsbl": {"list": {"own.test": {"weight": 1, "private_addresses": "ask"}}}}
        )
        for address in PRIVATE:
            with self.subTest(address):
                self.assert_refused(fendmail, address, "own.test")
                self.assertEqual(self.dns.count(address, "bl.test"), 0)

    def test_all_can_be_asked_but_one(self) -> None:
        fendmail = self.start(
            {
                "dnsbl": {
                    "private_addresses": "ask",
                    "list": {"own.test": {"weight": 1, "private_addresses": "skip"}},
                }
            }
        )
        self.assert_refused(fendmail, PRIVATE[0], "bl.test")
        self.assertEqual(self.dns.count(PRIVATE[0], "own.test"), 0)

    def test_loopback_is_asked_about(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            self.assert_recipients_get(
                client, f"550 5.7.1 Service unavailable; client [{CLIENT}] blocked using bl.test"
            )


if __name__ == "__main__":
    main()
