#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists as they are really served: rbldnsd with several datasets, weights and filters."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import FendmailCase, Stopwatch, log_name
from fendmail_test.rbldnsd import Rbldnsd, dataset

ZEN, BARRACUDA, SPAMCOP, WELCOME = "zen.test", "barracuda.test", "spamcop.test", "wl.test"

# Like the real lists: zen answers with one address for each reason, wl with category and trust.
DATASETS = [
    (ZEN, "ip4set", dataset(ZEN, "127.0.0.2", ["127.0.0.2", "127.0.0.66", "127.0.9.0/24"])),
    (ZEN, "ip4set", dataset(ZEN, "127.0.0.4", ["127.0.0.2", "127.0.0.67", "127.0.8.0/24"])),
    (ZEN, "ip4set", dataset(ZEN, "127.0.0.10", ["127.0.0.2", "127.0.8.128/25", "!127.0.8.200"])),
    (ZEN, "ip6trie", dataset(ZEN, "127.0.0.2", ["::1"])),
    (BARRACUDA, "ip4set", dataset(BARRACUDA, "127.0.0.2", ["127.0.0.2", "127.0.9.0/24"])),
    (SPAMCOP, "ip4set", dataset(SPAMCOP, "127.0.0.2", ["127.0.0.2", "127.0.9.128/25"])),
    (WELCOME, "ip4set", dataset(WELCOME, "127.0.0.2", {
        "127.0.0.99": "127.0.5.3", "127.0.7.0/24": "127.0.10.1", "127.0.0.66": "127.0.5.0",
    })),
]  # fmt: skip

SITES = [
    f"{ZEN}=127.0.0.[2..3]*3",
    f"{ZEN}=127.0.0.[10..11]*1",
    f"{BARRACUDA}=127.0.0.2*2",
    f"{SPAMCOP}*2",
    f"{WELCOME}=127.0.[0..255].[1..3]*-4",
]

THRESHOLD = 3

# Client, score of all lists, and which may be named: the heaviest of those that were enough.
REFUSED = [
    ("127.0.0.2", 8, f"{ZEN}|{BARRACUDA}|{SPAMCOP}"),
    ("127.0.0.66", 3, ZEN),  # on wl too, but with a trust of 0, which the filter leaves out
    ("127.0.9.5", 5, ZEN),
    ("127.0.9.130", 7, f"{ZEN}|{BARRACUDA}|{SPAMCOP}"),
]
SERVED = [
    "127.0.0.67",  # zen, but with an answer that no filter has
    "127.0.8.130",  # 1 point
    "127.0.8.200",  # excluded
    "127.0.1.5",
]


class RealLists(FendmailCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.rbldnsd = cls.enterClassContext(Rbldnsd(DATASETS))

    def start(self, *settings: Settings) -> Fendmail:
        self.show_on_failure(self.rbldnsd.queries)
        self.sink = self.start_sink("proxy-v2")
        dnsbl: Settings = {
            "dnsbl": {
                "sites": SITES,
                "threshold": THRESHOLD,
                "allow_threshold": -2,
                "resolvers": [self.rbldnsd.resolver],
            }
        }
        return self.start_fendmail(self.sink.config, dnsbl, *settings)

    def assert_refused(self, fendmail: Fendmail, source: str, rank: int, zones: str) -> None:
        """Refused by the lists that answered first; `rank` is what all of them come to."""
        with fendmail.client(source) as client:
            self.read_greeting(client)
            client.expect("EHLO bot.example.org", 250)
            client.expect("MAIL FROM:<bot@example.org>", 250)
            self.assertRegex(
                str(client.command("RCPT TO:<user@example.test>")),
                rf"^550 5\.7\.1 Service unavailable; client \[{re.escape(source)}\] "
                rf"blocked using ({zones})$",
            )
            client.expect("QUIT", 221)
            told = fendmail.expect_log(rf"DNSBL rank (\d+) for {log_name(client)}$")
            self.assertIn(int(told[1]), range(THRESHOLD, rank + 1))

    def test_scores(self) -> None:
        fendmail = self.start()
        for source, rank, zones in REFUSED:
            with self.subTest(source):
                self.assert_refused(fendmail, source, rank, zones)
        self.assertEqual(self.sink.sessions, [])
        for source in SERVED:
            with self.subTest(source):
                self.assert_has_teaser(self.assert_delivers(fendmail, source, source))

    def test_every_answer_is_logged(self) -> None:
        fendmail = self.start()
        self.assert_refused(fendmail, *REFUSED[0])
        for answer in ("2", "4", "10"):
            fendmail.expect_log(
                rf"addr 127\.0\.0\.2 listed by domain zen\.test as 127\.0\.0\.{answer}$"
            )
        fendmail.expect_log(r"addr 127\.0\.0\.2 listed by domain barracuda\.test as 127\.0\.0\.2$")

    def test_what_a_list_says_in_words_is_told(self) -> None:
        fendmail = self.start({"dialog": {"rejection": "5.7.1 {zone}: {txt}; ref {session}"}})
        with fendmail.client("127.0.9.5") as client:
            self.read_greeting(client)
            client.expect("EHLO bot.example.org", 250)
            client.expect("MAIL FROM:<bot@example.org>", 250)
            told = str(client.command("RCPT TO:<user@example.test>"))
            self.assertRegex(told, r"^550 5\.7\.1 zen\.test: listed in zen\.test; ref \d+$")
            number = told.rpartition(" ")[2]
            name = log_name(client)
        fendmail.expect_log(rf"SUMMARY {name} session={number} verdict=rejected")

    def test_ipv6(self) -> None:
        fendmail = self.start({"server": {"listen": ["[::1]:0"]}})
        self.assert_refused(fendmail, "::1", 3, ZEN)

    def test_welcome_list_spares_the_wait(self) -> None:
        fendmail = self.start({"greet": {"wait": "20s"}})
        for source in ("127.0.0.99", "127.0.7.7"):
            with self.subTest(source):
                watch = Stopwatch()
                self.assert_delivers(fendmail, source, source)
                self.assertLess(watch.seconds(), 10)

    def test_new_client_becomes_known(self) -> None:
        fendmail = self.start()
        self.assert_has_teaser(self.assert_delivers(fendmail, "127.0.1.5", "first"))
        fendmail.expect_log(r"PASS NEW \[127\.0\.1\.5\]:\d+$")
        mark = self.rbldnsd.queries.mark()
        self.assert_has_no_teaser(self.assert_delivers(fendmail, "127.0.1.5", "second"))
        fendmail.expect_log(r"PASS OLD \[127\.0\.1\.5\]:\d+$")
        self.assertEqual(self.rbldnsd.queries.count(r"5\.1\.0\.127\.zen\.test", mark), 0)


if __name__ == "__main__":
    main()
