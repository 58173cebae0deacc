#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real resolver with protection against DNS rebinding, which takes every listing out of answers:
unbound with private-address, and what its admin is told to write."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.dns_server import LISTED
from fendmail_test.fendmail import Fendmail
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, OTHER, FendmailCase
from fendmail_test.smtp_client import deliver
from fendmail_test.unbound import Unbound
from fendmail_test.waiting import wait_until

FILTERS = "private-address: 127.0.0.0/8"
TOLD = (
    r"warning: resolver {} gives no list's test address 127\.0\.0\.2 \(a\.test, b\.test\), though it "
    r"answers otherwise: it seems to filter answers in 127\.0\.0\.0/8"
)


class Rebinding(FendmailCase):
    def start(self, *lines: str) -> tuple[Unbound, Fendmail]:
        lists = self.start_dns()
        for name in ("a.test", "b.test"):
            lists.zone(name, {OTHER: [LISTED]})
        unbound = self.enterContext(Unbound(lists.address, *lines))
        fendmail = self.start_fendmail(
            self.start_sink("proxy-v2").config,
            NO_GREET_WAIT,
            {"dnsbl": {"sites": ["a.test", "b.test"], "resolvers": [unbound.resolver]}},
        )
        return unbound, fendmail

    def accepts(self, fendmail: Fendmail, source: str) -> bool:
        return deliver(fendmail.address, source, source, 30).accepted

    def test_resolver_is_named_and_not_its_lists(self) -> None:
        unbound, fendmail = self.start(FILTERS)
        fendmail.expect_log(TOLD.format(unbound.resolver))
        self.assertTrue(self.accepts(fendmail, CLIENT))
        self.assertTrue(self.accepts(fendmail, OTHER), "what the list says does not get through")
        self.assertEqual(fendmail.log.count("seems to filter"), 1)
        self.assertEqual(fendmail.log.count("does not list its test address"), 0)

    def test_what_the_line_says_helps(self) -> None:
        domains = [f'private-domain: "{name}"' for name in ("a.test", "b.test")]
        _, fendmail = self.start(FILTERS, *domains)
        wait_until(lambda: not self.accepts(fendmail, OTHER), "the bot to be refused", 30)
        self.assertEqual(fendmail.log.count("warning"), 0, fendmail.log.tail())

    def test_without_the_filter_nothing_is_said(self) -> None:
        _, fendmail = self.start()
        wait_until(lambda: not self.accepts(fendmail, OTHER), "the bot to be refused", 30)
        self.assertEqual(fendmail.log.count("warning"), 0, fendmail.log.tail())


if __name__ == "__main__":
    main()
