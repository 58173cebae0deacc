#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The admin page in real Chromium, served by the real fendmail with real clients."""

import http.client
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Settings
from fendmail_test.fendmail_case import CLIENT, OTHER
from fendmail_test.network import free_ports
from fendmail_test.page_case import PageCase
from fendmail_test.waiting import wait_until

LISTED = "127.0.1.9"
HOSTILE = "<script>window.pwned=1</script>"
READ_TOKEN = "a-token-that-reads-0123456789"
ADMIN_TOKEN = "a-token-that-changes-0123456789"
POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
    "img-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
    "require-trusted-types-for 'script'", "trusted-types 'none'",
}
FILES = ("/", "/abuse.js", "/page.css", "/page.js", "/chart.js", "/decisions.js", "/dom.js", "/explain.js",
         "/panels.js", "/requests.js", "/session.js", "/words.js", "/icon.svg")


class Page(PageCase):
    def setUp(self) -> None:
        sink = self.start_sink("proxy-v2")
        self.dns = self.start_dns()
        self.dns.zone("zen.test", {LISTED: ["127.0.0.2"]})
        self.port = free_ports(1)[0]
        tokens = self.directory("tokens")
        for name, token in (("read", READ_TOKEN), ("admin", ADMIN_TOKEN)):
            path = tokens / name
            path.write_text(f"{token}\n")
            path.chmod(0o600)
        self.feed = tokens / "drop"
        self.feed.write_text("198.51.100.0/24\n203.0.113.0/24\n")
        settings: Settings = {
            "admin": {
                "listen": f"127.0.0.1:{self.port}",
                "socket": str(tokens / "admin.sock"),
                "token_file": str(tokens / "read"),
                "admin_token_file": str(tokens / "admin"),
            },
            "bare_newline": {"enable": True, "action": "ignore"},
            "bans": {"action": "enforce"},
            "feed": {"drop": {"file": str(self.feed), "min_entries": 1, "use": "score:1"},
                     "gone": {"file": str(tokens / "gone"), "use": "score:1"}},
            "dnsbl": {"sites": ["zen.test*3"], "threshold": 3, "resolvers": [self.dns.resolver]},
        }
        self.fendmail = self.start_fendmail(sink.config, settings)
        self.wait_for_offers(self.fendmail)

    def open_page(self, token: str = ADMIN_TOKEN) -> None:
        self.open(f"http://127.0.0.1:{self.port}/", token)

    def play(self, source: str, *lines: str) -> None:
        """A client that waits for the greeting, says this and quits."""
        with self.fendmail.client(source) as client:
            client.expect_reply(220)
            for line in lines:
                client.command(line)
            client.command("QUIT")

    def be_refused(self) -> None:
        self.play(LISTED, f"EHLO {HOSTILE}", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>")

    def figures(self, verdict: str) -> int:
        """Of the last hour, in the table beside the chart."""
        heads = self.browser.texts("#figures-head th")
        column = heads.index(verdict) + 1
        cells = self.browser.texts(f"#figures-body td:nth-child({column})")
        return sum(int(cell.replace(",", "")) for cell in cells)

    # ── what is served ───────────────────────────────────────────────────────────────────────

    def test_its_files_are_free_and_have_the_policy(self) -> None:
        for path in FILES:
            asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            self.addCleanup(asking.close)
            asking.request("GET", path)
            answer = asking.getresponse()
            answer.read()
            with self.subTest(path=path):
                self.assertEqual(answer.status, 200)
                policy = answer.headers["Content-Security-Policy"]
                self.assertEqual(set(policy.split("; ")), POLICY)
                self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")

    def test_a_text_cannot_become_markup(self) -> None:
        self.open_page(READ_TOKEN)
        for attempt in (
            "document.body.innerHTML = '<b>x</b>'",
            "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
            "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
            "trustedTypes.createPolicy('default', { createHTML: text => text })",
        ):
            with self.subTest(attempt):
                told = self.browser.run(f"try {{ {attempt}; return ''; }} catch (e) {{ return e.name; }}")
                self.assertEqual(told, "TypeError")
        self.assertEqual(self.browser.text("#host"), "mx.example.test")
        self.browser.console()  # which tells of each of them

    # ── what it shows ────────────────────────────────────────────────────────────────────────

    def test_what_clients_do_is_shown_as_it_happens(self) -> None:
        self.open_page(READ_TOKEN)
        self.browser.wait_for("#decisions-state", "live")
        self.assert_delivers(self.fendmail, CLIENT, "good")
        self.browser.wait_for("#rows", "pass_new")
        self.be_refused()
        self.browser.wait_for("#rows", HOSTILE)
        self.assertIsNone(self.browser.run("return window.pwned ?? null"))
        self.assertIn(LISTED, self.browser.texts("#rows .record")[0])
        self.unfold(HOSTILE)
        text = self.browser.text(".detail")
        for wanted in ("dnsbl: its score reached the threshold", "zen.test", "127.0.0.2", "+3",
                       "550 5.7.1"):
            self.assertIn(wanted, text)
        self.browser.click("#figures summary")
        self.browser.wait_for("#figures-head", "rejected")
        wait_until(lambda: self.figures("rejected") == 1, lambda: f"{self.figures('rejected')}")
        self.assertEqual(self.figures("pass_new"), 1)

    def test_it_says_what_fendmail_is(self) -> None:
        self.open_page(READ_TOKEN)
        self.assertEqual(self.browser.text("#host"), "mx.example.test")
        health = self.browser.text("#health")
        for wanted in ("serving", "1 of 1 in use", "lmdb up", self.dns.resolver, " up"):
            self.assertIn(wanted, health)
        with self.fendmail.client(CLIENT):
            wait_until(lambda: "1\nin dialog" in self.now(), self.now)

    def now(self) -> str:
        return "\n".join(
            "\n".join(reversed(tile.split("\n"))) for tile in self.browser.texts("#now > div")
        )

    def test_what_an_ignored_test_would_have_done_is_told(self) -> None:
        self.open_page(READ_TOKEN)
        with self.fendmail.client(OTHER) as client:
            client.expect_reply(220)
            client.send(b"EHLO bare.example.org\n")
            client.expect_reply(250)
            client.command("MAIL FROM:<a@b.test>")
        self.browser.wait_for("#tests-words", "bare_newline 1")

    def test_lists_have_their_answers(self) -> None:
        self.be_refused()
        self.open_page()
        self.browser.wait_for("#lists .name", "zen.test")
        # Of whom wait_for_offers() played, and of this one.
        wait_until(lambda: "50 %" in self.browser.text("#lists"),
                   lambda: self.browser.text("#lists"), 30)
        self.browser.click_text("#lists button", "Test")
        self.browser.wait_for("#lists .said", "Well")

    # ── what it does ─────────────────────────────────────────────────────────────────────────

    def test_a_client_is_explained_and_permitted_for_a_day(self) -> None:
        self.be_refused()
        self.open_page()
        self.browser.wait_for("#rows", HOSTILE)
        self.unfold(HOSTILE)
        self.browser.click_text(".detail button", "Explain this address")
        self.browser.wait_for("#explain-body", "its score is 3 and the threshold 3")
        self.browser.wait_for("#explain-body", "127.0.0.2")
        self.browser.click_text("#explain-dialog button", "Permit for a day")
        self.browser.wait_for("#explain-notice", f"{LISTED} is permitted for a day")
        self.browser.press("Escape")
        self.browser.wait_for("#rules", LISTED)
        self.assert_delivers(self.fendmail, LISTED, "permitted")
        self.browser.type("#explain-address", LISTED)
        self.browser.press("Enter")
        self.browser.wait_for("#explain-body", f"permit {LISTED}/32 until")
        self.browser.press("Escape")
        self.browser.click_text("#rules button", "Remove")
        self.browser.wait_gone("#rules tbody tr")

    def test_a_network_is_denied(self) -> None:
        self.open_page()
        self.browser.type("#rule-network", f"{OTHER}/32")
        self.browser.click_text("#rule-form button", "Deny")
        self.browser.wait_for("#rules", OTHER)
        with self.fendmail.client(OTHER) as client:
            self.assertIn(client.read_reply().code, (220, 521, 550, 554))
        self.browser.wait_for("#rows", "access_list")

    def test_bans_and_feeds_are_shown_and_a_ban_is_ended(self) -> None:
        api = Admin(Path(self.fendmail.settings["admin"]["socket"]))
        api.change("PUT", "bans/198.51.100.7", {"for": "1h"})
        self.open_page()
        self.browser.wait_for("#bans", "198.51.100.7")
        self.browser.wait_for("#bans", "admin")
        self.browser.wait_for("#feeds", "drop")
        self.browser.wait_for("#feeds .is-good", "good")
        self.browser.wait_for("#feeds .is-bad", "refused")
        self.browser.click_text("#bans button", "End")
        self.browser.wait_gone("#bans tr")
        self.browser.wait_for("#bans-words", "No client is banned")
        self.assertEqual(api.get("bans")["all"], 0)

    def test_a_list_is_switched_off_and_on(self) -> None:
        self.open_page()
        self.browser.wait_for("#lists .name", "zen.test")
        self.browser.click_text("#lists button", "Disable")
        self.browser.wait_for("#lists .state", "off")
        self.assert_delivers(self.fendmail, LISTED, "though-listed")
        self.browser.wait_for("#rows", "pass_new")
        self.browser.click_text("#lists button", "Enable")
        self.browser.wait_for("#lists .state", "up")

    def test_the_configuration_is_reloaded_and_errors_are_shown(self) -> None:
        self.open_page()
        good = self.fendmail.config_path.read_text()
        self.fendmail.config_path.write_text(f"{good}\n[nonsense]\nkey = 1\n")
        self.browser.click("#reload")
        self.browser.wait_for("#reload-result", "nonsense")
        self.browser.wait_for("#health", "last reload rejected")
        self.fendmail.config_path.write_text(good)
        self.browser.click("#reload")
        self.browser.wait_for("#reload-result", "Reloaded: new sessions use it.")
        self.browser.wait_for("#health", "Configuration loaded")

    def test_a_reader_is_asked_for_the_admin_token_before_a_change(self) -> None:
        self.open_page(READ_TOKEN)
        self.browser.click("#reload")
        self.browser.wait_for("#token-dialog", "this token may only read")
        self.enter_token(ADMIN_TOKEN)
        self.browser.wait_for("#reload-result", "Reloaded: new sessions use it.")

    def test_a_restart_is_lived_through(self) -> None:
        self.open_page()
        self.assert_delivers(self.fendmail, CLIENT, "before")
        self.browser.wait_for("#rows", "pass_new")
        self.fendmail.stop()
        self.browser.wait_for("#banner-text", "fendmail cannot be reached")
        self.fendmail.start()
        self.browser.wait_for("#link", "Live", 60)
        self.assert_delivers(self.fendmail, CLIENT, "after")
        self.browser.wait_for("#rows", "pass_old")
        self.assertNotIn("pass_new", self.browser.text("#rows"))


if __name__ == "__main__":
    main()
