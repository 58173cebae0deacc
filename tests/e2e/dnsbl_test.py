#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""DNS lists: scores, actions, lies, silence. The lists are served by a scripted DNS server."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.dns_server import DnsServer, Mood
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import (
    CLIENT,
    NO_GREET_WAIT,
    OTHER,
    TEASER,
    FendmailCase,
    Stopwatch,
    log_name,
)
from fendmail_test.network import refused_port
from fendmail_test.waiting import wait_until

LISTED = "127.0.0.2"
BLOCKED = f"Service unavailable; client [{CLIENT}] blocked using bl.test"


def lists(dns: DnsServer, *sites: str, **options) -> Settings:
    return {"dnsbl": {"sites": list(sites), "resolvers": [dns.resolver], **options}}


class DnsblCase(FendmailCase):
    def setUp(self) -> None:
        self.dns = self.start_dns()
        self.sink = self.start_sink()

    def start(self, *sites: str, greet: Settings = NO_GREET_WAIT, **options) -> Fendmail:
        return self.start_fendmail(self.sink.config, greet, lists(self.dns, *sites, **options))

    def assert_blocked(self, fendmail: Fendmail, source: str, zone: str, rank: int) -> None:
        reply = f"550 5.7.1 Service unavailable; client [{source}] blocked using {zone}"
        sessions = len(self.sink.sessions)
        with fendmail.client(source) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, reply)
            fendmail.expect_log(rf"DNSBL rank {rank} for {log_name(client)}$")
        self.assertEqual(len(self.sink.sessions), sessions)


class Actions(DnsblCase):
    def test_enforced(self) -> None:
        self.dns.zone("bl.test", {CLIENT: [LISTED]})
        fendmail = self.start("bl.test", action="enforce")
        self.assert_blocked(fendmail, CLIENT, "bl.test", 1)
        name = r"\[127\.0\.1\.5\]:\d+"
        fendmail.expect_log(r"addr 127\.0\.1\.5 listed by domain bl\.test as 127\.0\.0\.2$")
        fendmail.expect_log(
            rf"NOQUEUE: reject: RCPT from {name}: 550 5\.7\.1 Service unavailable; "
            r"client \[127\.0\.1\.5\] blocked using bl\.test; from=<bot@example\.org>, "
            r"to=<user@example\.test>, proto=ESMTP, helo=<bot\.example\.org>$"
        )
        fendmail.expect_log(rf"DISCONNECT {name}$")
        fendmail.expect_log(rf"SUMMARY {name} .*verdict=rejected.*reasons=dnsbl")

    def test_dropped_after_the_teaser(self) -> None:
        self.dns.zone("bl.test", {CLIENT: [LISTED]})
        fendmail = self.start("bl.test", greet={"greet": {"wait": "1s"}}, action="drop")
        with fendmail.client(CLIENT) as client:
            self.assert_says_only(client, TEASER + f"521 5.7.1 {BLOCKED}\r\n".encode())

    def test_dropped_without_a_teaser(self) -> None:
        self.dns.zone("bl.test", {CLIENT: [LISTED]})
        fendmail = self.start("bl.test", action="drop")
        with fendmail.client(CLIENT) as client:
            self.assert_says_only(client, f"521 5.7.1 {BLOCKED}\r\n".encode())

    def test_ignored(self) -> None:
        self.dns.zone("bl.test", {CLIENT: [LISTED]})
        fendmail = self.start(
            "bl.test", greet={"greet": {"wait": "1s"}}, action="ignore", max_ttl="1h"
        )
        self.assert_has_teaser(self.assert_delivers(fendmail, CLIENT, "one"))
        fendmail.expect_log(r"DNSBL rank 1 for \[127\.0\.1\.5\]:\d+$")
        # What was ignored is not a pass of the list's test: it is asked again.
        self.assert_delivers(fendmail, CLIENT, "two")
        fendmail.log.wait_for(r"DNSBL rank 1 for \[127\.0\.1\.5\]:\d+$", count=2)

    def test_soft_bounce_makes_it_temporary(self) -> None:
        self.dns.zone("bl.test", {CLIENT: [LISTED]})
        settings = lists(self.dns, "bl.test"), {"dialog": {"soft_bounce": True}}
        fendmail = self.start_fendmail(self.sink.config, NO_GREET_WAIT, *settings)
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, f"450 4.7.1 {BLOCKED}")
            fendmail.expect_log(rf"reject: RCPT from {log_name(client)}: 450 4\.7\.1 Service")

    def test_reply_name_hides_the_zone(self) -> None:
        self.dns.zone("secretkey.bl.test", {CLIENT: [LISTED]})
        fendmail = self.start("secretkey.bl.test", reply_names={"secretkey.bl.test": "bl.test"})
        self.assert_blocked(fendmail, CLIENT, "bl.test", 1)


class Named(DnsblCase):
    """Which list was it? Each session's last line says it, not only that of the first session."""

    def wait_for_summaries(self, fendmail: Fendmail, pattern: str, count: int) -> None:
        fendmail.log.wait_for(rf"SUMMARY \[127\.0\.1\.5\]:\d+ .*{pattern}", count=count)

    def test_a_score_that_was_kept_names_its_lists_as_the_first_one_did(self) -> None:
        self.dns.zone("a.test", {CLIENT: ["127.0.0.4", "127.0.0.2"]})
        self.dns.zone("secretkey.test", {CLIENT: ["127.0.0.3"]})
        self.dns.zone("w.test", {CLIENT: ["127.0.5.1"]})
        self.dns.zone("none.test", {})
        fendmail = self.start(
            "a.test=127.0.0.2*3", "secretkey.test*2", "w.test*1", "none.test*5",
            threshold=6, reply_names={"secretkey.test": "shown.test"},
        )
        for session in range(1, 4):
            self.assert_blocked(fendmail, CLIENT, "a.test", 6)
            self.wait_for_summaries(
                fendmail,
                r"verdict=rejected .*dnsbl=6 lists=a\.test:127\.0\.0\.2\*3,"
                r"shown\.test:127\.0\.0\.3\*2,w\.test:127\.0\.5\.1\*1 ",
                session,
            )
        # The lists were asked once.
        self.assertEqual(fendmail.log.count("listed by domain a.test"), 2)
        self.assertEqual(fendmail.log.count("secretkey"), 0)

    def test_a_remembered_client_has_what_the_lists_said_last_time(self) -> None:
        self.dns.zone("a.test", {CLIENT: [LISTED]})
        fendmail = self.start("a.test*2", greet={"greet": {"wait": "1s"}}, threshold=3)
        self.assert_delivers(fendmail, CLIENT, "one")
        self.wait_for_summaries(fendmail, r"verdict=pass_new .*lists=a\.test:127\.0\.0\.2\*2 ", 1)
        self.assert_delivers(fendmail, CLIENT, "two")
        self.wait_for_summaries(fendmail, r"verdict=pass_old .*lists=a\.test:127\.0\.0\.2\*2 ", 1)

    def test_whom_no_list_knows_has_no_lists(self) -> None:
        self.dns.zone("a.test", {})
        fendmail = self.start("a.test*2", greet={"greet": {"wait": "1s"}})
        self.assert_delivers(fendmail, CLIENT, "one")
        self.wait_for_summaries(fendmail, r"verdict=pass_new ", 1)
        self.assertEqual(fendmail.log.count("lists="), 0)


class Scores(DnsblCase):
    def test_weights_filters_and_threshold(self) -> None:
        self.dns.zone("a.test", {
            "127.0.2.1": ["127.0.0.2"],
            "127.0.2.2": ["127.0.0.4"],
            "127.0.2.3": ["127.0.0.2", "127.0.0.10"],
            "127.0.2.4": ["127.0.0.10"],
            "127.0.2.5": ["127.0.0.2"],
            "127.0.2.6": ["127.0.0.2"],
        }, delay=0.3)  # fmt: skip
        # It answers last and decides, so that the score is that of all lists.
        self.dns.zone("b.test", {"127.0.2.4": ["127.0.0.2"], "127.0.2.5": ["127.0.0.2"]})
        self.dns.zone("w.test", {"127.0.2.6": ["127.0.5.3"]})
        fendmail = self.start(
            "a.test=127.0.0.[2..3]*3", "a.test=127.0.0.[10;11]*1", "b.test*2",
            "w.test=127.0.[0..255].[1..3]*-4", threshold=3, test_interval="0s",
        )  # fmt: skip
        blocked = {
            "127.0.2.1": ("a.test", 3),  # first filter only
            "127.0.2.3": ("a.test", 4),  # both filters
            "127.0.2.4": ("b.test", 3),  # second filter and b; b weighs most
            "127.0.2.5": ("a.test", 5),  # a and b; a weighs most
        }
        for source, (zone, rank) in blocked.items():
            with self.subTest(source):
                self.assert_blocked(fendmail, source, zone, rank)
        for source in ("127.0.2.2", "127.0.2.6", "127.0.2.7"):
            with self.subTest(source):
                self.assert_delivers(fendmail, source, source)

    def test_allow_threshold_skips_the_wait(self) -> None:
        self.dns.zone("w.test", {CLIENT: ["127.0.5.3"]})
        fendmail = self.start(
            "w.test*-4", greet={"greet": {"wait": "20s"}}, allow_threshold=-2
        )
        watch = Stopwatch()
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertLess(watch.seconds(), 10)
        fendmail.expect_log(r"PASS NEW \[127\.0\.1\.5\]:\d+$")

    def test_score_above_the_allow_threshold_waits(self) -> None:
        self.dns.zone("w.test", {CLIENT: ["127.0.5.3"]})
        fendmail = self.start("w.test*-1", greet={"greet": {"wait": "2s"}}, allow_threshold=-2)
        watch = Stopwatch()
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertGreaterEqual(watch.seconds(), 1.95)

    def test_ipv6_client(self) -> None:
        self.dns.zone("bl.test", {"::1": [LISTED]})
        settings = lists(self.dns, "bl.test"), {"server": {"listen": ["[::1]:0"]}}
        fendmail = self.start_fendmail(self.sink.config, NO_GREET_WAIT, *settings)
        self.assert_blocked(fendmail, "::1", "bl.test", 1)
        fendmail.expect_log(r"addr ::1 listed by domain bl\.test as 127\.0\.0\.2$")

    def test_pregreet_and_list_at_once(self) -> None:
        """Of two enforced failures the last one gives the reply, as in postscreen."""
        zone = self.dns.zone("bl.test", {CLIENT: [LISTED]})
        zone.may_answer.clear()
        fendmail = self.start("bl.test", greet={"greet": {"wait": "2s", "action": "enforce"}})
        with fendmail.client(CLIENT) as client:
            client.send(b"EHLO early.example.org\r\n")
            fendmail.expect_log(rf"PREGREET \d+ after [\d.]+ from {log_name(client)}: ")
            zone.may_answer.set()
            self.assertEqual(client.read_line(), TEASER)
            client.expect_reply(250)
            self.assert_recipients_get(client, f"550 5.7.1 {BLOCKED}", helo="")


class Lookups(DnsblCase):
    def test_all_sites_are_asked_at_once(self) -> None:
        zones = [self.dns.zone(f"z{n}.test") for n in range(8)]
        for zone in zones:
            zone.may_answer.clear()
        fendmail = self.start(*(zone.name for zone in zones))
        with fendmail.client(CLIENT) as client:
            for zone in zones:
                wait_until(lambda z=zone: self.dns.count(CLIENT, z.name), f"a query of {zone.name}")
            for zone in zones:
                zone.may_answer.set()
            self.read_greeting(client)

    def test_answers_are_kept_for_their_ttl(self) -> None:
        self.dns.zone("bl.test", {CLIENT: [LISTED]}, ttl=300)
        one_worker: Settings = {"server": {"workers": 1}}
        settings = lists(self.dns, "bl.test"), one_worker
        fendmail = self.start_fendmail(self.sink.config, NO_GREET_WAIT, *settings)
        for _ in range(5):
            self.assert_blocked(fendmail, CLIENT, "bl.test", 1)
        self.assertEqual(self.dns.count(CLIENT, "bl.test"), 1)

    def test_pass_lasts_as_long_as_the_negative_answer(self) -> None:
        self.dns.zone("bl.test", negative_ttl=1)
        fendmail = self.start("bl.test", min_ttl="1s")
        self.assert_delivers(fendmail, CLIENT, "one")
        fendmail.expect_log(r"PASS NEW \[127\.0\.1\.5\]")

        def asked_again() -> bool:
            self.assert_delivers(fendmail, CLIENT, "again")
            return self.dns.count(CLIENT, "bl.test") > 1

        wait_until(asked_again, "a second query")

    def test_several_clients_at_once_get_their_own_scores(self) -> None:
        listed = [f"127.0.3.{n}" for n in range(1, 21)]
        self.dns.zone("bl.test", {source: [LISTED] for source in listed})
        fendmail = self.start("bl.test", action="drop")
        clean = [f"127.0.4.{n}" for n in range(1, 21)]
        clients = [fendmail.client(source) for source in listed + clean]
        for client in clients:
            with self.subTest(client.address), client:
                code = client.read_line()[:3]
                self.assertEqual(code, b"521" if client.address in listed else b"220")


class Trouble(DnsblCase):
    """Trouble with DNS never refuses anybody."""

    # Whoever comes after the list's test is not told of: the list was.
    TOLD = r"warning: (dnsbl bl\.test (gives no answer|suspended)|resolver \S+ unavailable)"

    def assert_fails_open(self, fendmail: Fendmail, pattern: str) -> None:
        self.assert_delivers(fendmail, CLIENT, "one")
        fendmail.expect_log(pattern)
        self.assertEqual(fendmail.log.count(r"DNSBL rank"), 0)

    def test_silent_list(self) -> None:
        self.dns.zone("bl.test", mood=Mood.SILENT)
        fendmail = self.start("bl.test", timeout="1s")
        self.assert_fails_open(fendmail, self.TOLD)

    def test_silent_list_with_a_greet_wait_is_not_waited_for_longer(self) -> None:
        self.dns.zone("bl.test", mood=Mood.SILENT)
        wait = {"greet": {"wait": "1s"}}
        fendmail = self.start("bl.test", greet=wait, timeout="30s", late="pass")
        watch = Stopwatch()
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertLess(watch.seconds(), 15)

    def test_failing_and_refusing_lists(self) -> None:
        for mood in (Mood.SERVFAIL, Mood.REFUSED):
            with self.subTest(mood):
                dns, sink = self.start_dns(), self.start_sink()
                dns.zone("bl.test", mood=mood)
                options = lists(dns, "bl.test", timeout="2s")
                fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT, options)
                self.assert_fails_open(fendmail, self.TOLD)

    def test_no_resolver_at_all(self) -> None:
        options: Settings = {
            "dnsbl": {
                "sites": ["bl.test"],
                "resolvers": [f"127.0.0.1:{refused_port()}"],
                "timeout": "1s",
            }
        }
        fendmail = self.start_fendmail(self.sink.config, NO_GREET_WAIT, options)
        self.assert_fails_open(fendmail, self.TOLD)

    def test_one_silent_list_does_not_hide_the_others(self) -> None:
        self.dns.zone("dead.test", mood=Mood.SILENT)
        self.dns.zone("bl.test", {CLIENT: [LISTED]})
        fendmail = self.start("dead.test", "bl.test", timeout="1s")
        self.assert_blocked(fendmail, CLIENT, "bl.test", 1)

    def test_incomplete_pass_is_kept_for_min_ttl_only(self) -> None:
        dead = self.dns.zone("bl.test", negative_ttl=3600, mood=Mood.SILENT)
        fendmail = self.start("bl.test", timeout="1s", min_ttl="2s", max_ttl="1h")
        self.assert_delivers(fendmail, CLIENT, "one")
        fendmail.expect_log(r"PASS NEW \[127\.0\.1\.5\]")
        dead.mood = Mood.HONEST
        dead.listed[CLIENT] = [LISTED]

        def is_refused() -> bool:
            with fendmail.client(CLIENT) as client:
                self.read_greeting(client)
                client.expect("EHLO client.example.org", 250)
                client.expect("MAIL FROM:<a@example.org>", 250)
                return client.command("RCPT TO:<user@example.test>").code == 550

        wait_until(is_refused, "the list to be asked again", timeout=40)

    def test_answers_that_are_no_listings(self) -> None:
        error_code, outside = ", an error code of the list", ", which no list answers"
        # A zone each: of one zone only the first such answer within some seconds is logged.
        answers = {
            "a.test": ("127.0.5.1", "127.255.255.254", error_code),
            "b.test": ("127.0.5.2", "127.255.255.255", error_code),
            "c.test": ("127.0.5.3", "10.0.0.1", outside),
            "d.test": ("127.0.5.4", "192.0.2.1", outside),
        }
        for zone, (source, answer, _) in answers.items():
            self.dns.zone(zone, {source: [answer]})
        filters = (f"{zone}=127.255.255.[0..255]*10" for zone in answers)
        fendmail = self.start(*(f"{zone}*10" for zone in answers), *filters)
        for zone, (source, answer, reason) in answers.items():
            with self.subTest(answer=answer):
                self.assert_delivers(fendmail, source, source)
                fendmail.expect_log(rf"warning: dnsbl {zone} answers {answer} for {source}{reason}")
        self.assertEqual(fendmail.log.count(r"DNSBL rank"), 0)

    def test_listing_beside_an_error_code_counts(self) -> None:
        self.dns.zone("bl.test", {CLIENT: ["127.255.255.254", LISTED]})
        fendmail = self.start("bl.test")
        self.assert_blocked(fendmail, CLIENT, "bl.test", 1)
        self.assert_delivers(fendmail, OTHER, "one")

    def test_client_that_leaves_during_the_lookup(self) -> None:
        zone = self.dns.zone("bl.test")
        zone.may_answer.clear()
        fendmail = self.start("bl.test", greet={"greet": {"wait": "30s"}})
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), TEASER)
            wait_until(lambda: self.dns.count(CLIENT, "bl.test"), "a query")
            name = log_name(client)
        fendmail.expect_log(rf"DISCONNECT {name}$")
        zone.may_answer.set()
        with fendmail.client(OTHER) as client:
            self.assertEqual(client.read_line(), TEASER)


if __name__ == "__main__":
    main()
