#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Known senders: who the SPF records of big providers name is not made to wait."""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.dns_server import Mood
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import CLIENT, TEASER, FendmailCase, Stopwatch, log_name
from fendmail_test.waiting import wait_until

DOMAIN = "sender.test"
KNOWN = "127.0.7.5"
ALSO_KNOWN = "127.0.8.5"
# Long enough to tell on a busy machine whether it was waited for.
LONG_WAIT: Settings = {"greet": {"wait": "4s"}}
WELL_BELOW_LONG_WAIT = 2.5
REFRESHED = rf"known sender {DOMAIN}: \d+ networks, refreshed"


class KnownSendersCase(FendmailCase):
    def setUp(self) -> None:
        self.sink = self.start_sink("proxy-v2")
        self.dns = self.start_dns()
        self.dns.spf(DOMAIN, "include:_spf.sender.test ~all")
        self.dns.spf("_spf.sender.test", "ip4:127.0.7.0/24 mx:mail.sender.test -all")
        self.dns.mail_hosts("mail.sender.test", "mx.sender.test")
        self.dns.host("mx.sender.test", "127.0.8.5")

    def make(self, *settings: Settings, **options) -> Fendmail:
        return self.make_fendmail(
            self.sink.config,
            LONG_WAIT,
            {
                "known_senders": {"spf": [DOMAIN], **options},
                "dnsbl": {"resolvers": [self.dns.resolver]},
            },
            *settings,
        )

    def start(self, *settings: Settings, **options) -> Fendmail:
        """A fendmail that knows the sender already."""
        fendmail = self.enterContext(self.make(*settings, **options))
        fendmail.expect_log(REFRESHED)
        return fendmail

    def sender_file(self, fendmail: Fendmail) -> Path:
        return fendmail.directory / "known-senders.cidr"

    def wait_for_file(self, fendmail: Fendmail) -> None:
        wait_until(self.sender_file(fendmail).exists, "the file of known senders")

    def assert_is_known(self, fendmail: Fendmail, source: str, domain: str = DOMAIN) -> None:
        """It delivers at once, and the log says why."""
        watch = Stopwatch()
        with fendmail.client(source) as client:
            self.assert_has_no_teaser(self.read_greeting(client))
            self.assertLess(watch.seconds(), WELL_BELOW_LONG_WAIT)
            fendmail.expect_log(rf"KNOWN SENDER {log_name(client)} {domain}$")
            fendmail.expect_log(rf"ALLOWLISTED {log_name(client)}$")
            client.expect("QUIT", 221)

    def assert_waits(self, fendmail: Fendmail, source: str) -> None:
        with fendmail.client(source) as client:
            self.assertEqual(client.read_line(), TEASER)
            self.assertEqual(fendmail.log.count(rf"KNOWN SENDER {log_name(client)}"), 0)


class Screening(KnownSendersCase):
    def test_a_known_sender_does_not_wait_though_a_list_has_it_and_others_do(self) -> None:
        self.dns.zone("bl.test", {KNOWN: ["127.0.0.2"], CLIENT: ["127.0.0.2"]})
        fendmail = self.start({"dnsbl": {"sites": ["bl.test"]}})
        self.assert_is_known(fendmail, KNOWN)
        self.assert_is_known(fendmail, ALSO_KNOWN)
        self.assertEqual(self.dns.count(KNOWN, "bl.test"), 0)
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            fendmail.expect_log(rf"DNSBL rank 1 for {log_name(client)}$")
        self.assert_waits(fendmail, "127.0.9.5")

    def test_its_mail_arrives_and_the_summary_says_how(self) -> None:
        fendmail = self.enterContext(self.make({"log": {"format": "json"}}))
        fendmail.expect_log(r'"event":"sender_refreshed"')
        self.assert_has_no_teaser(self.assert_delivers(fendmail, KNOWN, "one"))
        self.sink.wait_for_mails(1)
        line = fendmail.expect_log(r'^\{.*"event":"allowlisted".*$')[0]
        self.assertEqual(json.loads(line)["rule"], f"known_senders {DOMAIN}")
        line = fendmail.expect_log(r'^\{.*"event":"session_ended".*$')[0]
        self.assertEqual(json.loads(line)["verdict"], "allowlisted")
        line = fendmail.expect_log(r'^\{.*"event":"known_sender".*$')[0]
        self.assertEqual(json.loads(line)["domain"], DOMAIN)
        self.assertEqual(json.loads(line)["skip"], "all")

    def test_an_access_rule_comes_first(self) -> None:
        rules = [f"reject {KNOWN}", f"permit {ALSO_KNOWN}"]
        fendmail = self.start({"access": {"rules": rules, "action": "drop"}})
        with fendmail.client(KNOWN) as client:
            self.assertTrue(client.read_to_end().startswith(b"521 5.3.2 "))
        with fendmail.client(ALSO_KNOWN) as client:
            self.read_greeting(client)
            fendmail.expect_log(rf"ALLOWLISTED {log_name(client)}$")
        self.assertEqual(fendmail.log.count("KNOWN SENDER"), 0)
        self.assert_is_known(fendmail, "127.0.7.6")

    def test_deep_tests_alone_can_be_skipped(self) -> None:
        deep = {"pipelining": {"enable": True}, "deep": {"after": "retry"}}
        fendmail = self.start(deep, {"greet": {"wait": "1s"}}, skip="deep")
        self.assert_has_teaser(self.assert_delivers(fendmail, KNOWN, "one"))
        fendmail.expect_log(rf"KNOWN SENDER \[{re.escape(KNOWN)}\]:\d+ {DOMAIN}$")
        fendmail.expect_log(rf"PASS NEW \[{re.escape(KNOWN)}\]")
        self.assertEqual(fendmail.log.count("ALLOWLISTED"), 0)
        self.assert_has_no_teaser(self.assert_delivers(fendmail, KNOWN, "two"))
        with fendmail.client(CLIENT) as client:
            self.assert_has_teaser(self.read_greeting(client))
            self.assert_recipients_get(client, "450 4.3.2 Service currently unavailable")


class Refreshing(KnownSendersCase):
    def test_what_is_known_survives_a_restart_and_a_kill_without_dns(self) -> None:
        fendmail = self.start()
        self.wait_for_file(fendmail)
        self.dns.mood = Mood.SERVFAIL
        for end in (fendmail.stop, fendmail.kill):
            end()
            mark = fendmail.log.mark()
            fendmail.start()
            loaded = rf"known sender {DOMAIN}: 2 networks, \d+\w( \d+\w)? old$"
            fendmail.expect_log(loaded, after=mark)
            self.assert_is_known(fendmail, KNOWN)
            fendmail.expect_log(
                rf"warning: known sender {DOMAIN} not refreshed: TXT of {DOMAIN}: SERVFAIL; its "
                r"2 networks, .* old, stay in use$",
                after=mark,
            )
            self.assert_is_known(fendmail, ALSO_KNOWN)

    def test_silent_dns_delays_no_start_and_nobody(self) -> None:
        self.dns.mood = Mood.SILENT
        watch = Stopwatch()
        fendmail = self.enterContext(self.make())
        self.assert_waits(fendmail, KNOWN)
        self.assertLess(watch.seconds(), 10)
        self.assertEqual(fendmail.log.count("not refreshed"), 0)

    def test_a_reload_looks_up_what_has_changed(self) -> None:
        fendmail = self.start()
        self.assert_is_known(fendmail, KNOWN)
        self.dns.spf("_spf.sender.test", "ip4:127.0.10.0/24 -all")
        mark = fendmail.log.mark()
        fendmail.reload()
        fendmail.expect_log(REFRESHED + ", changed$", after=mark)
        self.assert_waits(fendmail, KNOWN)
        self.assert_is_known(fendmail, "127.0.10.1")
        mark = fendmail.log.mark()
        fendmail.reload()
        fendmail.expect_log(REFRESHED + ", unchanged$", after=mark)

    def test_a_domain_that_is_taken_out_is_forgotten_at_once(self) -> None:
        self.dns.spf("other.test", "ip4:127.0.11.0/24 -all")
        fendmail = self.start()
        self.assert_is_known(fendmail, KNOWN)
        fendmail.write_config({"known_senders": {"spf": ["other.test"]}})
        fendmail.reload()
        fendmail.expect_log(r"known sender other.test: 1 networks, refreshed, changed$")
        self.assert_waits(fendmail, KNOWN)
        fendmail.write_config({"known_senders": {"spf": []}})
        mark = fendmail.log.mark()
        fendmail.reload()
        fendmail.expect_log("reloaded configuration", after=mark)
        self.assert_waits(fendmail, "127.0.11.1")

    def test_what_cannot_be_expanded_is_told_and_permits_nobody(self) -> None:
        self.dns.spf(DOMAIN, "ip4:127.0.7.0/24 exists:%{i}.x.test ip4:0.0.0.0/0 +all")
        fendmail = self.start()
        told = fendmail.expect_log(rf"warning: known sender {DOMAIN}: a part of its SPF record .*")
        for term in ("exists:%{i}.x.test", "ip4:0.0.0.0/0", "+all"):
            self.assertIn(f'"{term}"', told[0])
        self.assert_is_known(fendmail, KNOWN)
        self.assert_waits(fendmail, CLIENT)

    def test_a_record_with_too_many_lookups_takes_nothing_away(self) -> None:
        fendmail = self.start()
        self.dns.spf("_spf.sender.test", "a " * 10 + "-all")
        fendmail.reload()
        fendmail.expect_log(
            rf"warning: known sender {DOMAIN} not refreshed: more than 10 lookups are needed"
        )
        self.assert_is_known(fendmail, KNOWN)

    def test_records_that_include_each_other_take_nothing_away(self) -> None:
        fendmail = self.start()
        self.dns.spf("_spf.sender.test", f"include:deeper.test include:{DOMAIN} -all")
        self.dns.spf("deeper.test", "redirect=_spf.sender.test")
        fendmail.reload()
        fendmail.expect_log(
            rf"warning: known sender {DOMAIN} not refreshed: the records include each other: "
            rf"{DOMAIN}, _spf\.sender\.test, .*; its 2 networks, .* old, stay in use$"
        )
        self.assert_is_known(fendmail, KNOWN)

    def test_a_damaged_file_is_told_and_replaced(self) -> None:
        fendmail = self.make()
        file = self.sender_file(fendmail)
        file.write_text("127.0.0.0/8\n", encoding="ascii")
        with fendmail:
            fendmail.expect_log(
                rf"warning: the known senders in {re.escape(str(file))} are damaged at line 1; .*"
            )
            fendmail.expect_log(REFRESHED)
            self.assert_is_known(fendmail, KNOWN)
            self.assert_waits(fendmail, CLIENT)
        self.assertIn("127.0.7.0/24\n", file.read_text(encoding="ascii"))


class Structures(KnownSendersCase):
    """Records built like those of the big providers, with addresses of this host."""

    def put_google(self) -> None:
        self.dns.spf("gmail.test", "redirect=_spf.google.test")
        parts = [f"_netblocks{n}.google.test" for n in ("", "2", "3")]
        self.dns.spf("_spf.google.test", " ".join(f"include:{p}" for p in parts) + " ~all")
        self.dns.spf(parts[0], "ip4:127.0.20.0/24 ip4:127.0.21.0/25 ~all")
        self.dns.spf(parts[1], "ip6:2001:db8:4000::/36 ip6:2001:db8:8000::/36 ~all")
        self.dns.spf(parts[2], "ip4:127.0.22.0/23 ~all")

    def put_microsoft(self) -> None:
        """Two records include the same third one."""
        self.dns.spf(
            "outlook.test",
            "include:spf2.outlook.test include:spf.protection.outlook.test "
            "include:_spf-ssg-a.microsoft.test -all",
        )
        self.dns.spf("spf2.outlook.test", "ip4:127.0.30.0/25 include:spf-a.hotmail.test -all")
        self.dns.spf("spf-a.hotmail.test", "ip4:127.0.31.0/26 ~all")
        self.dns.spf("spf.protection.outlook.test", "ip4:127.0.32.0/23 ip6:2001:db8:f400::/48 -all")
        self.dns.spf(
            "_spf-ssg-a.microsoft.test", "ip4:127.0.34.0/25 include:spf-a.hotmail.test ~all"
        )

    def put_yahoo(self) -> None:
        """Names by PTR first, and no opinion on the rest."""
        self.dns.spf("yahoo.test", "redirect=_spf.mail.yahoo.test")
        self.dns.spf("_spf.mail.yahoo.test", "ptr:yahoo.test ip4:127.0.40.0/24 ?all")

    def put_service(self) -> None:
        """A macro that depends on the client, in a record of its own."""
        self.dns.spf("service.test", "ip4:127.0.50.0/24 include:_spf.mta.test -all")
        self.dns.spf("_spf.mta.test", "exists:%{i}._spf.mta.test -all")

    def test_clients_of_each_are_known_and_strangers_are_not(self) -> None:
        for put in (self.put_google, self.put_microsoft, self.put_yahoo, self.put_service):
            put()
        domains = ["gmail.test", "outlook.test", "yahoo.test", "service.test"]
        fendmail = self.enterContext(self.make({"known_senders": {"spf": domains}}))
        for domain, networks in zip(domains, (5, 5, 1, 1), strict=True):
            fendmail.expect_log(rf"known sender {domain}: {networks} networks, refreshed, changed$")
        for domain, term in (
            ("yahoo.test", '"ptr:yahoo.test" of _spf.mail.yahoo.test is not expanded'),
            ("service.test", '"exists:%{i}._spf.mta.test" of _spf.mta.test is not expanded'),
        ):
            fendmail.expect_log(
                rf"known sender {domain}: a part of its SPF record is not used: {re.escape(term)}$"
            )
        self.assertEqual(fendmail.log.count("a part of its SPF record"), 2)
        self.assertEqual(self.dns.queries.count("spf-a.hotmail.test"), 1)
        for domain, source in (
            ("gmail.test", "127.0.21.5"),
            ("gmail.test", "127.0.23.5"),
            ("outlook.test", "127.0.31.5"),
            ("outlook.test", "127.0.33.5"),
            ("yahoo.test", "127.0.40.5"),
            ("service.test", "127.0.50.5"),
        ):
            self.assert_is_known(fendmail, source, domain)
        for stranger in ("127.0.21.200", "127.0.31.70", "127.0.41.5"):
            self.assert_waits(fendmail, stranger)


class CommandLine(KnownSendersCase):
    def test_known_senders_shows_domains_networks_and_ages(self) -> None:
        fendmail = self.make()
        fendmail.settings["known_senders"]["spf"].append("new.test")
        fendmail.write_config()
        path = str(fendmail.config_path)
        done = run_command("known-senders", "-c", path)
        self.assertEqual(
            (done.returncode, done.stdout),
            (0, "sender.test  not looked up yet\nnew.test     not looked up yet\n"),
            done.stderr,
        )
        with fendmail:
            fendmail.expect_log(REFRESHED)
            fendmail.expect_log("known sender new.test not refreshed: .*; it has no networks$")
            self.wait_for_file(fendmail)
            done = run_command("known-senders", "-c", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(
            done.stdout,
            r"\Asender\.test       2 networks +\d+s old  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n"
            r"new\.test     not looked up yet\n"
            rf"their networks are in {re.escape(str(self.sender_file(fendmail)))}\n\Z",
        )

    def test_known_senders_of_a_damaged_file_or_of_no_domain(self) -> None:
        fendmail = self.make()
        fendmail.write_config()
        self.sender_file(fendmail).write_text("nonsense\n", encoding="ascii")
        done = run_command("known-senders", "-c", str(fendmail.config_path))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"{self.sender_file(fendmail)}:1: damaged", done.stderr)
        fendmail.write_config({"known_senders": {"spf": []}})
        done = run_command("known-senders", "-c", str(fendmail.config_path))
        self.assertEqual(done.returncode, 0)
        self.assertIn("known_senders.spf names no domain", done.stdout)

    def test_check_says_what_would_be_looked_up_and_asks_nobody(self) -> None:
        fendmail = self.make(skip="deep", refresh="2h")
        fendmail.write_config()
        done = run_command("check", "-c", str(fendmail.config_path))
        self.assertEqual(
            (done.returncode, done.stdout, done.stderr),
            (
                0,
                f"known senders: {DOMAIN}; looked up every 2h; their clients skip deep tests\n"
                f"{fendmail.config_path}: ok\n",
                "",
            ),
        )
        self.assertEqual(self.dns.queries, [])


if __name__ == "__main__":
    main()
