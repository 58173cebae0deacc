#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists that have not answered when the greet wait ends: who waits for them, and for how long."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.dns_server import Mood
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import (
    CLIENT,
    OTHER,
    TEASER,
    FendmailCase,
    Stopwatch,
    log_name,
)
from fendmail_test.waiting import wait_until

LISTED = "127.0.0.2"
GREET_WAIT = 1.0
BLOCKED = f"550 5.7.1 Service unavailable; client [{CLIENT}] blocked using bl.test"


class LateLists(FendmailCase):
    def setUp(self) -> None:
        self.dns = self.start_dns()
        self.sink = self.start_sink()

    def start(self, *sites: str, more: Settings | None = None, **options) -> Fendmail:
        # Lists are believed: their own tests would be late as well.
        lists = {
            "sites": list(sites),
            "resolvers": [self.dns.resolver],
            "test_interval": "0s",
            "timeout": "60s",
            **options,
        }
        greet: Settings = {"greet": {"wait": f"{GREET_WAIT:.0f}s"}}
        return self.start_fendmail(self.sink.config, greet, {"dnsbl": lists}, more or {})

    def late_wait(self, fendmail: Fendmail, name: str) -> float:
        """What the summary of the client says; 0 when it says nothing."""
        summary = fendmail.expect_log(rf"SUMMARY {name} .*$")[0]
        words = dict(word.split("=", 1) for word in summary.split() if "=" in word)
        return float(words.get("late_wait", "0"))

    def test_a_late_listing_refuses(self) -> None:
        zone = self.dns.zone("bl.test", {CLIENT: [LISTED]})
        zone.may_answer.clear()
        fendmail = self.start("bl.test")
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), TEASER)
            self.assertTrue(client.is_silent_for(GREET_WAIT + 0.5))
            zone.may_answer.set()
            self.read_greeting(client)
            self.assert_recipients_get(client, BLOCKED)
            name = log_name(client)
        self.assertEqual(self.sink.sessions, [])
        self.assertGreater(self.late_wait(fendmail, name), 0.3)

    def test_a_late_listing_drops(self) -> None:
        zone = self.dns.zone("bl.test", {CLIENT: [LISTED]})
        zone.may_answer.clear()
        fendmail = self.start("bl.test", action="drop")
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), TEASER)
            self.assertTrue(client.is_silent_for(GREET_WAIT + 0.5))
            zone.may_answer.set()
            self.assert_says_only(client, BLOCKED.replace("550", "521").encode() + b"\r\n")

    def test_pass_lets_it_through_when_its_greet_wait_is_over(self) -> None:
        zone = self.dns.zone("bl.test", {CLIENT: [LISTED]})
        zone.may_answer.clear()
        fendmail = self.start("bl.test", late="pass")
        watch = Stopwatch()
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            self.assertLess(watch.seconds(), 30)
            client.expect("QUIT", 221)
            name = log_name(client)
        zone.may_answer.set()
        fendmail.expect_log(rf"PASS NEW {name}$")
        self.assertEqual(self.late_wait(fendmail, name), 0)

    def test_a_clean_client_goes_as_soon_as_the_late_list_has_answered(self) -> None:
        zone = self.dns.zone("bl.test")
        zone.may_answer.clear()
        fendmail = self.start("bl.test")
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), TEASER)
            self.assertTrue(client.is_silent_for(GREET_WAIT + 0.5))
            zone.may_answer.set()
            watch = Stopwatch()
            client.expect_reply(220)
            self.assertLess(watch.seconds(), 10)
            client.expect("QUIT", 221)
            fendmail.expect_log(rf"PASS NEW {log_name(client)}$")

    def test_a_list_that_never_answers_is_waited_for_until_its_timeout(self) -> None:
        self.dns.zone("bl.test", mood=Mood.SILENT)
        fendmail = self.start("bl.test", timeout="3s")
        watch = Stopwatch()
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            self.assertGreaterEqual(watch.seconds(), 2.95)
            self.assertLess(watch.seconds(), 15)
            client.expect("QUIT", 221)
            name = log_name(client)
        summary = fendmail.expect_log(rf"SUMMARY {name} .*$")[0]
        self.assertIn("verdict=pass_new", summary)
        self.assertIn("dnsbl_complete=false", summary)
        self.assertGreater(self.late_wait(fendmail, name), 1.5)

    def test_a_timeout_within_the_greet_wait_adds_nothing(self) -> None:
        self.dns.zone("bl.test", mood=Mood.SILENT)
        fendmail = self.start("bl.test", timeout="500ms")
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            client.expect("QUIT", 221)
            name = log_name(client)
        self.assertEqual(self.late_wait(fendmail, name), 0)

    def test_lists_that_cannot_refuse_are_not_waited_for(self) -> None:
        heavy = self.dns.zone("bl.test")
        heavy.may_answer.clear()
        self.dns.zone("light.test", mood=Mood.SILENT)
        self.dns.zone("w.test", mood=Mood.SILENT)
        # The allowlist that is missing could have spared it a greet wait that is over.
        fendmail = self.start("bl.test*2", "light.test", "w.test*-4", threshold=2,
                              allow_threshold=-2)  # fmt: skip
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), TEASER)
            self.assertTrue(client.is_silent_for(GREET_WAIT + 0.5))
            heavy.may_answer.set()
            client.expect_reply(220)
            client.expect("QUIT", 221)
        # Now that the heavy one answers at once, the end of the greet wait is the end.
        with fendmail.client(OTHER) as client:
            self.read_greeting(client)
            client.expect("QUIT", 221)
            name = log_name(client)
        self.assertEqual(self.late_wait(fendmail, name), 0)

    def test_a_listing_that_is_ignored_is_not_waited_for(self) -> None:
        self.dns.zone("bl.test", mood=Mood.SILENT)
        fendmail = self.start("bl.test", action="ignore")
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            client.expect("QUIT", 221)
            name = log_name(client)
        self.assertEqual(self.late_wait(fendmail, name), 0)

    def test_who_speaks_after_the_greet_wait_does_not_speak_early(self) -> None:
        zone = self.dns.zone("bl.test")
        zone.may_answer.clear()
        fendmail = self.start("bl.test")
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), TEASER)
            self.assertTrue(client.is_silent_for(GREET_WAIT + 0.5))
            client.send(b"EHLO client.example.org\r\n")
            self.assertTrue(client.is_silent_for(0.2))
            zone.may_answer.set()
            client.expect_reply(220)
            client.expect_reply(250)
            client.expect("QUIT", 221)
            fendmail.expect_log(rf"PASS NEW {log_name(client)}$")
        self.assertEqual(fendmail.log.count("PREGREET"), 0)

    def test_who_leaves_while_it_waits_is_told_of_with_its_wait(self) -> None:
        zone = self.dns.zone("bl.test")
        zone.may_answer.clear()
        fendmail = self.start("bl.test", more={"log": {"format": "json"}})
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), TEASER)
            self.assertTrue(client.is_silent_for(GREET_WAIT + 0.5))
        line = fendmail.expect_log(r'^\{.*"event":"session_ended".*$')[0]
        ended = json.loads(line)
        self.assertEqual(ended["verdict"], "left")
        self.assertGreater(ended["late_wait_seconds"], 0.3)
        zone.may_answer.set()

    def test_many_late_clients_are_all_decided(self) -> None:
        listed = [f"127.0.3.{n}" for n in range(1, 31)]
        clean = [f"127.0.4.{n}" for n in range(1, 31)]
        zone = self.dns.zone("bl.test", {source: [LISTED] for source in listed})
        zone.may_answer.clear()
        fendmail = self.start("bl.test", action="drop")
        clients = [fendmail.client(source) for source in listed + clean]
        asked = self.dns.queries
        # The others wait for the window, which only answers open further.
        wait_until(lambda: len(set(asked)) >= 16, "questions about the first of them")
        for client in clients:
            self.assertEqual(client.read_line(), TEASER)
        self.assertTrue(clients[-1].is_silent_for(GREET_WAIT + 0.5))
        zone.may_answer.set()
        for client in clients:
            with self.subTest(client.address), client:
                code = client.read_line()[:3]
                self.assertEqual(code, b"521" if client.address in listed else b"220")


if __name__ == "__main__":
    main()
