#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Feeds: networks from files, what they mean for clients, and files that are not what they should
be."""

import json
import os
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings, is_sanitized, run_command
from fendmail_test.fendmail_case import (
    CLIENT,
    NO_GREET_WAIT,
    OTHER,
    FendmailCase,
    Stopwatch,
    log_name,
)
from fendmail_test.mmdb import asn, country, make_database
from fendmail_test.waiting import wait_until

HTML = "<!DOCTYPE html>\n<html><body>\n<h1>502 Bad Gateway</h1>\n</body></html>\n"
DAY = 86400


def addresses(count: int, first: int = 0) -> str:
    """So many addresses of a network from which no client of these tests comes."""
    numbers = range(first, first + count)
    return "".join(f"45.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n" for n in numbers)


def drop_json(*networks: str, records: int | None = None) -> str:
    lines = [json.dumps({"cidr": net, "sblid": "SBL1", "rir": "test"}) for net in networks]
    claimed = len(networks) if records is None else records
    lines.append(json.dumps({"type": "metadata", "timestamp": 1, "records": claimed}))
    return "\n".join(lines) + "\n"


def peak_memory(pid: int) -> int:
    """The most that a process ever had, in octets."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.M)[1]) * 1024


class FeedCase(FendmailCase):
    def setUp(self) -> None:
        self.sink = self.start_sink()
        self.feeds = self.directory("feeds")

    def write(self, name: str, text: str | bytes) -> Path:
        """Another file in the place of the old one, as all should do it."""
        path = self.feeds / name
        fresh = self.feeds / f"{name}.fresh"
        fresh.write_bytes(text if isinstance(text, bytes) else text.encode())
        fresh.rename(path)
        return path

    def feed(self, name: str, **options) -> dict:
        return {"file": str(self.feeds / name), **options}

    def make(self, feeds: dict, *settings: Settings) -> Fendmail:
        return self.make_fendmail(self.sink.config, NO_GREET_WAIT, {"feed": feeds}, *settings)

    def start(self, feeds: dict, *settings: Settings) -> Fendmail:
        return self.enterContext(self.make(feeds, *settings))

    def assert_blocked(self, fendmail: Fendmail, source: str, by: str) -> None:
        with fendmail.client(source) as client:
            self.read_greeting(client)
            self.assert_recipients_get(
                client, f"550 5.7.1 Service unavailable; client [{source}] blocked using {by}"
            )

    def assert_denied(self, fendmail: Fendmail, source: str) -> None:
        with fendmail.client(source) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, "550 5.3.2 Service currently unavailable")

    def assert_let_in(self, fendmail: Fendmail, source: str) -> None:
        self.assert_delivers(fendmail, source, f"from-{source}")

    def status(self, fendmail: Fendmail, name: str) -> dict:
        rows = Admin(fendmail.socket_path).get("feeds")["feeds"]
        return next(row for row in rows if row["feed"] == name)

    def session_of(self, fendmail: Fendmail, source: str) -> dict:
        """What a log in JSON says of the last session of a client."""
        pattern = rf'^\{{.*"event":"session_ended".*"client":"{re.escape(source)}".*$'
        return json.loads(fendmail.expect_log(pattern)[0])


class Uses(FeedCase):
    def test_a_score_refuses_without_any_list_and_the_log_says_why(self) -> None:
        self.write("drop.json", drop_json(f"{CLIENT}/32", "45.0.0.0/24"))
        fendmail = self.start(
            {"drop": self.feed("drop.json", use="score:3")}, {"dnsbl": {"threshold": 3}}
        )
        fendmail.expect_log(r"feed drop: 2 entries, 0 left out, \S+ old$")
        self.assert_blocked(fendmail, CLIENT, "feed.drop")
        fendmail.expect_log(r"DNSBL rank 3 for \[127\.0\.1\.5\]:\d+$")
        fendmail.expect_log(r"SUMMARY .*verdict=rejected.*lists=feed\.drop\*3")
        self.assert_let_in(fendmail, OTHER)

    def test_a_score_below_the_threshold_joins_what_lists_say(self) -> None:
        self.write("bad", f"{CLIENT}\n{OTHER}\n")
        dns = self.start_dns()
        dns.zone("bl.test", {CLIENT: ["127.0.0.2"]})
        fendmail = self.start(
            {"bad": self.feed("bad")},
            {"dnsbl": {"sites": ["bl.test"], "threshold": 2, "resolvers": [dns.resolver]}},
        )
        self.assert_blocked(fendmail, CLIENT, "bl.test")
        fendmail.expect_log(r"SUMMARY .*lists=bl\.test:127\.0\.0\.2\*1,feed\.bad\*1")
        self.assert_let_in(fendmail, OTHER)

    def test_the_threshold_reached_by_a_feed_alone_asks_for_no_wait(self) -> None:
        self.write("bad", f"{CLIENT}\n")
        fendmail = self.start(
            {"bad": self.feed("bad")}, {"greet": {"wait": "20s"}, "dnsbl": {"action": "drop"}}
        )
        with fendmail.client(CLIENT) as client:
            self.assertIn(b"521 5.7.1 ", client.read_to_end())

    def test_a_feed_may_speak_for_clients(self) -> None:
        self.write("good", f"{CLIENT}\n")
        dns = self.start_dns()
        dns.zone("bl.test", {CLIENT: ["127.0.0.2"], OTHER: ["127.0.0.2"]})
        fendmail = self.start(
            {"good": self.feed("good", use="score:-1")},
            {"dnsbl": {"sites": ["bl.test"], "resolvers": [dns.resolver]}},
        )
        self.assert_let_in(fendmail, CLIENT)
        self.assert_blocked(fendmail, OTHER, "bl.test")

    def test_permit_comes_before_reject_and_access_rules_before_both(self) -> None:
        self.write("bad", "127.0.1.0/24\n127.0.2.0/24\n")
        self.write("good", f"{OTHER}\n127.0.2.9\n")
        fendmail = self.start(
            {"bad": self.feed("bad", use="reject"), "good": self.feed("good", use="permit")},
            {"access": {"rules": ["permit 127.0.3.0/24", "reject 127.0.2.9"]}},
            {"log": {"format": "json"}},
        )
        self.assert_denied(fendmail, CLIENT)
        line = fendmail.expect_log(rf'^\{{.*"event":"denylisted".*"client":"{CLIENT}".*$')[0]
        self.assertEqual(json.loads(line)["rule"], "feed bad")
        self.assert_let_in(fendmail, OTHER)
        line = fendmail.expect_log(rf'^\{{.*"event":"allowlisted".*"client":"{OTHER}".*$')[0]
        self.assertEqual(json.loads(line)["rule"], "feed good")
        self.assert_denied(fendmail, "127.0.2.9")
        self.assert_let_in(fendmail, "127.0.9.9")

    def test_what_a_feed_may_not_hit_is_left_out_and_told_once(self) -> None:
        entries = ["127.0.1.0/24", "10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "127.0.4.0/24"]
        self.write("bad", "\n".join(entries) + "\n")
        fendmail = self.start(
            {"bad": self.feed("bad", use="reject")},
            {"access": {"rules": ["permit 127.0.4.7"]}},
        )
        fendmail.expect_log(r"feed bad: 5 entries, 4 left out")
        fendmail.expect_log(
            r"feed bad: 2 entries are left out, which touch private networks: "
            r"10\.0\.0\.0/8 and others$"
        )
        fendmail.expect_log(
            r"feed bad: 1 entries are left out, which touch what access\.rules permit: "
            r"127\.0\.4\.0/24$"
        )
        self.assert_denied(fendmail, CLIENT)
        self.assert_let_in(fendmail, "127.0.4.8")
        mark = fendmail.log.mark()
        fendmail.reload()
        fendmail.expect_log("reloaded configuration", after=mark)
        self.write("bad", "\n".join([*entries, "45.0.0.1"]) + "\n")
        fendmail.expect_log(r"feed bad: 6 entries, 4 left out", after=mark)
        self.assertEqual(fendmail.log.count("entries are left out", mark), 0)


class Renewal(FeedCase):
    def start_with(self, text: str, **options) -> Fendmail:
        self.write("bad", text)
        return self.start({"bad": self.feed("bad", use="reject", **options)})

    def test_a_new_file_is_noticed_while_it_runs(self) -> None:
        fendmail = self.start_with(f"{CLIENT}\n{addresses(9)}")
        self.assert_denied(fendmail, CLIENT)
        self.assert_let_in(fendmail, OTHER)
        self.write("bad", f"{OTHER}\n{addresses(9)}")
        fendmail.log.wait_for(r"feed bad: 10 entries", count=2)
        wait_until(lambda: self.is_denied(fendmail, "127.0.1.6"), "the new file in use")
        self.assert_let_in(fendmail, CLIENT)

    def is_denied(self, fendmail: Fendmail, source: str) -> bool:
        mark = fendmail.log.mark()
        with fendmail.client(source) as client:
            self.read_greeting(client)
            client.expect("QUIT", 221)
            name = log_name(client)
        fendmail.expect_log(rf"SUMMARY {name}", after=mark)
        return fendmail.log.count(rf"DENYLISTED {name}", mark) == 1

    def test_a_bad_file_leaves_the_last_good_one_in_use(self) -> None:
        whole = f"{CLIENT}\n{addresses(99)}"
        fendmail = self.start_with(whole)
        for text, reason in (
            ("", "it is empty"),
            (HTML, r"\d of \d lines are no entries of the form cidr, the first is line 1"),
            ("# nothing\n", "it has no entries"),
            ("0.0.0.0/0\n" * 100, "none of its 100 entries can be used"),
            (addresses(49), "it has 49 entries where it had 100"),
            (addresses(151), "it has 151 entries where it had 100"),
            ('{"cidr":"45.0.0.0/24"}\n', "the last line, which says"),
        ):
            with self.subTest(reason):
                mark = fendmail.log.mark()
                self.write("bad", text)
                fendmail.expect_log(rf"feed bad: \S+ is refused: {reason}", after=mark)
                fendmail.expect_log(r"; its 100 entries, .* stay in use$", after=mark)
                self.assert_denied(fendmail, CLIENT)
        self.assertEqual(self.status(fendmail, "bad")["state"], "refused")
        self.assertIn("the last line", self.status(fendmail, "bad")["error"])
        (self.feeds / "bad").unlink()
        fendmail.expect_log(r"is refused: there is no such file")
        self.assert_denied(fendmail, CLIENT)
        mark = fendmail.log.mark()
        self.write("bad", whole)
        fendmail.expect_log(r"feed bad: 100 entries", after=mark)
        self.assertEqual(self.status(fendmail, "bad")["state"], "good")

    def test_a_start_without_a_file_is_no_trouble_for_mail(self) -> None:
        fendmail = self.start({"bad": self.feed("none", use="reject")})
        fendmail.expect_log(r"feed bad: \S+ is refused: there is no such file; it has no entries$")
        self.assert_let_in(fendmail, CLIENT)
        self.write("none", f"{OTHER}\n")
        fendmail.expect_log(r"feed bad: 1 entries")
        wait_until(lambda: self.is_denied(fendmail, OTHER), "the file in use")

    def test_a_bad_file_at_the_start_lets_the_one_before_be_used(self) -> None:
        fendmail = self.make({"bad": self.feed("bad", use="reject", max_change="")})
        fendmail.write_config()
        for text in (f"{CLIENT}\n", f"{OTHER}\n"):
            source = self.write("next", text)
            run = run_command("feed", "install", "-c", str(fendmail.config_path), "bad", str(source))
            self.assertEqual(run.returncode, 0, run.stderr)
        (self.feeds / "bad").write_text(HTML, encoding="utf-8")
        self.enterContext(fendmail)
        fendmail.expect_log(r"is refused: .*; its 1 entries, .* stay in use$")
        self.assert_denied(fendmail, CLIENT)
        self.assert_let_in(fendmail, OTHER)

    def test_a_reload_changes_what_feeds_there_are(self) -> None:
        fendmail = self.start_with(f"{CLIENT}\n")
        self.assert_denied(fendmail, CLIENT)
        self.write("other", f"{OTHER}\n")
        fendmail.write_config({"feed": {"other": self.feed("other", use="reject")}})
        fendmail.settings["feed"].pop("bad")
        fendmail.write_config()
        fendmail.reload()
        fendmail.expect_log(r"feed other: 1 entries")
        wait_until(lambda: self.is_denied(fendmail, OTHER), "the other feed in use")
        self.assert_let_in(fendmail, CLIENT)
        names = [row["feed"] for row in Admin(fendmail.socket_path).get("feeds")["feeds"]]
        self.assertEqual(names, ["other"])

    def test_old_files_are_warned_of_and_stay_in_use(self) -> None:
        path = self.write("bad", f"{CLIENT}\n")
        then = time.time() - 9 * DAY
        os.utime(path, (then, then))
        fendmail = self.start({"bad": self.feed("bad", use="reject")})
        fendmail.expect_log(r"warning: feed bad: its 1 entries are 9d old and stay in use")
        self.assert_denied(fendmail, CLIENT)
        self.assertEqual(self.status(fendmail, "bad")["state"], "outdated")
        done = run_command("check", "-c", str(fendmail.config_path))
        self.assertIn("feed bad: 1 entries, 0 left out, 9d old, reject", done.stdout)
        self.assertIn("is 9d old, which is more than max_age", done.stderr)
        os.utime(path)
        wait_until(lambda: self.status(fendmail, "bad")["state"] == "good", "the file to be fresh")


class Install(FeedCase):
    def setUp(self) -> None:
        super().setUp()
        self.fendmail = self.make(
            {
                "bad": self.feed("sub/bad", use="reject", min_entries=10),
                "drop": self.feed("drop.json", format="drop-json"),
                "where": self.feed("where.mmdb"),
            }
        )
        self.fendmail.write_config()
        self.path = self.feeds / "sub" / "bad"

    def install(self, name: str, text: str | bytes, *options: str):
        source = self.write("fresh", text)
        return run_command(
            "feed", "install", *options, "-c", str(self.fendmail.config_path), name, str(source)
        )

    def assert_installed(self, name: str, text: str | bytes, *options: str) -> str:
        done = self.install(name, text, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout + done.stderr

    def assert_refused(self, name: str, text: str | bytes, reason: str) -> None:
        done = self.install(name, text)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr, rf"^feed {name}: \S+ is not installed: .*{reason}")

    def test_a_good_file_is_put_into_place_and_the_one_before_is_kept(self) -> None:
        first = addresses(100)
        told = self.assert_installed("bad", first)
        self.assertIn(f"feed bad: 100 entries, 0 left out, in {self.path}", told)
        self.assertEqual(self.path.read_text(), first)
        second = addresses(120) + "10.0.0.1\n"
        told = self.assert_installed("bad", second)
        self.assertIn("1 entries are left out, which touch private networks: 10.0.0.1/32", told)
        self.assertEqual(self.path.read_text(), second)
        self.assertEqual((self.feeds / "sub" / "bad.last").read_text(), first)
        # The same again is no new one.
        self.assert_installed("bad", second)
        self.assertEqual((self.feeds / "sub" / "bad.last").read_text(), first)
        left = sorted(each.name for each in self.path.parent.iterdir())
        self.assertEqual(left, ["bad", "bad.accepted", "bad.last"])

    def test_bad_files_are_refused_and_change_nothing(self) -> None:
        good = addresses(100)
        self.assert_installed("bad", good)
        for text, reason in (
            ("", "it is empty"),
            (HTML, "lines are no entries"),
            (b"\x00\xff" * 500, "lines are no entries"),
            (addresses(9), "fewer than min_entries = 10"),
            (addresses(49), "a change of more than max_change = 50 %"),
            ("10.0.0.0/8\n" * 100, "none of its 100 entries can be used"),
            ("0.0.0.0/0\n" * 100, "none of its 100 entries can be used"),
        ):
            with self.subTest(reason):
                self.assert_refused("bad", text, reason)
                self.assertEqual(self.path.read_text(), good)
        whole = drop_json("45.0.0.0/24", "46.0.0.0/24")
        self.assert_installed("drop", whole)
        for cut in (len(whole) // 3, len(whole) // 2, whole.rindex("{")):
            self.assert_refused("drop", whole[:cut], "")
        self.assert_refused("drop", drop_json("45.0.0.0/24", records=2), "it says that it has 2")
        database = make_database({"127.0.0.0/8": country("XX")})
        self.assert_installed("where", database)
        self.assert_refused("where", database[:-100], "no database in MaxMind's format")
        self.assert_refused("where", HTML, "no database in MaxMind's format")

    def test_a_change_that_is_meant_is_taken_by_the_running_one_too(self) -> None:
        self.assert_installed("bad", f"{CLIENT}\n" + addresses(99))
        with self.fendmail as fendmail:
            fendmail.expect_log(r"feed bad: 100 entries")
            self.assert_refused("bad", addresses(20), "max_change")
            self.assert_installed("bad", addresses(20), "--force")
            fendmail.expect_log(r"feed bad: 20 entries")
            # The same by hand, without the command, is no such change.
            self.path.write_text(addresses(60), encoding="utf-8")
            fendmail.expect_log(r"is refused: it has 60 entries where it had 20")
        # Nor is it after a restart, when nothing is in use yet.
        mark = self.fendmail.log.mark()
        with self.fendmail as fendmail:
            fendmail.expect_log(r"is refused: it has 60 entries where it had 20", after=mark)
        # Unless something else has renewed the file for long.
        then = time.time() - 8 * DAY
        os.utime(self.path.with_name("bad.accepted"), (then, then))
        mark = self.fendmail.log.mark()
        with self.fendmail as fendmail:
            fendmail.expect_log(r"feed bad: 60 entries", after=mark)

    def test_unknown_feeds_and_files_are_named(self) -> None:
        done = run_command(
            "feed", "install", "-c", str(self.fendmail.config_path), "other", "/nonexistent"
        )
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no [feed.other]", done.stderr)
        done = run_command(
            "feed", "install", "-c", str(self.fendmail.config_path), "bad", "/nonexistent"
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no such file", done.stderr)


class Origins(FeedCase):
    def database(self) -> bytes:
        return make_database(
            {
                "127.0.0.0/8": country("AA"),
                "127.0.1.0/24": country("XX"),
                "127.0.2.0/24": {**country("YY"), **asn(64500)},
                "127.0.3.0/24": asn(64501),
                "2001:db8::/32": {"country_code": "zz", "asn": "AS64502"},
            }
        )

    def start_with_origins(self, *settings: Settings, **feeds) -> Fendmail:
        self.write("where.mmdb", self.database())
        return self.start({"where": self.feed("where.mmdb"), **feeds}, *settings)

    def test_access_rules_take_countries_and_autonomous_systems(self) -> None:
        fendmail = self.start_with_origins(
            {"access": {"rules": ["permit 127.0.1.6", "reject country:xx", "reject asn:64500"]}},
            {"log": {"format": "json"}},
        )
        self.assert_denied(fendmail, CLIENT)
        line = fendmail.expect_log(rf'^\{{.*"event":"denylisted".*"client":"{CLIENT}".*$')[0]
        self.assertEqual(json.loads(line)["rule"], "reject country:xx")
        self.assert_let_in(fendmail, OTHER)
        self.assert_denied(fendmail, "127.0.2.5")
        self.assert_let_in(fendmail, "127.0.3.5")

    def test_they_weigh(self) -> None:
        self.write("asns", '{"asn":64500}\n{"type":"metadata","records":1}\n')
        fendmail = self.start_with_origins(
            {
                "networks": {"score": {"country:YY": 1, "asn:64500": 1, "country:XX": 2}},
                "dnsbl": {"threshold": 4},
            },
            asndrop=self.feed("asns", use="score:2"),
        )
        self.assert_blocked(fendmail, "127.0.2.5", "feed.asndrop")
        fendmail.expect_log(r"lists=feed\.asndrop\*2,country:YY\*1,asn:64500\*1")
        self.assert_let_in(fendmail, CLIENT)
        fendmail.expect_log(r"SUMMARY .*lists=country:XX\*2")

    def test_a_database_overwritten_in_place_crashes_nothing(self) -> None:
        fendmail = self.start_with_origins({"access": {"rules": ["reject country:XX"]}})
        path = self.feeds / "where.mmdb"
        for size in (0, 100, 3000):
            with self.subTest(size):
                mark = fendmail.log.mark()
                with path.open("r+b") as file:
                    file.truncate(size)
                fendmail.expect_log(r"feed where: \S+ is refused: ", after=mark)
                for _ in range(3):
                    self.assert_denied(fendmail, CLIENT)
        mark = fendmail.log.mark()
        path.write_bytes(make_database({"127.0.0.0/8": country("BB")} | {
            f"45.{n}.0.0/16": country("CC") for n in range(40)
        }))
        fendmail.expect_log(r"feed where: ", after=mark)

    def test_explain_says_all_of_it(self) -> None:
        self.write("bad", "127.0.1.0/24\n")
        self.write("worse", "127.0.2.0/24\n")
        fendmail = self.start_with_origins(
            {"networks": {"score": {"country:XX": 1}}, "dnsbl": {"threshold": 2}},
            bad=self.feed("bad"),
            worse=self.feed("worse", use="reject"),
        )
        options = ["-c", str(fendmail.config_path), "--json"]
        told = json.loads(run_command("explain", *options, CLIENT).stdout)
        asked = Admin(fendmail.socket_path).get(f"clients/{CLIENT}")
        for each in (told, asked):
            self.assertEqual(each["country"], "XX")
            self.assertIsNone(each["asn"])
            self.assertEqual(each["score"], 2)
            self.assertEqual(each["verdict"], "rejected")
            self.assertIn("blocked using feed.bad", each["explanation"])
            self.assertEqual(
                each["feeds"],
                [
                    {"feed": "feed.bad", "use": "score", "weight": 1},
                    {"feed": "country:XX", "use": "score", "weight": 1},
                ],
            )
        told = json.loads(run_command("explain", *options, "127.0.2.5").stdout)
        self.assertEqual(told["access_rule"]["rule"], "feed worse")
        self.assertEqual(told["asn"], 64500)
        table = run_command("explain", "-c", str(fendmail.config_path), CLIENT).stdout
        self.assertRegex(table, r"\n  country      XX\n")
        self.assertRegex(table, r"\n  feeds        feed\.bad +\+1  score\n")


class Figures(FeedCase):
    def test_api_command_metrics_and_check_agree(self) -> None:
        self.write("bad", f"{CLIENT}\n10.0.0.1\n")
        fendmail = self.start({"bad": self.feed("bad", use="reject")})
        self.assert_denied(fendmail, CLIENT)
        self.assert_denied(fendmail, CLIENT)
        row = self.status(fendmail, "bad")
        self.assertEqual(
            (row["state"], row["entries"], row["left_out"], row["hits"], row["use"]),
            ("good", 2, 1, 2, "reject"),
        )
        self.assertRegex(row["changed"], r"^\d{4}-\d\d-\d\dT")
        done = run_command("feed", "list", "-c", str(fendmail.config_path))
        self.assertRegex(done.stdout, r"\nbad +good +2 +1 +\S+ +2  reject\n", done.stderr)
        status, text = Admin(fendmail.socket_path).ask("GET", "/metrics")
        self.assertEqual(status, 200)
        for line in (
            'fendmail_feed_entries{feed="bad"} 2',
            'fendmail_feed_left_out{feed="bad"} 1',
            'fendmail_feed_up{feed="bad"} 1',
            'fendmail_feed_hits_total{feed="bad"} 2',
        ):
            self.assertIn(line + "\n", text)
        done = run_command("check", "-c", str(fendmail.config_path))
        self.assertRegex(done.stdout, r"feed bad: 2 entries, 1 left out, \S+ old, reject\n")
        (self.feeds / "bad").write_text(HTML, encoding="utf-8")
        done = run_command("check", "-c", str(fendmail.config_path))
        self.assertEqual(done.returncode, 0, "a feed must not keep fendmail from its start")
        self.assertRegex(done.stderr, r"warning: feed\.bad: \S+: \d of \d lines are no entries")

    def test_clients_are_served_while_a_million_networks_are_read(self) -> None:
        self.write("big", addresses(10))
        fendmail = self.start({"big": self.feed("big", use="reject", max_change="")})
        fendmail.expect_log(r"feed big: 10 entries")
        memory = peak_memory(fendmail.child.pid)
        self.write("big", addresses(1_000_000) + f"{OTHER}\n")
        longest = 0.0
        served = 0

        def is_in_use() -> bool:
            nonlocal longest, served
            watch = Stopwatch()
            with fendmail.client(CLIENT) as client:
                self.read_greeting(client)
                longest = max(longest, watch.seconds())
                client.expect("QUIT", 221)
            served += 1
            return fendmail.log.count(r"feed big: 1000001 entries") == 1

        wait_until(is_in_use, "a million networks", 120.0)
        self.assert_denied(fendmail, OTHER)
        print(f"{served} clients meanwhile, the slowest greeted after {longest * 1000:.0f} ms")
        self.assertLess(longest, 2.0)
        memory = peak_memory(fendmail.child.pid) - memory
        print(f"{memory / 1e6:.0f} MB more at most while they were read")
        if not is_sanitized("tsan"):  # its shadow is several times what the program uses
            self.assertLess(memory, 150e6)

    def test_the_time_grows_with_the_entries_and_no_faster(self) -> None:
        fendmail = self.make({"big": self.feed("big", use="reject")})
        fendmail.write_config()
        command = ["check", "-c", str(fendmail.config_path)]

        def cost(entries: int) -> float:
            """Processor time in seconds of one that reads so many."""
            self.write("big", addresses(entries))
            pid = os.posix_spawn(
                os.environ["FENDMAIL"],
                [os.environ["FENDMAIL"], *command],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)],
            )
            _, status, used = os.wait4(pid, 0)
            self.assertEqual(status, 0)
            return used.ru_utime + used.ru_stime

        cost(1)
        nothing = cost(1)
        some = cost(100_000)
        million = cost(1_000_000)
        print(
            f"a million networks: {million - nothing:.2f} s of processor time; "
            f"100,000: {some - nothing:.2f} s"
        )
        self.assertLess(million - nothing, 20 * max(some - nothing, 0.01))


class Configuration(FeedCase):
    def problems(self, *settings: Settings) -> str:
        fendmail = self.make_fendmail(self.sink.config, *settings)
        fendmail.write_config()
        done = run_command("check", "-c", str(fendmail.config_path))
        self.assertEqual(done.returncode, 1, done.stdout)
        return done.stderr

    def test_what_is_wrong_is_named(self) -> None:
        for settings, reason in (
            ({"feed": {"a": {}}}, r"feed\.\"a\": write the file of the feed"),
            ({"feed": {'"a b"': {"file": "/f"}}}, r"feed: a name of a feed is letters"),
            ({"feed": {"a": {"file": "/f", "use": "score:0"}}}, r"use: write \"score:N\""),
            ({"feed": {"a": {"file": "/f", "use": "block"}}}, r"use: write \"score:N\""),
            ({"feed": {"a": {"file": "/f", "max_change": "half"}}}, r"max_change: write a part"),
            ({"feed": {"a": {"file": "/f.mmdb", "use": "reject"}}}, r"use: a database says where"),
            ({"feed": {"a": {"fiel": "/f"}}}, r"did you mean \"file\""),
            ({"feed": {"file": "/f"}}, r"feed: write each as a table \[feed\.\"NAME\"\]"),
            ({"access": {"rules": ["reject country:XX"]}}, r"access\.rules: no feed says where"),
            ({"access": {"rules": ["reject country:X"]}}, r"access\.rules: not a country or an AS"),
            ({"networks": {"score": {"country:XX": 1}}}, r"networks\.score: no feed says where"),
            ({"networks": {"score": {"XX": 1}}}, r"networks\.score: not a country or an AS"),
            ({"networks": {"score": {"asn:1": "1"}}}, r"networks\.score: expected a whole number"),
            ({"networks": {"score": {"asn:1": 1001}}}, r"from -1000 to 1000, found 1001"),
        ):
            with self.subTest(reason):
                self.assertRegex(self.problems(settings), reason)


if __name__ == "__main__":
    main()
