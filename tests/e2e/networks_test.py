#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which addresses are one client: IPv6 by /64, and for deep tests IPv4 neighbours if wanted.

Clients come through a balancer, since a test has only one IPv6 address of its own.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.balancer import BalancedClient
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import TEASER, FendmailCase, log_name
from fendmail_test.identity import proxy_v2_header

TRUSTED: Settings = {"proxy_protocol": {"trusted": ["127.9.0.0/16"]}, "server": {"workers": 4}}
BALANCERS = [f"127.9.0.{n}" for n in range(1, 9)]  # on all workers
SERVICE, SERVICE6 = "192.0.2.25", "2001:db8::25"
LONG_WAIT: Settings = {"greet": {"wait": "60s", "wait_under_stress": "60s"}}
TOO_MANY = b"421 4.7.0 Error: too many connections\r\n"


class NetworksCase(FendmailCase):
    def start(self, *settings: Settings) -> Fendmail:
        return self.start_fendmail(self.start_sink("proxy-v2").config, TRUSTED, *settings)

    def connect(self, fendmail: Fendmail, client: str, number: int = 0) -> BalancedClient:
        source, true = BALANCERS[number % len(BALANCERS)], (client, 1000 + number)
        service = (SERVICE6 if ":" in client else SERVICE, 25)
        header = proxy_v2_header(true, service)
        return self.enterContext(BalancedClient(fendmail.address, source, true, header))

    def first_lines(self, fendmail: Fendmail, clients: list[str]) -> list[bytes]:
        """Of clients that are all there at once."""
        there = [self.connect(fendmail, client, n) for n, client in enumerate(clients)]
        return [client.read_line() for client in there]


class Limits(NetworksCase):
    LIMIT: Settings = {"limits": {"clients_per_address": 3}}

    def test_addresses_of_one_network_are_counted_together(self) -> None:
        fendmail = self.start(LONG_WAIT, self.LIMIT)
        lines = self.first_lines(fendmail, [f"2001:db8:1:2:{n}::{n}" for n in range(8)])
        self.assertEqual((lines.count(TEASER), lines.count(TOO_MANY)), (3, 5))
        others = self.first_lines(fendmail, [f"2001:db8:1:{n}::1" for n in range(3, 11)])
        self.assertEqual(others.count(TEASER), 8)

    def test_larger_networks_if_wanted(self) -> None:
        fendmail = self.start(LONG_WAIT, self.LIMIT, {"limits": {"ipv6_prefix": 48}})
        lines = self.first_lines(fendmail, [f"2001:db8:1:{n}::1" for n in range(8)])
        self.assertEqual((lines.count(TEASER), lines.count(TOO_MANY)), (3, 5))

    def test_single_addresses_if_wanted(self) -> None:
        fendmail = self.start(LONG_WAIT, self.LIMIT, {"limits": {"ipv6_prefix": 128}})
        lines = self.first_lines(fendmail, [f"2001:db8::{n}" for n in range(1, 9)])
        self.assertEqual(lines.count(TEASER), 8)


class Memory(NetworksCase):
    def become_known_as(self, fendmail: Fendmail, client: str) -> None:
        first = self.connect(fendmail, client)
        self.read_greeting(first)
        self.wait_for_pass(fendmail, first, "NEW")
        first.close()

    def assert_known(self, fendmail: Fendmail, client: str) -> None:
        again = self.connect(fendmail, client)
        self.assert_has_no_teaser(self.read_greeting(again))
        self.wait_for_pass(fendmail, again, "OLD")

    def test_addresses_of_one_network_are_remembered_together(self) -> None:
        fendmail = self.start()
        self.become_known_as(fendmail, "2001:db8:1:2::1")
        self.assert_known(fendmail, "2001:db8:1:2::1")
        self.assert_known(fendmail, "2001:db8:1:2:ffff::7")
        stranger = self.connect(fendmail, "2001:db8:1:3::1")
        self.assertEqual(stranger.read_line(), TEASER)

    def test_single_addresses_if_wanted(self) -> None:
        fendmail = self.start({"store": {"ipv6_prefix": 128}})
        self.become_known_as(fendmail, "2001:db8::1")
        self.assert_known(fendmail, "2001:db8::1")
        self.assertEqual(self.connect(fendmail, "2001:db8::2").read_line(), TEASER)


class Neighbours(NetworksCase):
    """A sender that is told to come back may come from the address beside."""

    DEEP: Settings = {"pipelining": {"enable": True}, "deep": {"after": "retry"}}

    def rcpt_code(self, fendmail: Fendmail, client: str, number: int) -> int:
        """Of a whole session, whose end is in the log when this returns."""
        there = self.connect(fendmail, client, number)
        self.read_greeting(there)
        there.expect("EHLO client.example.org", 250)
        there.expect("MAIL FROM:<a@example.org>", 250)
        code = there.command("RCPT TO:<user@example.test>").code
        there.expect("QUIT", 221)
        there.close()
        fendmail.expect_log(rf"SUMMARY {log_name(there)} ")
        return code

    def test_they_share_deep_tests_if_wanted(self) -> None:
        fendmail = self.start(self.DEEP, {"deep": {"ipv4_prefix": 24}})
        self.assertEqual(self.rcpt_code(fendmail, "203.0.113.1", 1), 450)
        self.assertEqual(self.rcpt_code(fendmail, "203.0.113.200", 2), 250)
        # But not the others: it had to wait for its greeting like anybody.
        fendmail.expect_log(r"PASS NEW \[203\.0\.113\.200\]")
        self.assertEqual(self.rcpt_code(fendmail, "203.0.114.1", 3), 450)

    def test_they_share_nothing_by_default(self) -> None:
        fendmail = self.start(self.DEEP)
        self.assertEqual(self.rcpt_code(fendmail, "203.0.113.1", 4), 450)
        self.assertEqual(self.rcpt_code(fendmail, "203.0.113.2", 5), 450)
        self.assertEqual(self.rcpt_code(fendmail, "203.0.113.1", 6), 250)


if __name__ == "__main__":
    main()
