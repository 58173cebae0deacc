#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The admin API: what is so, what happened, what can be changed, and by whom."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import CLIENT, OTHER, FendmailCase
from fendmail_test.network import free_ports
from fendmail_test.waiting import wait_until

LISTED = "127.0.1.9"
SCRIPT = "<script>alert(1)</script>"
READER = "reader-token-0123456789"
ADMIN = "admin-token-0123456789"


class ApiCase(FendmailCase):
    def setUp(self) -> None:
        self.sink = self.start_sink("proxy-v2")
        self.dns = self.start_dns()
        self.zen = self.dns.zone(
            "zen.test", {LISTED: ["127.0.0.2"], "127.0.0.2": ["127.0.0.2"]}
        )

    def start(self, *settings: Settings) -> Fendmail:
        fendmail = self.start_fendmail(
            self.sink.config,
            {
                "greet": {"wait": "1s"},
                "dnsbl": {"sites": ["zen.test*2"], "threshold": 2,
                          "resolvers": [self.dns.resolver]},
            },
            *settings,
        )
        self.api = Admin(fendmail.socket_path)
        return fendmail

    def refuse(self, fendmail: Fendmail, source: str = LISTED) -> None:
        with fendmail.client(source) as client:
            client.expect_reply(220)
            client.expect(f"HELO {SCRIPT}", 250)
            client.expect("MAIL FROM:<a@b.example>", 250)
            client.expect("RCPT TO:<c@d.example>", 550)
            client.expect("QUIT", 221)

    def wait_for_sessions(self, query: str, count: int) -> list[dict]:
        found: list[dict] = []

        def there() -> bool:
            found[:] = self.api.get(f"sessions?{query}")["sessions"]
            return len(found) == count

        wait_until(there, lambda: f"{query}: {found}")
        return found


class Reading(ApiCase):
    def test_status_tells_what_is_so_and_what_was(self) -> None:
        fendmail = self.start()
        self.become_known(fendmail, CLIENT)
        self.wait_for_sessions("", 1)
        status = self.api.get("status")
        self.assertEqual(status["state"], "serving")
        self.assertTrue(status["ready"])
        self.assertEqual(status["workers"], 2)
        self.assertEqual(status["totals"]["verdicts"]["pass_new"], 1)
        self.assertEqual(status["lists"], {"total": 1, "suspended": 0, "off": 0})
        self.assertEqual(status["store"], {"kind": "lmdb", "up": True})
        self.assertTrue(status["backends"][0]["up"])
        self.assertEqual(status["dns"]["servers"], [self.dns.resolver])
        self.assertEqual(sum(self.api.get("history")["verdicts"]["pass_new"]), 1)

    def test_waiting_and_dialog_are_told_apart(self) -> None:
        fendmail = self.start({"greet": {"wait": "30s"}, "dnsbl": {"sites": []}})
        with fendmail.client(OTHER):
            wait_until(lambda: self.api.get("status")["now"]["waiting"] == 1, lambda: "waiting")
            self.assertEqual(self.api.get("status")["now"]["dialog"], 0)

    def test_a_client_in_our_dialog_is_told_as_such(self) -> None:
        fendmail = self.start()
        with fendmail.client(LISTED) as client:
            client.expect_reply(220)
            wait_until(lambda: self.api.get("status")["now"]["dialog"] == 1, lambda: "dialog")
            client.expect("QUIT", 221)
        wait_until(lambda: self.api.get("status")["now"]["sessions"] == 0, lambda: "gone")

    def test_the_last_decisions_have_their_reasons_and_can_be_filtered(self) -> None:
        fendmail = self.start()
        self.become_known(fendmail, CLIENT)
        self.refuse(fendmail)
        found = self.wait_for_sessions("verdict=rejected", 1)[0]
        self.assertEqual(found["client"], LISTED)
        self.assertEqual(found["reasons"], "dnsbl")
        self.assertEqual(found["dnsbl_lists"], "zen.test:127.0.0.2*2")
        self.assertEqual(found["helo"], SCRIPT)
        self.assertRegex(found["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.wait_for_sessions("", 2)
        self.wait_for_sessions("limit=1", 1)
        self.wait_for_sessions(f"client={CLIENT}", 1)
        self.wait_for_sessions(f"client={CLIENT}&verdict=rejected", 0)

    def test_events_are_told_as_they_happen(self) -> None:
        fendmail = self.start()
        asking = self.api.connection()
        self.addCleanup(asking.close)
        asking.request("GET", "/api/v1/events?verdict=rejected")
        answer = asking.getresponse()
        self.assertEqual(answer.getheader("Content-Type"), "text/event-stream; charset=utf-8")
        self.become_known(fendmail, CLIENT)
        self.refuse(fendmail)
        self.assertEqual(answer.readline(), b"event: session_ended\n")
        told = json.loads(answer.readline().removeprefix(b"data: "))
        self.assertEqual(told["client"], LISTED)

    def test_tops_and_lists_know_whom_a_list_named(self) -> None:
        fendmail = self.start()
        self.refuse(fendmail)
        self.refuse(fendmail)
        self.wait_for_sessions("verdict=rejected", 2)
        top = self.api.get("top?by=client")["entries"]
        self.assertEqual(top, [{"name": LISTED, "sessions": 2, "turned_away": 2}])
        self.assertEqual(self.api.get("top?by=network")["entries"][0]["name"], "127.0.1.0/24")
        self.assertEqual(self.api.get("top?by=list")["entries"][0]["turned_away"], 2)
        found = self.api.get("lists")["lists"][0]
        self.assertEqual((found["list"], found["state"]), ("zen.test", "up"))
        self.assertEqual(found["hits_turned_away"], 2)
        self.assertGreaterEqual(found["answers"]["listed"], 1)
        self.assertGreaterEqual(found["seconds"]["count"], 1)
        self.assertEqual(self.api.ask("GET", "/api/v1/top?by=x")[0], 400)

    def test_a_list_that_was_wrong_about_a_client_shows_it(self) -> None:
        fendmail = self.start()
        self.refuse(fendmail)
        self.wait_for_sessions("verdict=rejected", 1)
        self.api.change("PUT", f"permits/{LISTED}", {"for": "1h", "comment": "a mistake"})
        self.assert_delivers(fendmail, LISTED, "let-in")
        self.wait_for_sessions("verdict=allowlisted", 1)
        self.assertEqual(self.api.get("lists")["lists"][0]["hits_later_passed"], 1)

    def test_one_client_is_explained_with_live_lists(self) -> None:
        self.start()
        found = self.api.get(f"clients/{LISTED}")
        self.assertEqual(found["verdict"], "rejected")
        self.assertEqual(found["lists"][0]["meaning"], "listed")
        self.assertEqual(self.api.get(f"clients/{LISTED}?lists=0")["lists"], [])
        self.assertEqual(self.api.ask("GET", "/api/v1/clients/nonsense")[0], 400)

    def test_at_most_four_requests_ask_lists_at_the_same_time(self) -> None:
        self.start({"dnsbl": {"timeout": "20s"}})
        self.zen.may_answer.clear()
        self.addCleanup(self.zen.may_answer.set)
        clients = [f"192.0.2.{n}" for n in range(1, 5)]
        with ThreadPoolExecutor(len(clients)) as pool:
            asking = [pool.submit(self.api.ask, "GET", f"/api/v1/clients/{one}") for one in clients]
            wait_until(
                lambda: all(self.dns.count(one, "zen.test") for one in clients),
                lambda: f"four that ask: {self.dns.queries}",
            )
            status, told = self.api.ask("GET", f"/api/v1/clients/{LISTED}")
            self.assertEqual(status, 503, told)
            self.assertIn("lists=0", told["error"])
            self.assertEqual(self.dns.count(LISTED, "zen.test"), 0)
            self.assertEqual(self.api.get(f"clients/{LISTED}?lists=0")["lists"], [])
            self.zen.may_answer.set()
            for one in asking:
                status, told = one.result(timeout=30)
                self.assertEqual(status, 200, told)
                self.assertEqual(told["lists"][0]["meaning"], "not listed")
        self.assertEqual(self.api.get(f"clients/{LISTED}")["lists"][0]["meaning"], "listed")

    def test_the_configuration_says_where_each_value_comes_from(self) -> None:
        fendmail = self.start()
        keys = {one["key"]: one for one in self.api.get("config")["keys"]}
        self.assertRegex(keys["greet.wait"]["source"], rf"{fendmail.config_path}:\d+$")
        self.assertEqual(keys["greet.wait"]["value"], '"1s"')
        self.assertEqual(keys["log.format"]["source"], "default")

    def test_the_documentation_has_each_route_and_no_other(self) -> None:
        root = Path(__file__).resolve().parents[2]
        source = (root / "src/app/api/api.cpp").read_text(encoding="utf-8")
        routes = set(re.findall(r'"/api/v1/([a-z]+)(?:/\*)?(/[a-z]+)?"', source))
        text = (root / "docs/api.md").read_text(encoding="utf-8")
        rows = "".join(line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `"))
        told = re.findall(r"`(?:GET|PUT|POST|DELETE) ([a-z]+)(?:/[A-Z]+)?(/[a-z]+)?", rows)
        told += [("lists", "/enable")] * ("`…/enable`" in rows)
        self.assertEqual(routes, set(told))

    def test_what_is_not_there_is_told(self) -> None:
        self.start()
        for method, path, wanted in (
            ("GET", "/nonsense", 404),
            ("GET", "/api/v1/nonsense", 404),
            ("GET", "/api/v1/passes/192.0.2.1", 404),
            ("DELETE", "/api/v1/passes/192.0.2.1", 404),
            ("DELETE", "/api/v1/permits/192.0.2.1", 404),
            ("POST", "/api/v1/lists/nonsense/test", 404),
            ("DELETE", "/api/v1/status", 405),
            ("PUT", "/api/v1/permits/nonsense", 400),
            ("PUT", "/api/v1/permits/192.0.2.1", 400),
            ("GET", "/api/v1/passes?after=nonsense", 400),
        ):
            status, body = self.api.ask(method, path)
            self.assertEqual(status, wanted, (method, path, body))
            self.assertIn("error", body)


class Changing(ApiCase):
    def test_a_permission_lets_a_listed_client_in_and_ends(self) -> None:
        fendmail = self.start()
        made = self.api.change("PUT", f"permits/{LISTED}", {"for": "1h", "comment": "a\nb"})
        self.assertEqual(made["comment"], "a?b")
        self.assert_delivers(fendmail, LISTED, "permitted")
        self.wait_for_sessions("verdict=allowlisted", 1)
        self.assertIn("permit 127.0.1.9/32 until", self.api.get(f"clients/{LISTED}")["access_rule"]
                      ["rule"])
        self.api.change("DELETE", f"permits/{LISTED}")
        self.refuse(fendmail)

    def test_a_denial_holds_for_a_network_and_survives_a_restart(self) -> None:
        fendmail = self.start()
        self.become_known(fendmail, CLIENT)
        self.api.change("PUT", "denials/127.0.1.77/24", {"for": "1h", "comment": "wave"})
        self.assertEqual([one["network"] for one in self.api.get("denials")["denials"]],
                         ["127.0.1.0/24"])
        fendmail.stop()
        fendmail.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.expect("HELO x", 250)
            client.expect("MAIL FROM:<a@b.example>", 250)
            client.expect("RCPT TO:<c@d.example>", 550)
            client.expect("QUIT", 221)
        self.wait_for_sessions("verdict=rejected", 1)
        self.api.change("DELETE", "denials/127.0.1.0%2F24")
        self.assert_delivers(fendmail, CLIENT, "again")

    def test_a_denial_of_ourselves_is_refused(self) -> None:
        self.start()
        for net in ("127.0.0.1", "127.0.0.0/8", "0.0.0.0/0", "::/0", "::1"):
            status, body = self.api.ask("PUT", f"/api/v1/denials/{net}", {"for": "1h"})
            self.assertEqual(status, 409, (net, body))
        self.assertEqual(self.api.get("denials")["denials"], [])

    def test_passes_are_given_shown_and_taken_away(self) -> None:
        fendmail = self.start()
        self.api.change("PUT", f"passes/{CLIENT}", {})
        self.assertIn("pregreet", self.api.get(f"passes/{CLIENT}")["tests"])
        self.assert_delivers(fendmail, CLIENT, "known")
        self.wait_for_sessions("verdict=pass_old", 1)
        self.api.change("DELETE", f"passes/{CLIENT}")
        self.assertEqual(self.api.ask("GET", f"/api/v1/passes/{CLIENT}")[0], 404)
        self.assert_delivers(fendmail, CLIENT, "new")
        self.wait_for_sessions("verdict=pass_new", 1)

    def test_passes_can_be_listed_in_pages_and_imported(self) -> None:
        self.start()
        clients = [f"192.0.2.{n}" for n in range(1, 8)] + ["2001:db8::/64"]
        until = "2030-01-01T00:00:00Z"
        rows = [{"client": one, "tests": {"pregreet": until}} for one in clients]
        told = self.api.change("POST", "passes", {"passes": [*rows, {"client": "nonsense"}]})
        self.assertEqual(told, {"taken": 8, "refused": 1})
        seen: list[str] = []

        def all_there() -> bool:
            seen.clear()
            after = ""
            while True:
                page = self.api.get(f"passes?limit=3&after={after}")
                seen.extend(one["client"] for one in page["passes"])
                after = page["next"]
                if not after:
                    return sorted(seen) == sorted(clients)

        wait_until(all_there, lambda: f"{seen}")

    def test_a_list_that_is_off_counts_for_nothing(self) -> None:
        fendmail = self.start()
        self.assertEqual(self.api.change("POST", "lists/zen.test/disable")["state"], "off")
        self.assert_delivers(fendmail, LISTED, "not-asked")
        self.assertEqual(self.api.get("status")["lists"]["off"], 1)
        fendmail.reload()
        self.assertEqual(self.api.get("lists")["lists"][0]["state"], "off")
        self.assertEqual(self.api.change("POST", "lists/zen.test/enable")["state"], "up")
        self.api.change("DELETE", f"passes/{LISTED}")
        self.refuse(fendmail)

    def test_a_list_can_be_tested(self) -> None:
        self.start()
        self.assertTrue(self.api.change("POST", "lists/zen.test/test")["ok"])
        self.zen.listed["127.0.0.1"] = ["127.0.0.2"]
        told = self.api.change("POST", "lists/zen.test/test")
        self.assertFalse(told["ok"])
        self.assertEqual(told["text"], "127.0.0.2: listed, 127.0.0.1: listed")

    def test_a_reload_tells_what_is_wrong_with_the_file(self) -> None:
        fendmail = self.start()
        self.assertTrue(self.api.change("POST", "reload")["ok"])
        good = fendmail.config_path.read_text(encoding="utf-8")
        fendmail.config_path.write_text(good + "\n[nonsense]\n", encoding="utf-8")
        status, told = self.api.ask("POST", "/api/v1/reload")
        self.assertEqual((status, told["ok"]), (409, False))
        self.assertIn("nonsense", told["message"])
        self.assertIn("nonsense", self.api.get("status")["config"]["last_reload_error"])
        changed = good.replace("workers = 2", "workers = 1")
        fendmail.config_path.write_text(changed, encoding="utf-8")
        told = self.api.change("POST", "reload")
        self.assertEqual(told["waiting_for_restart"], ["server.workers"])
        self.assertEqual(self.api.get("status")["config"]["last_reload_error"], "")

    def test_draining_says_not_ready_and_serves_all_the_same(self) -> None:
        fendmail = self.start()
        self.assertEqual(self.api.change("POST", "drain", {"on": True})["state"], "draining")
        self.assertEqual(self.api.ask("GET", "/readyz"), (503, "draining\n"))
        self.assertEqual(self.api.ask("GET", "/livez")[0], 200)
        self.assert_delivers(fendmail, CLIENT, "served")
        self.api.change("POST", "drain", {"on": False})
        self.assertEqual(self.api.ask("GET", "/readyz")[0], 200)


class Access(ApiCase):
    def start_with_tokens(self, **more: str) -> Fendmail:
        self.port = free_ports(1)[0]
        directory = self.directory("tokens")
        files = {}
        for key, token in (("token_file", READER), ("admin_token_file", ADMIN)):
            path = directory / key
            path.write_text(token + "\n", encoding="utf-8")
            path.chmod(0o600)
            files[key] = str(path)
        return self.start({"admin": {"listen": f"127.0.0.1:{self.port}", **files, **more}})

    def test_over_tcp_a_token_reads_and_the_admins_changes(self) -> None:
        self.start_with_tokens()
        nobody, reader, admin = (Admin(self.port, token) for token in ("", READER, ADMIN))
        for free in ("/livez", "/readyz", "/metrics"):
            self.assertEqual(nobody.ask("GET", free)[0], 200, free)
        self.assertEqual(nobody.ask("GET", "/api/v1/status")[0], 401)
        self.assertEqual(nobody.ask("GET", "/api/v1/nonsense")[0], 401)
        self.assertEqual(reader.ask("GET", "/api/v1/status")[0], 200)
        self.assertEqual(reader.ask("POST", "/api/v1/drain", {})[0], 403)
        self.assertEqual(admin.ask("GET", "/api/v1/status")[0], 200)
        self.assertEqual(admin.ask("POST", "/api/v1/drain", {"on": False})[0], 200)

    def test_what_a_page_of_another_site_could_send_is_refused(self) -> None:
        self.start_with_tokens()
        admin = Admin(self.port, ADMIN)
        for headers in (
            {"Content-Type": "text/plain"},
            {"Origin": "http://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": "evil.example"},
        ):
            status, _ = admin.ask("POST", "/api/v1/drain", {"on": True}, headers)
            self.assertIn(status, (403, 415), headers)
        self.assertEqual(admin.get("status")["state"], "serving")

    def test_guessing_ends_after_ten_tries_for_all_tokens_and_not_for_health(self) -> None:
        self.start_with_tokens()
        for n in range(10):
            self.assertEqual(Admin(self.port, f"guess-{n}").ask("GET", "/api/v1/status")[0], 401)
        self.assertEqual(Admin(self.port, "guess").ask("GET", "/api/v1/status")[0], 429)
        self.assertEqual(Admin(self.port, ADMIN).ask("GET", "/api/v1/status")[0], 429)
        self.assertEqual(Admin(self.port, "guess").ask("GET", "/readyz")[0], 200)
        self.assertEqual(self.api.ask("GET", "/api/v1/status")[0], 200)

    def test_without_a_token_file_tcp_can_change_nothing(self) -> None:
        self.start_with_tokens(admin_token_file="")
        status, body = Admin(self.port, READER).ask("POST", "/api/v1/reload")
        self.assertEqual(status, 403)
        self.assertIn("admin_token_file", body["error"])

    def test_a_reload_brings_new_tokens(self) -> None:
        fendmail = self.start_with_tokens()
        path = Path(fendmail.settings["admin"]["token_file"])
        path.write_text("another-token-0123456789", encoding="utf-8")
        fendmail.reload()
        fresh = Admin(self.port, "another-token-0123456789")
        wait_until(lambda: fresh.ask("GET", "/api/v1/status")[0] == 200, lambda: "a new token")
        self.assertEqual(Admin(self.port, READER).ask("GET", "/api/v1/status")[0], 401)

    def test_another_user_whom_the_socket_lets_in_may_only_read(self) -> None:
        fendmail = self.start()
        self.assertEqual(fendmail.socket_path.stat().st_mode & 0o777, 0o660)
        # A user who is neither root nor that of the service: the mode is opened for the test.
        for path in [fendmail.socket_path, *fendmail.socket_path.parents]:
            if path == Path("/tmp") or path == Path("/"):
                break
            path.chmod(path.stat().st_mode | 0o007)
        script = (
            "import os, sys, json, encodings.idna\n"
            "from fendmail_test.admin import Admin; from pathlib import Path\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "api = Admin(Path(sys.argv[1]))\n"
            "print(json.dumps([api.ask('GET', '/api/v1/status')[0],"
            " api.ask('POST', '/api/v1/drain', {})[0]]))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(fendmail.socket_path)],
            capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1] / "support")},
        )
        self.assertEqual(done.stdout.strip(), "[200, 403]", done.stderr)

    def test_the_page_brings_what_it_needs_and_nothing_of_others(self) -> None:
        self.start_with_tokens()
        asking = Admin(self.port).connection()
        self.addCleanup(asking.close)
        asking.request("GET", "/")
        answer = asking.getresponse()
        text = answer.read().decode()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.getheader("Content-Type"), "text/html; charset=utf-8")
        self.assertIn("default-src 'none'", answer.getheader("Content-Security-Policy"))
        self.assertNotRegex(text, r"https?://")


if __name__ == "__main__":
    main()
