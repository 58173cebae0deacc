#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The mail of a day, a thousand times as fast, with rates and bans on: nothing good is refused,
deferred or delayed by more than the wait, and the bots are.

A day that is faster is harder for rates, which are those of docs/abuse.md.
"""

import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.smtp_client import ConnectionEnded, SmtpClient, make_message

DAY = 86.4  # seconds, each of which stands for a thousand
WAIT = 1
AT_ONCE = 100
# What a mail server opens to one other at a time (default_destination_concurrency_limit).
OF_ONE_SENDER = 20
# The clock of the machine may be late, never early.
LATE = 3.0

BIG_SENDERS = [f"127.20.{sender}.{host}" for sender in range(3) for host in range(1, 6)]
MAILING_LIST = ["127.21.0.1", "127.21.0.2"]
MONITOR = "127.22.0.1"
NAT = "127.23.0.1"
SMALL = [f"127.24.{n // 200}.{n % 200 + 1}" for n in range(150)]
# In the same network as a good client each.
BOTS = ["127.20.0.77", "127.24.0.220"]


@dataclass(order=True)
class Visit:
    when: float
    kind: str  # mail, look, bot
    source: str
    number: int


def visits(seed: int) -> list[Visit]:
    """Of the day, in order."""
    pick = random.Random(seed)
    day: list[Visit] = []

    def add(kind: str, source: str, when: float) -> None:
        day.append(Visit(when, kind, source, len(day)))

    for source in BIG_SENDERS:
        for _ in range(20):
            add("mail", source, pick.uniform(0, DAY))
    # One posting to all subscribers here: within a real minute.
    for _ in range(4):
        begun = pick.uniform(0, DAY)
        for number in range(60):
            add("mail", MAILING_LIST[number % 2], begun + pick.uniform(0, 0.06))
    for minute in range(0, 1440, 2):
        add("look", MONITOR, minute * DAY / 1440)
    for _ in range(200):
        add("mail", NAT, pick.uniform(0, DAY))
    add("mail", NAT, 0)
    for number in range(1, 20):  # behind the same address, of which good mail is known by then
        add("bot", NAT, number * DAY / 20)
    for source in SMALL:
        add("mail", source, pick.uniform(0, DAY))
    for source in BOTS:
        for number in range(60):
            add("bot", source, number * DAY / 60)
    return sorted(day)


class Day(FendmailCase):
    def setUp(self) -> None:
        self.sink = self.start_sink("proxy-v2")
        self.dns = self.start_dns()
        self.dns.zone("bots.test", {BOTS[0]: ["127.0.0.2"]})

    def visit(self, fendmail: Fendmail, what: Visit) -> str:
        """What became of it; "" when all went well."""
        try:
            with self.places[what.source], SmtpClient(fendmail.address, what.source, timeout=60) as client:
                return self.behave(client, what)
        except (ConnectionEnded, OSError, AssertionError) as failure:
            return f"{what.kind} of {what.source}: {failure}"

    def behave(self, client: SmtpClient, what: Visit) -> str:
        if what.kind == "bot":
            client.send(b"EHLO bot\r\nMAIL FROM:<bot@example.org>\r\n"
                        b"RCPT TO:<user@example.test>\r\nQUIT\r\n")
            return client.read_to_end().decode() if what.source != NAT else "of the NAT"
        begun = time.monotonic()
        client.expect_reply(220)
        waited = time.monotonic() - begun
        if waited > WAIT + LATE:
            return f"{what.kind} of {what.source} waited {waited:.1f} s"
        if what.kind == "mail":
            client.expect("EHLO client.example.org", 250)
            client.send_mail(make_message(f"day-{what.number}"))
        client.expect("QUIT", 221)
        return ""

    def test_no_good_mail_is_refused_or_deferred_and_the_bots_are(self) -> None:
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {seed}")
        fendmail = self.start_fendmail(
            self.sink.config,
            {
                "greet": {"wait": f"{WAIT}s", "ttl": "20s"},
                "dnsbl": {"sites": ["bots.test"], "resolvers": [self.dns.resolver],
                          "min_ttl": "5s", "max_ttl": "5s"},
                "rates": {"connections": "20/10s", "network": "200/10s", "action": "defer"},
                "bans": {"action": "enforce", "network_after": 3},
            },
        )
        begun = time.monotonic()
        day = visits(seed)
        self.places = {what.source: threading.BoundedSemaphore(OF_ONE_SENDER) for what in day}

        def at_its_time(what: Visit) -> str:
            time.sleep(max(0.0, begun + what.when - time.monotonic()))
            return self.visit(fendmail, what)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(at_its_time, day))
        bad = [r for what, r in zip(day, results) if what.kind != "bot" and r]
        self.assertEqual(bad, [])
        mails = [what for what in day if what.kind == "mail"]
        arrived = {mail.octets.split(b"Message-ID: <day-")[1].split(b"@")[0]
                   for mail in self.sink.mails() if b"<day-" in mail.octets}
        self.assertEqual(arrived, {str(what.number).encode() for what in mails})
        # Each bot is banned, and never the address of others.
        banned = {one["network"] for one in Admin(fendmail.socket_path).get("bans?limit=100")["bans"]}
        self.assertEqual(banned, set(BOTS))
        told = [r for what, r in zip(day, results) if what.source in BOTS]
        self.assertTrue(all("250 2.1.5" not in one for one in told), told)
        for bot in BOTS:
            self.assertGreater(fendmail.log.count(rf"SUMMARY \[{bot}\].* reasons=banned"), 20)


if __name__ == "__main__":
    main()
