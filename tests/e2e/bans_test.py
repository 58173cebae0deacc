#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""[bans]: who does too much is kept away for a time, and nobody else."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import CLIENT, OTHER, FendmailCase, log_name

LISTED = "127.0.1.9"
ALSO_ALLOWED = "127.0.1.10"
NAMELESS = "127.0.1.11"
HOUR = 3600


class BansCase(FendmailCase):
    def setUp(self) -> None:
        self.sink = self.start_sink("proxy-v2")
        self.dns = self.start_dns()
        self.dns.zone("zen.test", {name: ["127.0.0.2"] for name in (
            LISTED, ALSO_ALLOWED, *(f"127.0.2.{n}" for n in range(1, 10)))})
        self.dns.zone("good.test", {ALSO_ALLOWED: ["127.0.0.2"]})

    def start(self, bans: dict, *settings: Settings) -> Fendmail:
        fendmail = self.start_fendmail(
            self.sink.config,
            {
                "greet": {"wait": "1s"},
                "dnsbl": {"sites": ["zen.test*2", "good.test*-1"], "threshold": 1,
                          "resolvers": [self.dns.resolver], "action": "enforce"},
                "bans": {"action": "enforce", **bans},
            },
            *settings,
        )
        self.api = Admin(fendmail.socket_path)
        return fendmail

    def pregreet(self, fendmail: Fendmail, source: str, said: bytes = b"EHLO bot\r\n") -> None:
        """A session that ends when fendmail has told of it."""
        with fendmail.client(source) as client:
            client.send(said)
            fendmail.expect_log(rf"PREGREET \d+ after \S+ from {log_name(client)}")
            client.close()
            fendmail.expect_log(rf"SUMMARY {log_name(client)}")

    def be_listed(self, fendmail: Fendmail, source: str = LISTED) -> None:
        with fendmail.client(source) as client:
            client.expect_reply(220)
            self.assert_recipients_get(
                client,
                f"550 5.7.1 Service unavailable; client [{source}] blocked using zen.test")
            fendmail.expect_log(rf"SUMMARY {log_name(client)}")

    def ban(self, fendmail: Fendmail, source: str = LISTED) -> None:
        for _ in range(2):
            self.be_listed(fendmail, source)
        fendmail.expect_log(rf"BANNED {source} for ")

    def assert_banned(self, fendmail: Fendmail, source: str, words: str = "") -> None:
        with fendmail.client(source) as client:
            client.expect_reply(220)
            client.expect("EHLO bot.example.org", 250)
            client.expect("MAIL FROM:<bot@example.org>", 250)
            reply = str(client.command("RCPT TO:<user@example.test>"))
            client.expect("QUIT", 221)
        self.assertRegex(reply, rf"^550 5\.7\.1 Service unavailable; client \[{source}\] is banned"
                                rf"( with its network \S+)? for \d\S+.*: {words}")


class Banning(BansCase):
    def test_points_of_different_offences_ban(self) -> None:
        fendmail = self.start({"points": {"pregreet": 5}})
        self.pregreet(fendmail, LISTED)
        self.be_listed(fendmail)
        fendmail.expect_log(rf"BANNED {LISTED} for [67]h.*: pregreet,dnsbl$")
        self.assert_banned(fendmail, LISTED, "pregreet,dnsbl$")
        self.assert_delivers(fendmail, OTHER, "neighbour")
        shown = self.api.get("bans")
        self.assertEqual(shown["action"], "enforce")
        [one] = shown["bans"]
        self.assertEqual((one["network"], one["why"], one["origin"], one["count"]),
                         (LISTED, "pregreet,dnsbl", "offences", 1))
        self.assertGreater(one["left_seconds"], 6 * HOUR - 60)
        self.assertLess(one["left_seconds"], 6 * HOUR * 1.2 + 60)

    def test_what_was_spoken_too_early_is_named(self) -> None:
        fendmail = self.start({"action": "ignore"}, {"log": {"format": "json"}})
        for said, name in ((b"\x16\x03\x01\x02\x00\x01", "tls"), (b"GET / HTTP/1.1\r\n", "http"),
                           (b"\x05\x01\x00", "socks"), (b"SSH-2.0-x\r\n", "ssh"),
                           (b"\x03\x00\x00\x13\x0e\xe0", "rdp"), (b"EHLO x\r\n", "smtp")):
            with self.subTest(name), fendmail.client(CLIENT) as client:
                client.send(said)
                fendmail.expect_log(rf'"event":"pregreeted".*"client_port":{client.port},.*'
                                    rf'"spoke":"{name}"')
                client.close()
                reasons = "pregreet" if name == "smtp" else f"pregreet:{name}"
                fendmail.expect_log(rf'"event":"session_ended".*"client_port":{client.port},.*'
                                    rf'"reasons":"{reasons}[",]')
        text = self.api.ask("GET", "/metrics")[1]
        self.assertIn('fendmail_pregreet_total{protocol="tls"} 1', text)
        self.assertIn('fendmail_pregreet_total{protocol="smtp"} 1', text)

    def test_the_next_ban_is_twice_as_long(self) -> None:
        fendmail = self.start({"time": "1s", "max_time": "1h", "points": {"dnsbl": 10}})
        self.be_listed(fendmail)
        fendmail.expect_log(rf"BANNED {LISTED} for 1s: dnsbl")
        fendmail.expect_log(rf"BAN of {LISTED} is over")
        self.be_listed(fendmail)
        fendmail.expect_log(rf"BANNED {LISTED} for 2s \(ban 2\): dnsbl")
        fendmail.log.wait_for(rf"BAN of {LISTED} is over", count=2)
        self.be_listed(fendmail)
        fendmail.expect_log(rf"BANNED {LISTED} for 4s \(ban 3\): dnsbl")

    def test_defer_drop_and_ignore(self) -> None:
        fendmail = self.start({"action": "defer"})
        self.ban(fendmail)
        with fendmail.client(LISTED) as client:
            self.assertRegex(client.read_to_end().decode(),
                             rf"^421 4\.7\.0 Service unavailable; client \[{LISTED}\] is banned "
                             r"for [67]h.*: dnsbl\*2\r\n$")
        fendmail.write_config({"bans": {"action": "drop"}})
        fendmail.reload()
        fendmail.expect_log("reloaded")
        with fendmail.client(LISTED) as client:
            self.assertEqual(client.read_to_end(), b"")
        fendmail.write_config({"bans": {"action": "ignore"}})
        fendmail.reload()
        fendmail.log.wait_for("reloaded", count=2)
        self.be_listed(fendmail)
        fendmail.expect_log(rf"BANNED CLIENT .*{LISTED} is banned for .* only told$")

    def test_a_test_that_is_ignored_counts_nothing(self) -> None:
        fendmail = self.start({"points": {"dnsbl": 10}}, {"dnsbl": {"action": "ignore"}})
        with fendmail.client(LISTED) as client:
            self.read_greeting(client)
            client.expect("QUIT", 221)
        fendmail.expect_log(rf"SUMMARY {log_name(client)} .*reasons=dnsbl")
        self.assertEqual(self.api.get("bans")["offenders"], 0)

    def test_rates_count(self) -> None:
        fendmail = self.start({}, {"rates": {"connections": "1/1h", "action": "defer"}})
        for _ in range(6):
            with fendmail.client(CLIENT) as client:
                client.read_line()
        fendmail.expect_log(rf"BANNED {CLIENT} for .*: rate\*5$")

    def test_no_name_counts(self) -> None:
        """Nothing is weighed by it: it is asked for because it counts here."""
        self.dns.ptr(NAMELESS)
        fendmail = self.start({"points": {"no_ptr": 10}}, {"dnsbl": {"sites": []}})
        with fendmail.client(NAMELESS) as client:
            self.read_greeting(client)
            client.expect("QUIT", 221)
        fendmail.expect_log(rf"BANNED {NAMELESS} for .*: no_ptr$")

    def test_harvesting_counts_and_is_seen_at_the_backend(self) -> None:
        fendmail = self.start({"points": {"unknown_recipients": 10}})
        self.sink.behaviour.replies["RCPT"] = b"550 5.1.1 no such user\r\n"
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            client.expect("EHLO bot.example.org", 250)
            client.expect("MAIL FROM:<bot@example.org>", 250)
            for number in range(5):
                client.expect(f"RCPT TO:<user{number}@example.test>", 550)
            client.expect("QUIT", 221)
        fendmail.expect_log(rf"BANNED {CLIENT} for .*: unknown_recipients$")
        # A pass does not help it: the ban is the later word.
        self.assert_banned(fendmail, CLIENT)


class Networks(BansCase):
    def test_a_network_follows_its_banned_addresses_and_spares_who_has_passed(self) -> None:
        fendmail = self.start({"network_after": 3, "network_time": "3s", "points": {"dnsbl": 10}})
        good, new = "127.0.2.100", "127.0.2.101"
        self.assert_delivers(fendmail, good, "before")
        for number in range(1, 4):
            self.be_listed(fendmail, f"127.0.2.{number}")
        fendmail.expect_log(r"BANNED 127\.0\.2\.0/24 for 3s: banned addresses in it$")
        self.assert_delivers(fendmail, good, "meanwhile")
        self.assert_banned(fendmail, new, "banned addresses in it$")
        self.assert_delivers(fendmail, "127.0.3.1", "another network")
        fendmail.expect_log(r"BAN of 127\.0\.2\.0/24 is over")
        self.assert_delivers(fendmail, new, "after")
        self.assert_banned(fendmail, "127.0.2.1")


class Guards(BansCase):
    """Who is never banned. Each of these clients has the points for it."""

    GUARDED = {"points": {"dnsbl": 10, "pregreet": 10}}

    def assert_not_banned(self, fendmail: Fendmail, source: str, guard: str) -> None:
        fendmail.expect_log(rf"{source} is not banned, because of what it is \({guard}\)")
        self.assertEqual(self.api.get("bans")["bans"], [])

    def test_own_addresses(self) -> None:
        fendmail = self.start(self.GUARDED, {"access": {"rules": []}})
        self.pregreet(fendmail, "127.0.0.1")
        self.assert_not_banned(fendmail, "127.0.0.1", "own_address")

    def test_never(self) -> None:
        fendmail = self.start({**self.GUARDED, "never": ["127.0.1.0/28"]})
        self.be_listed(fendmail)
        self.assert_not_banned(fendmail, LISTED, "never")

    def test_resolvers(self) -> None:
        fendmail = self.start(self.GUARDED, {"dnsbl": {
            "resolvers": [self.dns.resolver, f"{CLIENT}:53"]}})
        self.pregreet(fendmail, CLIENT)
        self.assert_not_banned(fendmail, CLIENT, "resolver")

    def test_backends(self) -> None:
        sink = self.start_sink("proxy-v2")
        fendmail = self.make_fendmail(
            {**sink.config, "address": f"{CLIENT}:9"},
            {"greet": {"wait": "1s"}, "bans": {"action": "enforce", **self.GUARDED}})
        self.enterContext(fendmail)
        self.api = Admin(fendmail.socket_path)
        self.pregreet(fendmail, CLIENT)
        self.assert_not_banned(fendmail, CLIENT, "backend")

    def test_who_is_permitted_for_a_time_meanwhile(self) -> None:
        fendmail = self.start(self.GUARDED)
        with fendmail.client(CLIENT) as client:
            client.send(b"EHLO bot\r\n")
            fendmail.expect_log(r"PREGREET")
            self.assertEqual(self.api.ask("PUT", f"/api/v1/permits/{CLIENT}", {"for": "1h"})[0], 200)
        self.assert_not_banned(fendmail, CLIENT, "permitted")

    def test_a_client_that_an_allowlist_names_has_no_points(self) -> None:
        fendmail = self.start(self.GUARDED, {"dnsbl": {"threshold": 1}})
        for _ in range(3):
            self.be_listed(fendmail, ALSO_ALLOWED)
        self.assertEqual(self.api.get("bans")["offenders"], 0)

    def test_accepted_mail(self) -> None:
        fendmail = self.start(self.GUARDED, {"greet": {"wait": "1s", "ttl": "1s"}, "dnsbl": {
            "min_ttl": "1s", "max_ttl": "1s"}})
        self.assert_delivers(fendmail, CLIENT, "good mail")
        fendmail.expect_log("SUMMARY")
        time.sleep(2.1)  # its pass is over, and it is tested again
        self.pregreet(fendmail, CLIENT)
        self.assert_not_banned(fendmail, CLIENT, "accepted_mail")

    def test_a_suspended_list_gives_no_points(self) -> None:
        fendmail = self.start(self.GUARDED)
        self.assertEqual(self.api.ask("POST", "/api/v1/lists/zen.test/disable")[0], 200)
        self.become_known(fendmail, LISTED)
        self.assertEqual(self.api.get("bans")["offenders"], 0)

    def test_a_gateway_is_warned_about(self) -> None:
        """Much of all mail comes from there, though none was accepted lately."""
        fendmail = self.start(self.GUARDED, {"greet": {"wait": "1s", "ttl": "1d"}})
        self.sink.behaviour.replies["RCPT"] = b"450 4.2.0 later\r\n"
        self.become_known(fendmail, CLIENT)
        for _ in range(25):
            with fendmail.client(CLIENT) as client:
                self.read_greeting(client)
                client.expect("QUIT", 221)
        fendmail.log.wait_for("SUMMARY", count=26)
        self.assertEqual(self.api.ask("DELETE", f"/api/v1/passes/{CLIENT}")[0], 200)
        self.pregreet(fendmail, CLIENT)
        fendmail.expect_log(rf"warning: {CLIENT} is not banned.*\(gateway\)")

    def test_too_many_new_bans_pause_and_are_told(self) -> None:
        fendmail = self.start({**self.GUARDED, "max_new_per_minute": 3})
        for number in range(1, 6):
            self.be_listed(fendmail, f"127.0.2.{number}")
        fendmail.expect_log(r"warning: more than 3 new bans in a minute")
        shown = self.api.get("bans")
        self.assertEqual((len(shown["bans"]), shown["paused"]), (3, True))


class Lasting(BansCase):
    def test_bans_and_offences_survive_kill_9(self) -> None:
        fendmail = self.start({})
        self.ban(fendmail)
        fendmail.kill()
        fendmail.start()
        self.assert_banned(fendmail, LISTED, r"dnsbl\*2$")

    def test_offences_survive_a_restart(self) -> None:
        fendmail = self.start({})
        self.be_listed(fendmail)
        fendmail.stop()
        fendmail.start()
        self.be_listed(fendmail)
        fendmail.expect_log(rf"BANNED {LISTED} for .*: dnsbl\*2$")

    def test_a_damaged_file_costs_only_what_is_damaged(self) -> None:
        fendmail = self.start({})
        self.ban(fendmail)
        fendmail.stop()
        file = fendmail.directory / "bans"
        file.write_text("nonsense\n" + file.read_text() + "offender 127.0.1.9/32 1", "utf-8")
        fendmail.start()
        fendmail.expect_log("bans: 1 lines are not understood")
        self.assert_banned(fendmail, LISTED)
        self.ban(fendmail, "127.0.2.1")
        fendmail.stop()
        fendmail.start()
        self.assert_banned(fendmail, "127.0.2.1")

    def test_a_file_that_cannot_be_written_is_told_and_bans_hold(self) -> None:
        fendmail = self.make_fendmail(self.sink.config, {
            "greet": {"wait": "1s"}, "bans": {"action": "enforce", "points": {"pregreet": 10}}})
        (fendmail.directory / "bans").mkdir()
        self.enterContext(fendmail)
        self.pregreet(fendmail, CLIENT)
        fendmail.expect_log(rf"BANNED {CLIENT}")
        fendmail.expect_log("cannot write .*/bans: .*; bans end with this process")
        self.assert_banned(fendmail, CLIENT)


class Commands(BansCase):
    def fendmail_says(self, fendmail: Fendmail, *arguments: str, code: int = 0) -> str:
        done = run_command("bans", *arguments, "-c", str(fendmail.config_path))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_list_add_and_remove(self) -> None:
        fendmail = self.start({})
        self.assertIn("none is banned", self.fendmail_says(fendmail))
        self.assertIn(f"{CLIENT} is banned until",
                      self.fendmail_says(fendmail, "add", CLIENT, "--for", "2h"))
        self.assert_banned(fendmail, CLIENT, "admin$")
        self.assertRegex(self.fendmail_says(fendmail, "list"), rf"(?m)^{CLIENT} +\S.*admin$")
        self.fendmail_says(fendmail, "add", "127.0.4.0/24")
        self.assert_banned(fendmail, "127.0.4.77")
        self.assertIn("no longer banned", self.fendmail_says(fendmail, "remove", CLIENT))
        self.assert_delivers(fendmail, CLIENT, "free again")
        self.assertIn("not banned", self.fendmail_says(fendmail, "remove", CLIENT, code=1))
        self.assertIn("say which", self.fendmail_says(fendmail, "add", code=2))
        self.assertIn("address of this host",
                      self.fendmail_says(fendmail, "add", "127.0.0.0/8", code=1))

    def test_points_with_a_name_that_is_none(self) -> None:
        fendmail = self.make_fendmail(self.sink.config, {"bans": {"points": {"pregret": 3}}})
        fendmail.write_config()
        done = run_command("check", "-c", str(fendmail.config_path))
        self.assertEqual(done.returncode, 1)
        self.assertIn("the offences are pregreet, dnsbl", done.stdout + done.stderr)


if __name__ == "__main__":
    main()
