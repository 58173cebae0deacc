#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/abuse.md, as they stand there, with real Postfix behind."""

import re
import sys
import time
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail
from fendmail_test.mta_tests import MtaCase
from fendmail_test.postfix import Postfix

RECIPES = Path(__file__).resolve().parents[2] / "docs" / "abuse.md"
HOUR = 3600
# In one network with the bots of each test.
GOOD, NEW = "127.0.7.100", "127.0.7.101"
BOT = "127.0.7.1"


def recipe(words: str) -> dict:
    """The block behind a heading that begins with these words."""
    text = RECIPES.read_text("utf-8")
    at = text.index(f"**{words}")
    return tomllib.loads(re.search(r"```toml\n(.*?)```", text[at:], re.S)[1])


class Recipes(MtaCase):
    kind = "proxy-v2"

    @classmethod
    def setUpClass(cls) -> None:
        cls.mta = cls.enterClassContext(Postfix())

    def setUp(self) -> None:
        super().setUp()
        self.dns.zone("bots.test", {f"127.0.7.{n}": ["127.0.0.2"] for n in range(1, 10)})

    def start_with(self, words: str, *settings: dict) -> Fendmail:
        fendmail = self.start(
            {"greet": {"wait": "1s"}, "dnsbl": {"sites": ["bots.test"]}}, recipe(words), *settings)
        self.api = Admin(fendmail.socket_path)
        return fendmail

    def be_refused(self, fendmail: Fendmail, source: str) -> None:
        with fendmail.client(source) as client:
            client.expect_reply(220)
            client.expect("EHLO bot.example.org", 250)
            client.expect("MAIL FROM:<bot@example.org>", 250)
            client.expect("RCPT TO:<user@example.test>", 550)
            client.expect("QUIT", 221)

    def assert_good_mail_flows(self, fendmail: Fendmail, *sources: str) -> None:
        for source in sources:
            message_id = self.unique(f"good-{source}-{time.monotonic_ns()}")
            self.assert_delivers(fendmail, source, message_id)
            self.assert_arrived(message_id, source)

    def ban_of(self, network: str) -> dict:
        found = [one for one in self.api.get("bans")["bans"] if one["network"] == network]
        self.assertEqual(len(found), 1, self.api.get("bans"))
        return found[0]

    def assert_lasts(self, ban: dict, least: float, most: float) -> None:
        self.assertGreater(ban["left_seconds"], least * HOUR - 120)
        self.assertLess(ban["left_seconds"], most * HOUR)

    def test_more_than_20_connections_in_10_s(self) -> None:
        fendmail = self.start_with("More than 20 connections")
        self.assert_good_mail_flows(fendmail, GOOD)
        turned_away = 0
        with_greeting = 0
        for _ in range(60):
            with fendmail.client(BOT) as client:
                if client.read_line().startswith(b"421 4.7.0 "):
                    turned_away += 1
                else:
                    with_greeting += 1
        # Twenty, and what becomes free while the others come.
        self.assertGreaterEqual(with_greeting, 20)
        self.assertLess(with_greeting, 30)
        self.assertGreater(turned_away, 30)
        self.assert_good_mail_flows(fendmail, GOOD, NEW)
        # It stops, and comes again: as a client that is listed, but it may come.
        time.sleep(1)
        self.be_refused(fendmail, BOT)

    def test_a_refused_spammer(self) -> None:
        fendmail = self.start_with("A refused spammer")
        self.be_refused(fendmail, BOT)
        fendmail.expect_log(rf"BANNED {BOT} for ")
        self.assert_lasts(self.ban_of(BOT), 6, 10)
        with fendmail.client(BOT) as client:
            client.expect_reply(220)
            client.expect("EHLO bot.example.org", 250)
            client.expect("MAIL FROM:<bot@example.org>", 250)
            self.assertRegex(str(client.command("RCPT TO:<user@example.test>")),
                             rf"^550 5\.7\.1 .*client \[{BOT}\] is banned for [67]h.*: dnsbl$")
        self.assert_good_mail_flows(fendmail, GOOD, NEW)

    def test_its_network_after_repeated_refusals(self) -> None:
        fendmail = self.start_with("Its /24")
        self.assert_good_mail_flows(fendmail, GOOD)
        for number in range(1, 4):
            self.be_refused(fendmail, f"127.0.7.{number}")
        fendmail.expect_log(r"BANNED 127\.0\.7\.0/24 for ")
        self.assert_lasts(self.ban_of("127.0.7.0/24"), 1, 2.1)
        self.be_refused(fendmail, NEW)  # by its network's ban, which ends
        self.assert_good_mail_flows(fendmail, GOOD, "127.0.8.1")

    def test_an_address_without_a_reverse_name(self) -> None:
        nameless, named = "127.0.7.50", "127.0.7.51"
        self.dns.ptr(nameless)
        self.dns.ptr(named, "mx.sender.test")
        self.dns.host("mx.sender.test", named)
        fendmail = self.start_with("An address without")
        with fendmail.client(nameless) as client:
            client.expect_reply(220)
            client.expect("QUIT", 221)
        fendmail.expect_log(rf"BANNED {nameless} for .*: no_ptr$")
        self.assert_lasts(self.ban_of(nameless), 6, 10)
        with fendmail.client(nameless) as client:
            self.assertRegex(client.read_to_end().decode(), r"^421 4\.7\.0 .*: no_ptr\r\n$")
        self.assert_good_mail_flows(fendmail, named)


if __name__ == "__main__":
    main()
