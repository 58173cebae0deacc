#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The admin page in real Chromium, at a server that can be told to be away, broken or very busy; how
it looks and how it is worked by keyboard and screen reader."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin_stand_in import ADMIN_TOKEN, READ_TOKEN, AdminStandIn, now_text, session
from fendmail_test.case import main
from fendmail_test.page_case import PageCase
from fendmail_test.waiting import wait_until

HOSTILE = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"
LIST = {
    "list": "zen.example", "state": "up", "weights": "127.0.0.[2..11]*3",
    "answers": {"listed": 10, "not_listed": 90, "error": 0, "failed": 1},
    "hits_passed": 2, "hits_later_passed": 1,
    "seconds": {"count": 100, "mean": 0.02, "p50": 0.01, "p95": 0.1},
}
EXPLAINED = {
    "client": "192.0.2.9", "verdict": "rejected", "explanation": "has every recipient refused",
    "access_rule": None, "known_sender": None, "store_error": "", "timed_rule": None,
    "passes": [], "name_signal": "none", "name_weight": 0, "score": 3, "score_complete": True,
    "lists": [{"list": "zen.example", "meaning": "listed", "answers": ["127.0.0.2 listing"],
               "weight": 3, "seconds": 0.02}],
}


class StandInCase(PageCase):
    def setUp(self) -> None:
        self.api = self.enterContext(AdminStandIn())
        self.api.sessions = [
            session(number, verdict=verdict)
            for number, verdict in ((3, "rejected"), (2, "pass_old"), (1, "left"))
        ]
        self.api.answers["/lists"] = {"lists": [LIST]}
        self.api.answers["/clients/192.0.2.9"] = EXPLAINED

    def open_page(self, token: str = READ_TOKEN) -> None:
        self.open(self.api.url, token)
        if token:
            self.wait_for_rows(3)
            wait_until(lambda: self.api.stream_count() == 1, "the stream of events")

    def count_of(self, request: str) -> int:
        return sum(1 for one in self.api.requests if one.startswith(request))

    def wait_for_request(self, request: str) -> None:
        wait_until(lambda: self.count_of(request) > 0, lambda: f"{request} in {self.api.requests}")


class Tokens(StandInCase):
    def test_a_token_is_asked_for_and_kept_in_this_tab_alone(self) -> None:
        self.open_page("")
        self.browser.wait_for("#banner-text", "Nothing can be read without a token")
        self.assertFalse(self.browser.is_shown("#main"))
        self.enter_token("wrong")
        self.browser.wait_for("#token-wrong", "this needs a token")
        self.enter_token(READ_TOKEN)
        self.browser.wait_for("#link", "Live")
        self.assertFalse(self.browser.is_shown("#banner"))
        self.browser.go(self.api.url)
        self.browser.wait_for("#link", "Live")
        self.assertEqual(self.browser.run("return localStorage.length + document.cookie.length"), 0)
        self.browser.click_text("button", "Forget the token")
        self.browser.wait_for("#banner-text", "Nothing can be read without a token")

    def test_without_an_answer_it_says_so_and_asks_again_on_demand(self) -> None:
        self.open_page("")
        self.browser.wait_for("#token-dialog")
        self.browser.press("Escape")
        self.browser.wait_gone("#token-dialog")
        self.browser.click("#banner-button")
        self.enter_token(READ_TOKEN)
        self.browser.wait_for("#link", "Live")

    def test_a_change_asks_for_the_admin_token_and_is_done_then(self) -> None:
        self.open_page()
        self.unfold("rejected")
        self.browser.click_text(".detail button", "Permit for a day")
        self.browser.wait_for("#token-why", "this token may only read")
        self.enter_token("wrong")
        self.browser.wait_for("#token-wrong", "this needs a token")
        self.enter_token(ADMIN_TOKEN)
        self.browser.wait_for("#notice", "192.0.2.4 is permitted for a day")
        self.wait_for_request(
            'PUT /permits/192.0.2.4 {"for":"1d","comment":"from the page: session 3 was rejected"}'
        )

    def test_a_change_that_is_not_confirmed_is_not_done(self) -> None:
        self.open_page()
        self.browser.click("#reload")
        self.browser.wait_for("#token-dialog")
        self.browser.press("Escape")
        self.browser.wait_for("#reload-result", "Not reloaded: this token may only read")
        self.browser.wait_for("#link", "Live")

    def test_what_refuses_all_reading_is_told_and_no_token_is_asked_for(self) -> None:
        self.api.failures["/status"] = (403, "nothing can be read over TCP; see admin.token_file")
        self.open_page("")
        self.enter_token(READ_TOKEN)
        self.browser.wait_for("#token-wrong", "see admin.token_file")
        self.browser.press("Escape")
        self.assertLess(self.count_of("GET /status"), 3)


class Texts(StandInCase):
    def test_what_a_client_said_is_text(self) -> None:
        hostile = {"helo": HOSTILE, "reply": HOSTILE, "reasons": HOSTILE, "backend": HOSTILE,
                   "dnsbl_lists": f"{HOSTILE}:127.0.0.2*3", "client": HOSTILE}
        self.api.sessions = [session(4, **hostile), *self.api.sessions[:2]]
        self.api.answers["/lists"] = {"lists": [{**LIST, "list": HOSTILE}]}
        entry = {"name": HOSTILE, "sessions": 1, "turned_away": 1}
        self.api.answers["/top"] = {"since": now_text(), "entries": [entry]}
        rule = {"network": HOSTILE, "until": now_text(-9000), "comment": HOSTILE}
        self.api.answers["/permits"] = {"permits": [rule]}
        self.open_page()
        self.unfold("rejected")
        for place in ("#rows .helo", ".detail", "#lists .name", "#top", "#rules"):
            self.assertIn("<script>window.pwned = 1</script>", self.browser.text(place), place)
        self.assertIsNone(self.browser.run("return window.pwned ?? null"))
        self.assertEqual(self.browser.run("return document.querySelectorAll('img').length"), 0)

    def test_a_violation_of_the_policy_would_be_noticed(self) -> None:
        self.open_page()
        self.browser.run("document.body.setAttribute('style', 'color: red')")
        found = "\n".join(self.browser.console())
        self.assertIn("Content Security Policy", found)

    def test_a_row_unfolds_to_its_reasons(self) -> None:
        self.api.sessions[0].update(
            reasons="dnsbl,pregreet", dnsbl_score=1, dnsbl_complete=False, late_wait_seconds=0.4,
            dnsbl_lists="zen.example:127.0.0.2*3,swl.example:127.0.0.4*-2+5",
        )
        self.open_page()
        self.unfold("rejected")
        text = self.browser.text(".detail")
        for wanted in (
            "refused with a reply", "pregreet: it spoke before its turn", "127.0.0.2", "+3", "−2",
            "Not all lists answered in time.", "5 more lists", "6.0 s, 400 ms of it for late lists",
            "192.0.2.4:1027", "bot.example", "550 5.7.1 Service unavailable",
        ):
            self.assertIn(wanted, text)

    def test_health_says_what_is_not_well(self) -> None:
        status = self.api.answers["/status"]
        status["lists"] = {"total": 4, "suspended": 1, "off": 1}
        status["backends"] = [{"name": "mta1", "up": False, "reason": "connection refused"}]
        status["config"].update(last_reload_successful=False, last_reload_error="line 7: no")
        self.open_page()
        text = self.browser.text("#health")
        for wanted in ("2 of 4 in use 1 suspended, 1 off", "mta1 down connection refused",
                       "last reload rejected line 7: no"):
            self.assertIn(wanted, text)
        self.assertTrue(self.browser.run("return document.title").startswith("(!) mx.example.net"))

    def test_what_is_refused_at_connect_is_drawn_once(self) -> None:
        history = self.api.answers["/history"]
        history["verdicts"]["deferred"][7] = 10
        history["refused"][7] = 8
        self.open_page()
        self.browser.wait_for("#legend", "deferred\n10")
        self.assertIn("421 at connect\n8", self.browser.text("#legend"))
        # The scale ends at 10: the sum of what is drawn.
        self.assertIn("10", self.browser.texts("#chart text"))
        self.assertNotIn("20", self.browser.texts("#chart text"))
        label = self.browser.run("return document.querySelector('#chart svg').ariaLabel")
        self.assertIn("10 deferred, 8 421 at connect", label)
        self.browser.click("#figures summary")
        self.browser.wait_for("#figures-body", "10")

    def test_search_is_here_and_a_verdict_or_an_address_is_asked_for(self) -> None:
        self.open_page()
        self.browser.type("#search", "pass_old")
        self.wait_for_rows(1)
        self.browser.type("#search", "nothing like it")
        self.browser.wait_for("#rows-none", "No session matches")
        self.browser.type("#search", "192.0.2.2")
        self.wait_for_rows(1)
        self.assertIn("left", self.browser.text("#rows"))
        self.browser.type("#search", "")
        self.browser.press("Enter")
        self.wait_for_rows(3)
        self.browser.run("const v = document.querySelector('#verdict'); v.value = 'left';"
                         "v.dispatchEvent(new Event('change'));")
        self.wait_for_rows(1)

    def test_lists_are_tested_and_switched(self) -> None:
        self.api.answers["POST /lists/zen.example/test"] = {
            "ok": True, "text": "127.0.0.2 is listed, 127.0.0.1 is not"}
        self.open_page(ADMIN_TOKEN)
        for shown in ("10 %", "100", "10 ms / 100 ms", "127.0.0.[2..11]*3"):
            self.assertIn(shown, self.browser.text("#lists"))
        self.browser.click_text("#lists button", "Test")
        self.browser.wait_for("#lists", "Well: 127.0.0.2 is listed, 127.0.0.1 is not.")
        self.api.answers["/lists"] = {"lists": [{**LIST, "state": "off"}]}
        self.browser.click_text("#lists button", "Disable")
        self.browser.wait_for("#lists .state", "off")
        self.browser.click_text("#lists button", "Enable")
        self.wait_for_request("POST /lists/zen.example/enable {}")

    def test_errors_of_a_reload_are_listed(self) -> None:
        errors = "f.toml:7:1: unknown key; f.toml:9:1: no number"
        self.api.failures["/reload"] = (
            409, {"ok": False, "message": errors, "waiting_for_restart": []})
        self.open_page(ADMIN_TOKEN)
        self.browser.click("#reload")
        self.browser.wait_for("#reload-result", "the old one stays in use")
        self.assertEqual(self.browser.texts("#reload-result li"),
                         ["f.toml:7:1: unknown key", "f.toml:9:1: no number"])

    def test_a_rule_is_added_and_removed(self) -> None:
        self.open_page(ADMIN_TOKEN)
        self.browser.type("#rule-network", "2001:db8::/48")
        self.browser.type("#rule-comment", "ticket 7")
        rule = {"network": "2001:db8::/48", "until": now_text(-86390), "comment": "ticket 7"}
        self.api.answers["/denials"] = {"denials": [rule]}
        self.browser.click_text("#rule-form button", "Deny")
        self.browser.wait_for("#rules", "23 h 59 min left")
        self.wait_for_request('PUT /denials/2001:db8::/48 {"for":"1d","comment":"ticket 7"}')
        self.api.answers["/denials"] = {"denials": []}
        self.browser.click_text("#rules button", "Remove")
        self.browser.wait_for("#notice", "The rule of 2001:db8::/48 is removed")
        self.wait_for_request("DELETE /denials/2001:db8::/48")


STREAM = "event: a\r\ndata: 1\r\ndata: 2\r\n\r\n: alive\n\nevent:b\ndata:{}\n\ndata: 3\n\nevent: c\n\n"
EVENTS = [["a", "1\n2"], ["b", "{}"], ["message", "3"]]


class Parsers(StandInCase):
    def test_events_are_found_however_the_stream_is_cut(self) -> None:
        self.open_page()
        found = self.browser.run(
            """
            const [text] = arguments;
            return import("/requests.js").then(({ EventParser }) => {
              const found = [];
              for (let at = 0; at <= text.length; at += 1) {
                const events = [];
                const parser = new EventParser((name, data) => events.push([name, data]));
                parser.feed(text.slice(0, at));
                parser.feed(text.slice(at));
                found.push(events);
              }
              return found;
            });
            """,
            STREAM,
        )
        self.assertEqual(found, [EVENTS] * (len(STREAM) + 1))

    def test_an_event_without_an_end_is_given_up(self) -> None:
        self.open_page()
        said = self.browser.run(
            """
            return import("/requests.js").then(({ EventParser }) => {
              const parser = new EventParser(() => {});
              try {
                for (let i = 0; i < 1000; i += 1) parser.feed("data: ".padEnd(1024, "x"));
              } catch (error) {
                return error.message;
              }
              return "";
            });
            """
        )
        self.assertEqual(said, "an event without an end")

    def test_lists_of_a_score_are_taken_apart(self) -> None:
        self.open_page()
        for text, wanted in (
            ("", [[], 0]),
            ("a.test:127.0.0.2*3", [[["a.test", "127.0.0.2", 3]], 0]),
            ("a.test:127.0.0.2*3,b.test:127.0.0.4*-2+7",
             [[["a.test", "127.0.0.2", 3], ["b.test", "127.0.0.4", -2]], 7]),
            ("a name: odd:127.0.0.2*1", [[["a name: odd", "127.0.0.2", 1]], 0]),
            ("what", [[["what", "", None]], 0]),
        ):
            found = self.browser.run(
                """
                return import("/words.js").then(({ parseLists }) => {
                  const { lists, more } = parseLists(arguments[0]);
                  return [lists.map(one => [one.list, one.answer, one.weight]), more];
                });
                """.replace("arguments[0]", repr(text)),
            )
            self.assertEqual(found, wanted, text)


class Troubles(StandInCase):
    def test_a_server_that_is_away_is_told_and_found_again(self) -> None:
        self.open_page()
        self.api.stop()
        self.browser.wait_for("#banner-text", "fendmail cannot be reached")
        self.assertIn("All that is shown is of ", self.browser.text("#banner-text"))
        self.assertIn("Not reachable", self.browser.text("#link"))
        self.assertIn("(!)", self.browser.run("return document.title"))
        # What ended meanwhile is there afterwards.
        self.api.sessions = [session(4, verdict="dropped"), *self.api.sessions]
        self.api.start()
        self.browser.wait_for("#link", "Live", 60)
        self.assertFalse(self.browser.is_shown("#banner"))
        self.wait_for_rows(4)
        self.assertIn("dropped", self.browser.texts("#rows .record")[0])

    def test_another_process_counts_from_the_start(self) -> None:
        self.open_page()
        self.api.sessions = [session(1, verdict="deferred")]
        self.api.answers["/status"].update(pid=4712, started=now_text())
        self.api.break_streams()
        self.wait_for_rows(1)
        self.assertIn("deferred", self.browser.text("#rows"))

    def test_a_stream_that_breaks_is_opened_again_and_the_gap_is_filled(self) -> None:
        self.open_page()
        self.api.break_streams()
        wait_until(lambda: self.api.stream_count() == 0, "the end of the stream")
        self.api.sessions = [session(4, verdict="dropped"), *self.api.sessions]
        wait_until(lambda: self.api.stream_count() == 1, "a new stream")
        self.wait_for_rows(4)
        self.api.end_sessions(session(5, verdict="deferred"))
        self.wait_for_rows(5)
        self.assertIn("deferred", self.browser.texts("#rows .record")[0])

    def test_lost_events_are_counted(self) -> None:
        self.open_page()
        self.api.emit([("lost", {"lost": 1200}), ("lost", {"lost": 34})])
        self.browser.wait_for("#lost-text", "1,234 events were lost")
        self.browser.click_text("button", "Load again")
        self.browser.wait_gone("#lost")

    def test_what_fails_is_told_beside_its_panel_alone(self) -> None:
        self.api.failures["/lists"] = (503, "busy")
        self.api.failures["/top"] = (500, "oops")
        self.open_page()
        self.browser.wait_for("#lists-trouble", "This cannot be had: busy.")
        self.browser.wait_for("#top-trouble", "This cannot be had: oops.")
        self.assertFalse(self.browser.is_shown("#banner"))
        self.api.failures.clear()
        self.browser.wait_gone("#lists-trouble", 40)

    def test_a_hidden_tab_asks_for_nothing(self) -> None:
        self.open_page()
        self.browser.hide()
        self.addCleanup(self.browser.show)
        wait_until(lambda: self.api.stream_count() == 0, "the end of the stream")
        before = len(self.api.requests)
        # Two periods of what is asked most often.
        self.assert_stays(lambda: len(self.api.requests) - before, 0, 5)
        self.browser.show()
        wait_until(lambda: self.api.stream_count() == 1, "the stream of events")
        self.browser.wait_for("#link", "Live")

    def assert_stays(self, probe, wanted: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.assertEqual(probe(), wanted)
            time.sleep(0.1)


    def test_without_a_stream_the_last_decisions_are_shown(self) -> None:
        self.api.failures["/events"] = (503, "too many streams")
        self.open(self.api.url, READ_TOKEN)
        self.wait_for_rows(3)
        self.browser.wait_for("#decisions-state", "not live: too many streams")
        self.api.failures.clear()
        self.browser.wait_for("#decisions-state", "live", 40)
        wait_until(lambda: self.api.stream_count() == 1, "the stream of events", 40)


class Flood(StandInCase):
    RATE = 1000
    SECONDS = 6

    def test_a_thousand_events_a_second_cost_little_and_are_bounded(self) -> None:
        self.open_page()
        self.browser.run(
            "window.changes = 0; window.longest = 0;"
            "new MutationObserver(() => window.changes++)"
            ".observe(document.querySelector('#rows'), {childList: true});"
            "new PerformanceObserver(l => l.getEntries().forEach(e => window.longest ="
            " Math.max(window.longest, e.duration))).observe({entryTypes: ['longtask']});"
        )
        self.browser.devtools("Performance.enable")
        begun, number = time.monotonic(), 10
        before = self.task_seconds()
        while (elapsed := time.monotonic() - begun) < self.SECONDS:
            due = 10 + int(elapsed * self.RATE)
            self.api.end_sessions(*(session(n) for n in range(number, due)))
            number = max(number, due)
            time.sleep(0.02)
        spent = self.task_seconds() - before
        last = f"192.0.2.{(number - 1) % 250 + 1}"
        wait_until(lambda: last in self.browser.texts("#rows .record")[0], f"{last} on top")
        self.browser.wait_for("#more", "Show all 500")
        self.browser.click("#more")
        self.wait_for_rows(500)
        self.assertEqual(self.browser.texts("#rows tr.details").count(""), 500)
        changes, longest = self.browser.run("return [window.changes, window.longest]")
        print(f"{number} events in {elapsed:.1f} s: {changes} renderings, longest task "
              f"{longest:.0f} ms, {spent:.2f} s of the main thread", file=sys.stderr)
        self.assertLess(changes, 3 * self.SECONDS + 5)
        self.assertLess(spent, self.SECONDS / 2)

    def task_seconds(self) -> float:
        metrics = self.browser.devtools("Performance.getMetrics")["metrics"]
        return next(one["value"] for one in metrics if one["name"] == "ThreadTime")

    def test_rows_that_are_read_stay_where_they_are(self) -> None:
        self.open_page()
        self.unfold("pass_old")
        self.api.end_sessions(*(session(n) for n in range(10, 20)))
        self.browser.wait_for("#newer-button", "Show 10 newer")
        self.assertEqual(len(self.browser.texts("#rows .record")), 3)
        self.browser.click("#newer-button")
        self.wait_for_rows(13)
        self.assertFalse(self.browser.is_shown("#newer-button"))
        self.browser.click("#pause")
        self.api.end_sessions(session(20))
        self.browser.wait_for("#decisions-state", "paused")
        self.browser.wait_for("#newer-button", "Show 1 newer")
        self.browser.click("#pause")
        self.wait_for_rows(14)


class Looks(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        status = self.api.answers["/status"]
        status["lists"] = {"total": 1, "suspended": 1, "off": 0}
        status["store"]["up"] = False
        rule = {"network": "2001:db8:1234:5678::/64", "until": now_text(-9000), "comment": "why"}
        self.api.answers["/permits"] = {"permits": [rule]}
        entry = {"name": "2001:db8:1234:5678:9abc:def0:1234:5678", "sessions": 1, "turned_away": 1}
        self.api.answers["/top"] = {"since": now_text(), "entries": [entry]}
        self.api.sessions[0].update(helo="x" * 300, client=entry["name"], reply="y" * 300)

    def test_it_fits_and_can_be_read_on_phone_and_desktop_light_and_dark(self) -> None:
        self.open_page()
        self.addCleanup(self.browser.set_media)
        self.browser.wait_for("#rules", "2001:db8:1234:5678::/64")
        self.unfold("rejected")
        for scheme in ("light", "dark"):
            self.browser.set_media(prefers_color_scheme=scheme)
            for width in (320, 768, 1280):
                with self.subTest(scheme=scheme, width=width):
                    self.browser.set_size(width, 800)
                    self.assert_fits()
                    self.assert_has_contrast()

    def test_nothing_moves_for_who_wants_none(self) -> None:
        self.open_page()
        self.addCleanup(self.browser.set_media)
        moving = ("return [...document.querySelectorAll('body *')].filter(e =>"
                  " parseFloat(getComputedStyle(e).transitionDuration) > 0 ||"
                  " getComputedStyle(e).animationName !== 'none').length")
        self.browser.set_media(prefers_reduced_motion="no-preference")
        self.assertGreater(self.browser.run(moving), 0)
        self.browser.set_media(prefers_reduced_motion="reduce")
        self.assertEqual(self.browser.run(moving), 0)

    def test_tab_goes_through_all_and_shows_where_it_is(self) -> None:
        self.open_page()
        self.browser.wait_for("#rules", "2001:db8:1234:5678::/64")
        seen: list[str] = []
        for _ in range(100):
            self.browser.press("Tab")
            name = self.browser.focused()
            if name.startswith("body") or name == seen[:1]:
                break
            seen.append(name)
            outline = self.browser.run(
                "const s = getComputedStyle(document.activeElement);"
                "return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2"
            )
            self.assertTrue(outline, f"{name} does not show that it has the focus")
        self.assertEqual(seen[0], "a Skip to the decisions")
        for wanted in ("input #explain-address", "button Test zen.example", "input #search",
                       "select #verdict", "button #pause", "button Remove 2001:db8:1234:5678::/64",
                       "button #reload", "a /metrics"):
            self.assertTrue(any(name.startswith(wanted) for name in seen), f"{wanted} in {seen}")

    def test_rows_and_dialogs_are_worked_by_keys(self) -> None:
        self.open_page()
        self.browser.run("document.querySelector('#rows button').focus()")
        self.browser.press("Enter")
        self.browser.wait_for("#rows .detail")
        self.browser.press("Tab")
        self.assertEqual(self.browser.focused(), "button Explain this address")
        self.browser.press("Tab", with_shift=True)
        self.browser.press("Space")
        self.browser.wait_gone("#rows .detail")
        self.browser.type("#explain-address", "192.0.2.9")
        self.browser.press("Enter")
        self.browser.wait_for("#explain-body", "127.0.0.2 listing")
        for _ in range(12):
            self.browser.press("Tab")
            inside = "return document.querySelector('dialog[open]').contains(document.activeElement)"
            if not self.browser.run(inside + " || document.activeElement === document.body"):
                self.fail(f"{self.browser.focused()} lies behind the dialog")
        self.browser.press("Escape")
        self.browser.wait_gone("#explain-dialog")
        self.assertIn("#explain-address", self.browser.focused())

    def test_a_screen_reader_finds_its_way(self) -> None:
        self.open_page()
        self.unfold("rejected")
        nodes = self.browser.accessible()
        found = {(node["role"], node["name"]) for node in nodes}
        for wanted in (
            ("banner", ""), ("main", ""), ("contentinfo", ""), ("heading", "fendmail mx.example.net"),
            ("heading", "Now"), ("heading", "Lists"), ("heading", "Decisions"),
            ("region", "Decisions"), ("search", "Decisions"), ("search", "Explain an address"),
            ("table", "DNS lists, what they answered and how fast"),
            ("columnheader", "Hit rate"), ("rowheader", "192.0.2.3"), ("button", "Disable zen.example"),
        ):
            self.assertIn(wanted, found)
        for role in ("button", "textbox", "searchbox", "combobox", "link", "image", "table"):
            self.assertNotIn((role, ""), found, f"a {role} without a name")
        pictures = [node["name"] for node in nodes if node["role"] in ("image", "img")]
        self.assertTrue(any("In the last hour" in name for name in pictures), pictures)


if __name__ == "__main__":
    main()
