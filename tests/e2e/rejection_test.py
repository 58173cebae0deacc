#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What clients are told that lists refuse, in the admin's words, and how the log finds them."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.dns_server import Mood, query_name
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import (
    CLIENT,
    NO_GREET_WAIT,
    OTHER,
    FendmailCase,
    Stopwatch,
    log_name,
)
from fendmail_test.smtp_client import Reply, SmtpClient
from fendmail_test.waiting import wait_until

LISTED = "127.0.0.2"
WORDS = (
    "5.7.9 Service unavailable; client [{client}] blocked using {zones}; {txt}; ref {session}"
)
SAID = b"see https://bl.example/q?ip=127.0.1.5"


class RejectionCase(FendmailCase):
    def setUp(self) -> None:
        self.dns = self.start_dns()
        self.sink = self.start_sink()
        self.bl = self.dns.zone("bl.test", {CLIENT: [LISTED]}, texts={CLIENT: [SAID]})
        self.dns.zone("more.test", {CLIENT: [LISTED], OTHER: [LISTED]})

    def start(self, words: str, *settings: Settings, **dnsbl) -> Fendmail:
        lists = {"sites": ["bl.test*2", "more.test*1"], "resolvers": [self.dns.resolver]} | dnsbl
        return self.start_fendmail(
            self.sink.config, NO_GREET_WAIT, {"dnsbl": lists, "dialog": {"rejection": words}},
            *settings,
        )

    def be_refused(self, client: SmtpClient) -> Reply:
        self.read_greeting(client)
        client.expect("EHLO bot.example.org", 250)
        client.expect("MAIL FROM:<bot@example.org>", 250)
        return client.command("RCPT TO:<user@example.test>")


class Words(RejectionCase):
    def test_all_of_the_reason_is_told(self) -> None:
        # Only both together are enough; what one list says is not waited for once it decides.
        fendmail = self.start(WORDS, threshold=3)
        with fendmail.client(CLIENT) as client:
            reply = str(self.be_refused(client))
            self.assertRegex(
                reply,
                r"^550 5\.7\.9 Service unavailable; client \[127\.0\.1\.5\] blocked using "
                r"bl\.test, more\.test; see https://bl\.example/q\?ip=127\.0\.1\.5; ref \d+$",
            )
            fendmail.expect_log(rf"reject: RCPT from {log_name(client)}: {re.escape(reply)}; from=")

    def test_the_session_of_a_reply_is_found_in_log_and_api(self) -> None:
        fendmail = self.start("ref {session}")
        numbers = []
        for _ in range(2):
            with fendmail.client(CLIENT) as client:
                reply = str(self.be_refused(client))
                numbers.append(reply.removeprefix("550 5.7.1 ref "))
                name = log_name(client)
            fendmail.expect_log(rf'SUMMARY {name} session={numbers[-1]} .*reply="550 5\.7\.1 ref')
        api = Admin(fendmail.socket_path)

        def are_there() -> bool:
            return len(api.get("sessions")["sessions"]) == 2

        wait_until(are_there, "both sessions")
        for number in numbers:
            found = api.get(f"sessions?session={number}")["sessions"]
            self.assertEqual([str(one["session"]) for one in found], [number])
            shown = run_command(
                "tail", "--socket", str(fendmail.socket_path), "--no-follow", "--json",
                "--session", number,
            )
            self.assertEqual(shown.stdout.count('"event"'), 1, shown.stdout)
            self.assertIn(number, shown.stdout)
        # The start of a number, or one that never was, finds none.
        for number in (numbers[0][:-1], "1"):
            self.assertEqual(api.get(f"sessions?session={number}")["sessions"], [])

    def test_numbers_do_not_come_again_after_a_restart(self) -> None:
        fendmail = self.start("ref {session}")
        seen = []
        for _ in range(2):
            with fendmail.client(CLIENT) as client:
                seen.append(int(str(self.be_refused(client)).split()[-1]))
            fendmail.stop()
            fendmail.start()
        self.assertLess(seen[0], seen[1])
        self.assertLess(seen[1], 2**53)

    def test_soft_bounce_makes_it_temporary(self) -> None:
        fendmail = self.start("5.7.9 by {zone}", {"dialog": {"soft_bounce": True}})
        with fendmail.client(CLIENT) as client:
            self.assertEqual(str(self.be_refused(client)), "450 4.7.9 by bl.test")

    def test_drop_has_the_words_as_well(self) -> None:
        fendmail = self.start("[{client}]: {txt}", action="drop")
        with fendmail.client(CLIENT) as client:
            self.assert_says_only(client, b"521 5.7.1 [127.0.1.5]: " + SAID + b"\r\n")

    def test_refusals_for_other_reasons_stay_as_they_are(self) -> None:
        fendmail = self.start(
            WORDS, {"access": {"rules": [f"reject {OTHER}"]}}, sites=["bl.test*2"]
        )
        with fendmail.client(OTHER) as client:
            self.assertEqual(
                str(self.be_refused(client)), "550 5.3.2 Service currently unavailable"
            )

    def test_a_name_that_is_not_known_is_an_error(self) -> None:
        fendmail = self.make_fendmail(
            self.sink.config, {"dialog": {"rejection": "5.7.1 {helo} no"}}
        )
        fendmail.write_config()
        checked = run_command("check", "-c", str(fendmail.config_path))
        self.assertNotEqual(checked.returncode, 0)
        self.assertIn("dialog.rejection: {helo} stands for nothing; there are {client}, {session}",
                      checked.stdout + checked.stderr)


class Texts(RejectionCase):
    WORDS = "by {zone}; {txt}; end"

    def assert_told(self, fendmail: Fendmail, source: str, words: str) -> None:
        with fendmail.client(source) as client:
            self.assertEqual(str(self.be_refused(client)), f"550 5.7.1 {words}")

    def test_what_a_list_says_cannot_forge_lines_nor_break_the_limit(self) -> None:
        for number, said in enumerate([b"a\r\n250 Ok\r\n", b"x" * 2000, b"\x00\xff{session}"]):
            source = f"127.0.3.{number + 1}"
            self.bl.listed[source] = [LISTED]
            self.bl.texts[source] = [said]
        fendmail = self.start(self.WORDS)
        self.assert_told(fendmail, "127.0.3.1", "by bl.test; a 250 Ok; end")
        self.assert_told(fendmail, "127.0.3.2", f"by bl.test; {'x' * 300}; end")
        self.assert_told(fendmail, "127.0.3.3", "by bl.test; {session}; end")

    def test_only_refused_clients_are_asked_about_and_each_once(self) -> None:
        self.bl.listed["127.0.3.1"] = ["127.0.0.9"]  # not enough
        fendmail = self.start(self.WORDS, sites=["bl.test=127.0.0.2*2"])
        for _ in range(3):
            self.assert_told(fendmail, CLIENT, f"by bl.test; {SAID.decode()}; end")
        self.assert_delivers(fendmail, "127.0.3.1", "fine")
        self.assertEqual(self.dns.text_queries, [query_name(CLIENT, "bl.test")])

    def test_without_the_name_no_text_is_asked_for(self) -> None:
        fendmail = self.start("by {zone}")
        self.assert_told(fendmail, CLIENT, "by bl.test")
        self.assertEqual(self.dns.text_queries, [])

    def test_a_list_without_texts_is_done_without(self) -> None:
        fendmail = self.start(self.WORDS)
        self.assert_told(fendmail, OTHER, "by more.test; end")

    def test_a_list_that_does_not_say_holds_up_one_client_and_not_all(self) -> None:
        self.bl.texts_mood = Mood.SILENT
        more = [f"127.0.3.{n}" for n in range(1, 6)]
        for source in more:
            self.bl.listed[source] = [LISTED]
        fendmail = self.start(self.WORDS, {"server": {"workers": 1}})
        watch = Stopwatch()
        self.assert_told(fendmail, CLIENT, "by bl.test; end")
        first = watch.seconds()
        self.assertGreater(first, 0.9)
        watch = Stopwatch()
        for source in more:
            self.assert_told(fendmail, source, "by bl.test; end")
        self.assertLess(watch.seconds(), first)
        self.assertEqual(set(self.dns.text_queries), {query_name(CLIENT, "bl.test")})

    def test_a_flood_asks_for_few_texts(self) -> None:
        sources = [f"127.0.{4 + n // 200}.{n % 200 + 1}" for n in range(160)]
        for source in sources:
            self.bl.listed[source] = [LISTED]
            self.bl.texts[source] = [b"listed"]
        fendmail = self.start(self.WORDS, {"server": {"workers": 1}})
        watch = Stopwatch()
        for source in sources:
            with fendmail.client(source) as client:
                self.be_refused(client)
        # A hundred at once, and ten a second.
        self.assertLessEqual(len(set(self.dns.text_queries)), 101 + 10 * watch.seconds())
        self.assertGreaterEqual(len(set(self.dns.text_queries)), 100)

    def test_a_secret_zone_stays_one(self) -> None:
        self.dns.zone("key.secret.test", {CLIENT: [LISTED]},
                      texts={CLIENT: [b"asked 5.1.0.127.KEY.secret.test"]})
        fendmail = self.start(self.WORDS, sites=["key.secret.test*2"],
                              reply_names={"key.secret.test": "shown.test"})
        self.assert_told(fendmail, CLIENT, "by shown.test; end")


if __name__ == "__main__":
    main()
