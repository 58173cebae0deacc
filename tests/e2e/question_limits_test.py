#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who asks lists too much: a network whose clients need more lookups than it gets, and we ourselves
at a list with a quota."""

import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.balancer import BalancedClient
from fendmail_test.case import main
from fendmail_test.dns_server import LISTED
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import NO_GREET_WAIT, OTHER, FendmailCase, log_name
from fendmail_test.identity import proxy_v2_header
from fendmail_test.smtp_client import SmtpClient
from fendmail_test.waiting import wait_until

BALANCER = "127.9.0.1"
ONE_WORKER: Settings = {"server": {"workers": 1}, "limits": {"clients_per_address": 0}}
LOOKUPS = 256  # of a network at once; and as many a minute
TOO_MUCH = b"421 4.7.0 Error: too many new clients from your network\r\n"


class NetworkThatAsksTooMuch(FendmailCase):
    """What a network may have done to lists in a moment is more than 254 addresses need, so they
    come twice, to a list whose answers may not be kept."""

    def setUp(self) -> None:
        self.dns = self.start_dns()
        self.dns.zone("bl.test", negative_ttl=0)
        self.fendmail = self.start_fendmail(
            self.start_sink("proxy-v2").config,
            NO_GREET_WAIT,
            ONE_WORKER,
            {
                "proxy_protocol": {"trusted": [BALANCER]},
                "dnsbl": {"sites": ["bl.test"], "resolvers": [self.dns.resolver], "timeout": "1s"},
                "store": {"kind": "none"},
            },
        )

    def come(self, address: str) -> SmtpClient:
        to = ("2001:db8::25", 25) if ":" in address else ("192.0.2.25", 25)
        header = proxy_v2_header((address, 40000), to)
        return BalancedClient(
            self.fendmail.address, BALANCER, (address, 40000), header, timeout=60.0
        )

    def spend(self, network: str, count: int = LOOKUPS) -> None:
        for number in range(count):
            with self.come(f"{network}.{number % 254 + 1}") as client:
                self.assertEqual(client.read_reply().code, 220)

    def test_gets_421_and_no_other_network_does(self) -> None:
        self.spend("203.0.113")
        # All at once, because a few a second are had again meanwhile.
        with contextlib.ExitStack() as stack:
            late = [stack.enter_context(self.come(f"203.0.113.{n}")) for n in range(1, 41)]
            neighbour = stack.enter_context(self.come("203.0.114.1"))
            self.assertEqual(neighbour.read_reply().code, 220)
            replies = [client.read_line() for client in late]
        refused = [c for c, line in zip(late, replies, strict=True) if line == TOO_MUCH]
        self.assertGreaterEqual(len(refused), 25, replies)
        self.assertEqual(
            [line for line in replies if line != TOO_MUCH and not line.startswith(b"220")], []
        )
        for client in refused[:3]:
            self.fendmail.expect_log(
                rf"NOQUEUE: reject: CONNECT from {log_name(client)}: too many new clients from its "
                r"network$"
            )
            self.fendmail.expect_log(
                rf"SUMMARY {log_name(client)} .*verdict=deferred .*reasons=network_asked_too_much"
            )
        # And it is over by itself.
        wait_until(lambda: self.is_served("203.0.113.77"), "the network to be served again", 30)

    def is_served(self, address: str) -> bool:
        with self.come(address) as client:
            return client.read_reply().code == 220

    def test_ipv6_network_shares_one_lookup_and_is_served(self) -> None:
        def address(number: int) -> str:
            return f"2001:db8:66:1::{number:x}"

        for number in range(1, LOOKUPS + 41):
            with self.come(address(number)) as client:
                self.assertEqual(client.read_reply().code, 220)
        asked = [n for n in range(1, LOOKUPS + 41) if self.dns.count(address(n), "bl.test") > 0]
        self.assertLess(len(asked), LOOKUPS + 30)


class QuotaOfAList(FendmailCase):
    """10 questions in 5 seconds: with the eighth a warning, with the last one silence."""

    QUOTA = "10/5s"
    NEARLY = r"warning: dnsbl bl\.test has been asked 80 % of its max_questions \(10/5s\)"
    USED_UP = r"warning: dnsbl bl\.test is not asked: its max_questions \(10/5s\) are used up"

    def test_list_is_not_asked_beyond_it_and_comes_back(self) -> None:
        dns = self.start_dns()
        dns.zone("bl.test", {OTHER: [LISTED]})
        dns.zone("other.test")
        fendmail = self.start_fendmail(
            self.start_sink().config,
            NO_GREET_WAIT,
            ONE_WORKER,
            {
                "store": {"kind": "none"},
                "dnsbl": {
                    "sites": ["other.test"],
                    "resolvers": [dns.resolver],
                    "list": {"bl.test": {"weight": 1, "max_questions": self.QUOTA}},
                }
            },
        )
        clients = [f"127.0.8.{n}" for n in range(1, 31)]
        for source in clients:
            with fendmail.client(source) as client:
                self.assertEqual(client.read_reply().code, 220)
        asked = sum(dns.count(source, "bl.test") for source in clients)
        self.assertGreaterEqual(asked, 10)
        self.assertLess(asked, len(clients))
        for source in clients:
            self.assertEqual(dns.count(source, "other.test"), 1)
        fendmail.expect_log(self.NEARLY)
        fendmail.expect_log(self.USED_UP)
        self.assertLess(
            fendmail.log.text().index("80 % of its max"), fendmail.log.text().index("are used up")
        )
        fendmail.expect_log(r"SUMMARY \[127\.0\.8\.\d+\]\S+ .*dnsbl_complete=false")
        wait_until(lambda: self.is_refused(fendmail), "the list to be asked again", 30)

    def is_refused(self, fendmail: Fendmail) -> bool:
        with fendmail.client(OTHER) as client:
            client.read_reply()
            client.command("EHLO bot.test")
            client.command("MAIL FROM:<a@bot.test>")
            return client.command("RCPT TO:<b@mx.test>").code == 550


if __name__ == "__main__":
    main()
