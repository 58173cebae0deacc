#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists that misbehave: suspended before they refuse anybody, told once, and back by themselves."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.dns_server import LISTED, Mood, Zone, query_name
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import (
    CLIENT,
    NO_GREET_WAIT,
    OTHER,
    FendmailCase,
    Stopwatch,
    log_name,
)
from fendmail_test.smtp_client import deliver
from fendmail_test.waiting import wait_until

BOT = "127.0.9.9"
ERROR_CODE = "127.255.255.254"
# Tests come as fast as they may: nobody wants to wait five minutes.
FAST: Settings = {"dnsbl": {"test_interval": "1s", "timeout": "2s"}}
SUSPENDED = r"warning: dnsbl {} suspended: {}.*; it counts for nothing until its test succeeds: "
RESTORED = r"dnsbl {} is in use again after \d+ s: its test succeeded$"


def crowd(count: int, third: int = 1) -> list[str]:
    """So many clients that nobody has seen before."""
    return [f"127.{third}.{n // 250}.{n % 250 + 1}" for n in range(count)]


class ListsCase(FendmailCase):
    def setUp(self) -> None:
        self.dns = self.start_dns()
        self.sink = self.start_sink("proxy-v2")

    def settings(self, *sites: str, **options) -> tuple[Settings, ...]:
        lists: Settings = {
            "dnsbl": {"sites": list(sites), "resolvers": [self.dns.resolver], **options}
        }
        return NO_GREET_WAIT, FAST, lists

    def start(self, *sites: str, **options) -> Fendmail:
        return self.start_fendmail(self.sink.config, *self.settings(*sites, **options))

    def assert_refused(self, fendmail: Fendmail, source: str, zone: str) -> None:
        with fendmail.client(source) as client:
            self.read_greeting(client)
            self.assert_recipients_get(
                client,
                f"550 5.7.1 Service unavailable; client [{source}] blocked using {zone}",
            )

    def refused_of(self, fendmail: Fendmail, sources: list[str]) -> list[str]:
        """Who of them is refused; all connect at once."""
        with ThreadPoolExecutor(max_workers=32) as pool:
            results = pool.map(lambda s: (s, deliver(fendmail.address, s, s, 30).accepted), sources)
            return [source for source, accepted in results if not accepted]

    def wait_until_tested(self, zone: str, workers: int = 2) -> None:
        wait_until(lambda: self.dns.count("127.0.0.1", zone) >= workers, f"the tests of {zone}")

    def assert_told_once(self, fendmail: Fendmail, pattern: str) -> None:
        fendmail.expect_log(pattern)
        self.assertEqual(fendmail.log.count(pattern), 1, fendmail.log.tail())

    def wait_for_refusal(self, fendmail: Fendmail, source: str) -> None:
        def is_refused() -> bool:
            return not deliver(fendmail.address, source, source, 30).accepted

        wait_until(is_refused, f"{source} to be refused", timeout=30)


class Suspension(ListsCase):
    """A list that fails its test counts for nothing, is told once and comes back."""

    def assert_suspended_and_restored(self, zone: Zone, reason: str, heal) -> None:
        fendmail = self.start(zone.name)
        self.assert_told_once(fendmail, SUSPENDED.format(zone.name, reason))
        for source in crowd(5):
            self.assert_delivers(fendmail, source, source)
            self.assertEqual(self.dns.count(source, zone.name), 0, "a suspended list was asked")
        heal()
        zone.listed[BOT] = [LISTED]
        fendmail.expect_log(RESTORED.format(zone.name), timeout=20)
        self.assert_refused(fendmail, BOT, zone.name)
        self.assertEqual(fendmail.log.count(SUSPENDED.format(zone.name, "")), 1)
        self.assertEqual(fendmail.log.count(RESTORED.format(zone.name)), 1)

    def test_list_that_refuses_the_resolver(self) -> None:
        zone = self.dns.zone("bl.test", always=[ERROR_CODE])
        self.assert_suspended_and_restored(
            zone, "it answers its test with an error code", zone.always.clear
        )

    def test_list_that_lists_the_world(self) -> None:
        zone = self.dns.zone("bl.test", always=[LISTED])
        self.assert_suspended_and_restored(zone, r"it lists 127\.0\.0\.1 or", zone.always.clear)

    def test_list_that_lists_127_0_0_1(self) -> None:
        zone = self.dns.zone("bl.test", {"127.0.0.1": [LISTED]})
        self.assert_suspended_and_restored(zone, r"it lists 127\.0\.0\.1 or", zone.listed.clear)

    def test_list_that_lists_the_ipv6_form_of_it(self) -> None:
        zone = self.dns.zone("bl.test", {"::ffff:127.0.0.1": [LISTED]})
        self.assert_suspended_and_restored(zone, r"it lists 127\.0\.0\.1 or", zone.listed.clear)

    def test_list_whose_domain_was_sold(self) -> None:
        zone = self.dns.zone("bl.test", always=["192.0.2.80"])
        self.assert_suspended_and_restored(
            zone, "it answers its test with an address that no list answers", zone.always.clear
        )

    def test_blocker_that_answers_127_0_0_1(self) -> None:
        zone = self.dns.zone("bl.test", always=["127.0.0.1"])
        self.assert_suspended_and_restored(
            zone, "it answers its test with an address that no list answers", zone.always.clear
        )

    def test_list_that_does_not_answer(self) -> None:
        zone = self.dns.zone("bl.test", mood=Mood.SILENT)

        def heal() -> None:
            zone.mood = Mood.HONEST

        self.assert_suspended_and_restored(zone, "it does not answer", heal)

    def test_list_that_fails(self) -> None:
        zone = self.dns.zone("bl.test", mood=Mood.SERVFAIL)

        def heal() -> None:
            zone.mood = Mood.HONEST

        self.assert_suspended_and_restored(zone, "it does not answer", heal)

    def test_documented_test_entry_that_is_gone(self) -> None:
        zone = self.dns.zone("zen.spamhaus.org", has_test_entry=False)

        def heal() -> None:
            zone.has_test_entry = True

        self.assert_suspended_and_restored(zone, "it no longer lists its test address", heal)

    def test_only_the_list_in_trouble_is_suspended(self) -> None:
        self.dns.zone("bad.test", always=[LISTED])
        self.dns.zone("good.test", {BOT: [LISTED]})
        fendmail = self.start("bad.test*3", "good.test")
        self.assert_told_once(fendmail, SUSPENDED.format(r"bad\.test", ""))
        self.assert_refused(fendmail, BOT, "good.test")
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertEqual(fendmail.log.count("resolver .* answers for names"), 0)

    def test_a_pass_without_a_suspended_list_is_short(self) -> None:
        """So that whoever came meanwhile is looked at again soon."""
        zone = self.dns.zone("bl.test", {BOT: [LISTED]}, mood=Mood.SERVFAIL)
        fendmail = self.start("bl.test", min_ttl="1s", max_ttl="1h")
        fendmail.expect_log(SUSPENDED.format(r"bl\.test", ""))
        self.assert_delivers(fendmail, BOT, "one")
        zone.mood = Mood.HONEST
        self.wait_for_refusal(fendmail, BOT)


class Outages(ListsCase):
    """A list that goes bad while it is in use refuses nobody, not even the first client."""

    def assert_refuses_nobody(self, zone: Zone, break_it) -> None:
        zone.listed[BOT] = [LISTED]
        fendmail = self.start(zone.name)
        self.wait_until_tested(zone.name)
        self.assert_refused(fendmail, BOT, zone.name)
        break_it()
        self.assertEqual(self.refused_of(fendmail, crowd(60)), [])
        self.assertEqual(fendmail.log.count("DNSBL rank"), 1)

    def test_begins_to_list_the_world(self) -> None:
        zone = self.dns.zone("bl.test")
        self.assert_refuses_nobody(zone, lambda: zone.always.append(LISTED))

    def test_begins_to_refuse_the_resolver(self) -> None:
        zone = self.dns.zone("bl.test")
        self.assert_refuses_nobody(zone, lambda: zone.always.append(ERROR_CODE))

    def test_resolver_begins_to_rewrite(self) -> None:
        zone = self.dns.zone("bl.test")
        self.assert_refuses_nobody(zone, lambda: setattr(self.dns, "rewrites_to", LISTED))

    def test_falls_silent(self) -> None:
        zone = self.dns.zone("bl.test")
        self.assert_refuses_nobody(zone, lambda: setattr(zone, "mood", Mood.SILENT))

    def test_allowlist_begins_to_list_the_world(self) -> None:
        """Or bots would skip all tests."""
        zone = self.dns.zone("wl.test", {CLIENT: ["127.0.5.3"]})
        self.dns.zone("bl.test", {source: [LISTED] for source in crowd(20)})
        fendmail = self.start("wl.test*-4", "bl.test*3", threshold=1, allow_threshold=-1)
        self.wait_until_tested("wl.test")
        self.assert_delivers(fendmail, CLIENT, "one")
        zone.always = ["127.0.5.3"]
        self.assertEqual(self.refused_of(fendmail, crowd(20)), crowd(20))


class Waiting(ListsCase):
    """A dead list costs nobody the wait."""

    def test_after_five_clients_nobody_waits_for_a_dead_list(self) -> None:
        zone = self.dns.zone("bl.test")
        one_worker: Settings = {"server": {"workers": 1}}
        fendmail = self.start_fendmail(
            self.sink.config, *self.settings("bl.test", test_interval="10m"), one_worker
        )
        self.wait_until_tested("bl.test", workers=1)
        zone.mood = Mood.SILENT
        sources = crowd(12)
        self.assertEqual(self.refused_of(fendmail, sources[:5]), [])
        fendmail.expect_log(SUSPENDED.format(r"bl\.test", "it does not answer"))
        for source in sources[5:]:
            watch = Stopwatch()
            self.assert_delivers(fendmail, source, source)
            self.assertLess(watch.seconds(), 1.9)
            self.assertEqual(self.dns.count(source, "bl.test"), 0)
        self.assertEqual(fendmail.log.count(r"gives no answer"), 1)

    def test_zone_timeout(self) -> None:
        self.dns.zone("slow.test", mood=Mood.SILENT)
        fendmail = self.start(
            "slow.test", test_interval="10m", timeout="20s", zone_timeouts={"slow.test": "500ms"}
        )
        watch = Stopwatch()
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertLess(watch.seconds(), 10)
        self.assertGreaterEqual(watch.seconds(), 0.4)


class Resolvers(ListsCase):
    def assert_resolver_is_distrusted(self, answer: str) -> None:
        """One line about the resolver, none about its lists."""
        self.dns.rewrites_to = answer
        self.dns.zone("a.test", {BOT: [LISTED]})
        self.dns.zone("b.test")
        fendmail = self.start("a.test", "b.test")
        self.assert_told_once(
            fendmail,
            rf"warning: resolver {self.dns.resolver} answers for names that do not exist; ",
        )
        self.assertEqual(self.refused_of(fendmail, crowd(10)), [])
        self.assertEqual(fendmail.log.count("suspended"), 0, fendmail.log.tail())
        self.dns.rewrites_to = None
        self.assert_told_once(
            fendmail, rf"resolver {self.dns.resolver} is trusted again after \d+ s$"
        )
        self.wait_for_refusal(fendmail, BOT)

    def test_rewrites_to_an_address(self) -> None:
        self.assert_resolver_is_distrusted("10.0.0.1")

    def test_rewrites_to_a_listing(self) -> None:
        self.assert_resolver_is_distrusted(LISTED)

    def test_each_zone_may_have_its_own(self) -> None:
        other = self.start_dns()
        self.dns.zone("a.test", {CLIENT: [LISTED]})
        other.zone("b.test", {OTHER: [LISTED]})
        fendmail = self.start(
            "a.test", "b.test", zone_resolvers={"B.test.": f"{other.resolver}, 127.0.0.53"}
        )
        self.assert_refused(fendmail, CLIENT, "a.test")
        self.assert_refused(fendmail, OTHER, "b.test")
        self.assertEqual([q for q in self.dns.queries if q.endswith("b.test")], [])
        self.assertEqual([q for q in other.queries if q.endswith("a.test")], [])

    def test_one_that_rewrites_does_not_harm_zones_of_another(self) -> None:
        liar = self.start_dns()
        liar.rewrites_to = "10.0.0.1"
        self.dns.zone("a.test", {CLIENT: [LISTED]})
        fendmail = self.start("a.test", "b.test", zone_resolvers={"b.test": liar.resolver})
        self.assert_told_once(fendmail, rf"warning: resolver {liar.resolver} answers for names")
        self.assert_refused(fendmail, CLIENT, "a.test")

    def test_reload_with_a_better_one(self) -> None:
        self.dns.zone("a.test", always=[ERROR_CODE])
        better = self.start_dns()
        better.zone("a.test", {CLIENT: [LISTED]})
        fendmail = self.start("a.test", test_interval="10m")
        fendmail.expect_log(SUSPENDED.format(r"a\.test", ""))
        fendmail.write_config({"dnsbl": {"resolvers": [better.resolver]}})
        fendmail.reload()
        fendmail.expect_log("reloaded configuration")
        self.wait_for_refusal(fendmail, CLIENT)


class Exceptions(ListsCase):
    def test_private_list_without_a_test_entry_is_used(self) -> None:
        self.dns.zone("bl.test", {BOT: [LISTED]}, has_test_entry=False)
        fendmail = self.start("bl.test")
        self.assert_told_once(
            fendmail, r"warning: dnsbl bl\.test does not list its test address 127\.0\.0\.2"
        )
        self.assert_refused(fendmail, BOT, "bl.test")

    def test_entry_that_was_there_is_missed(self) -> None:
        zone = self.dns.zone("bl.test")
        fendmail = self.start("bl.test")
        self.wait_until_tested("bl.test")
        zone.has_test_entry = False
        self.assert_told_once(
            fendmail, SUSPENDED.format(r"bl\.test", "it no longer lists its test address")
        )

    def test_untestable_zone(self) -> None:
        self.dns.zone("bl.test", {"127.0.0.1": [LISTED], BOT: [LISTED]}, has_test_entry=False)
        fendmail = self.start("bl.test", untestable=["bl.test"])
        self.wait_until_tested("bl.test")
        self.assert_refused(fendmail, BOT, "bl.test")
        self.assertEqual(fendmail.log.count("warning:"), 0, fendmail.log.tail())

    def test_error_answers_of_the_configuration(self) -> None:
        self.dns.zone("bl.test", {CLIENT: ["127.0.0.99"], BOT: [LISTED]})
        fendmail = self.start(
            "bl.test", error_answers={"bl.test": "127.0.0.[98;99], 127.9.9.9"}
        )
        self.assert_delivers(fendmail, CLIENT, "one")
        fendmail.expect_log(
            r"warning: dnsbl bl\.test answers 127\.0\.0\.99 for 127\.0\.1\.5, an error code"
        )
        self.assert_refused(fendmail, BOT, "bl.test")

    def test_error_answers_of_a_well_known_list(self) -> None:
        """DNSWL calls everybody trustworthy by 127.0.10.3 when it is asked too much."""
        self.dns.zone("list.dnswl.org", {BOT: ["127.0.10.3"]})
        self.dns.zone("bl.test", {BOT: [LISTED]})
        fendmail = self.start("list.dnswl.org=127.0.[0..255].[0..3]*-4", "bl.test*3")
        self.assert_refused(fendmail, BOT, "bl.test")

    def test_tests_can_be_turned_off(self) -> None:
        self.dns.zone("bl.test", {"127.0.0.1": [LISTED], BOT: [LISTED]})
        fendmail = self.start("bl.test", test_interval="0s")
        self.assert_refused(fendmail, BOT, "bl.test")
        self.assertEqual(self.dns.queries, [query_name(BOT, "bl.test")])

    def test_key_from_a_file_is_shown_nowhere(self) -> None:
        key = self.directory("key") / "dqs"
        key.write_text("s3cretkey\n", encoding="ascii")
        zone = self.dns.zone("s3cretkey.dq.test", {BOT: [LISTED]})
        fendmail = self.start("dq.test=127.0.0.2*3", zone_keys={"dq.test": str(key)})
        self.assert_refused(fendmail, BOT, "dq.test")
        zone.always = [ERROR_CODE]
        self.assert_told_once(fendmail, SUSPENDED.format(r"dq\.test", ""))
        self.assertNotIn("s3cretkey", fendmail.log.text())


class EarlyVerdict(ListsCase):
    """A verdict falls as soon as it is certain."""

    WAIT = 8.0

    def start(self, *sites: str, **options) -> Fendmail:
        wait: Settings = {"greet": {"wait": f"{int(self.WAIT)}s"}}
        return self.start_fendmail(
            self.sink.config, *self.settings(*sites, timeout="60s", **options), wait
        )

    def assert_refused_at_once(self, fendmail: Fendmail, source: str, zone: str) -> None:
        watch = Stopwatch()
        self.assert_refused(fendmail, source, zone)
        self.assertLess(watch.seconds(), self.WAIT / 2)
        fendmail.expect_log(rf"SUMMARY \[{source}\]:\d+ .*verdict=rejected.*reasons=dnsbl")

    def test_listed_client_does_not_wait_for_a_silent_list(self) -> None:
        self.dns.zone("dead.test", mood=Mood.SILENT)
        self.dns.zone("bl.test", {BOT: [LISTED]})
        fendmail = self.start("dead.test*2", "bl.test*3", threshold=3)
        self.assert_refused_at_once(fendmail, BOT, "bl.test")

    def test_listed_client_is_dropped_although_a_list_is_silent(self) -> None:
        self.dns.zone("dead.test", mood=Mood.SILENT)
        self.dns.zone("bl.test", {BOT: [LISTED]})
        fendmail = self.start("dead.test*2", "bl.test*3", threshold=3, action="drop")
        watch = Stopwatch()
        with fendmail.client(BOT) as client:
            self.assertIn(b"521 5.7.1 ", client.read_to_end())
        self.assertLess(watch.seconds(), self.WAIT / 2)

    def test_allowlist_that_could_help_is_waited_for(self) -> None:
        slow = self.dns.zone("wl.test", {BOT: ["127.0.5.3"]})
        self.dns.zone("bl.test", {BOT: [LISTED]})
        fendmail = self.start("wl.test*-3", "bl.test*3", threshold=1)
        slow.may_answer.clear()
        with fendmail.client(BOT) as client:
            fendmail.expect_log("addr 127.0.9.9 listed by domain bl.test")
            self.assertEqual(fendmail.log.count("DNSBL rank"), 0)
            slow.may_answer.set()
            self.read_greeting(client)
            fendmail.expect_log(rf"PASS NEW {log_name(client)}")
        self.assertEqual(fendmail.log.count("DNSBL rank"), 0)

    def test_allow_threshold_is_certain_before_all_have_answered(self) -> None:
        self.dns.zone("dead.test", mood=Mood.SILENT)
        self.dns.zone("wl.test", {CLIENT: ["127.0.5.3"]})
        fendmail = self.start("dead.test*2", "wl.test*-4", allow_threshold=-2)
        watch = Stopwatch()
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertLess(watch.seconds(), self.WAIT / 2)
        fendmail.expect_log(r"PASS NEW \[127\.0\.1\.5\]:\d+$")

    def test_unlisted_client_waits_as_before(self) -> None:
        self.dns.zone("bl.test")
        fendmail = self.start("bl.test")
        watch = Stopwatch()
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertGreaterEqual(watch.seconds(), self.WAIT - 0.1)

    def test_certain_pass_without_a_greet_wait(self) -> None:
        """An allowlist that is silent cannot make it worse."""
        self.dns.zone("dead.test", mood=Mood.SILENT)
        self.dns.zone("bl.test")
        settings = self.settings("dead.test*-2", "bl.test", timeout="60s")
        fendmail = self.start_fendmail(self.sink.config, *settings)
        watch = Stopwatch()
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertLess(watch.seconds(), 10)


class RebindProtection(ListsCase):
    """A resolver that keeps answers in 127.0.0.0/8 from us makes all lists look the same."""

    TOLD = (
        r"warning: resolver {} gives no list's test address 127\.0\.0\.2 \({}\), though it answers "
        r"otherwise: it seems to filter answers in 127\.0\.0\.0/8 .*private-address.*rebind-domain-ok"
    )

    def test_resolver_is_to_blame_and_not_its_lists(self) -> None:
        zones = [self.dns.zone(name, has_test_entry=False) for name in ("a.test", "b.test")]
        fendmail = self.start("a.test", "b.test", "wl.test*-1")
        self.assert_told_once(fendmail, self.TOLD.format(self.dns.resolver, r"a\.test, b\.test"))
        for zone in zones:
            zone.has_test_entry = True
        again = rf"resolver {self.dns.resolver} gives the lists' test address 127\.0\.0\.2 again$"
        self.assert_told_once(fendmail, again)
        self.assertEqual(fendmail.log.count("does not list its test address"), 0)

    def test_lists_that_are_known_to_have_an_entry_are_suspended_in_silence(self) -> None:
        names = ("zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com")
        zones = [self.dns.zone(name, has_test_entry=False) for name in names]
        fendmail = self.start(*names)
        self.assert_told_once(fendmail, self.TOLD.format(self.dns.resolver, ", ".join(names)))
        self.assert_delivers(fendmail, CLIENT, "one")
        for zone in zones:
            zone.has_test_entry = True
        fendmail.expect_log(r"gives the lists' test address 127\.0\.0\.2 again$", timeout=30)
        self.assertEqual(fendmail.log.count("suspended|in use again"), 0)

    def test_check_says_it_before_the_start(self) -> None:
        zones = [self.dns.zone(name, has_test_entry=False) for name in ("a.test", "b.test")]
        fendmail = self.make_fendmail(self.sink.config, *self.settings("a.test", "b.test"))
        fendmail.write_config()
        done = run_command("check", "--lists", str(fendmail.config_path))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, self.TOLD.format(self.dns.resolver, r"a\.test, b\.test"))
        self.assertEqual(run_command("check", str(fendmail.config_path)).returncode, 0)
        for zone in zones:
            zone.has_test_entry = True
        done = run_command("check", "--lists", str(fendmail.config_path))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("all 2 lists answer their tests", done.stdout)

    def test_one_list_of_several_is_to_blame_itself(self) -> None:
        self.dns.zone("a.test", has_test_entry=False)
        self.dns.zone("b.test")
        fendmail = self.start("a.test", "b.test")
        self.assert_told_once(fendmail, r"warning: dnsbl a\.test does not list its test address")
        self.assertEqual(fendmail.log.count("seems to filter"), 0)

    def test_only_the_resolver_that_filters_is_blamed(self) -> None:
        other = self.start_dns()
        for name in ("a.test", "b.test"):
            self.dns.zone(name, has_test_entry=False)
        other.zone("c.test")
        fendmail = self.start("a.test", "b.test", "c.test", zone_resolvers={"c.test": other.resolver})
        self.assert_told_once(fendmail, self.TOLD.format(self.dns.resolver, r"a\.test, b\.test"))
        self.assertEqual(fendmail.log.count(other.resolver), 0)


if __name__ == "__main__":
    main()
