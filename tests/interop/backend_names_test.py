#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names in place of addresses: of the backend, of resolvers, of balancers. As a container has them:
in DNS with a search list, or in /etc/hosts. In namespaces of the test's own."""

import contextlib
import os
import re
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.balancer import BalancedClient
from fendmail_test.case import main
from fendmail_test.dns_server import LISTED, DnsServer, Mood
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, OTHER, FendmailCase, Stopwatch
from fendmail_test.private_network import RESOLV_CONF, enter_private_network, own_etc
from fendmail_test.sink import SmtpSink
from fendmail_test.waiting import wait_until

DNS = "127.0.0.54"
HOSTS = RESOLV_CONF.with_name("hosts")
NOBODY = "127.0.3.9"
RESOLVED = r"backend\.address: mta\.internal is {}$"
SOON = 20  # at most 5 s of TTL, and some patience


class NamesCase(FendmailCase):
    def setUp(self) -> None:
        super().setUp()
        self.dns = self.enterContext(DnsServer((DNS, 53)))
        self.dns.ttl = 1
        self.dns.host("mta.internal.mail.test")  # there, without an address
        RESOLV_CONF.write_text(f"search mail.test\nnameserver {DNS}\n", encoding="ascii")
        HOSTS.write_text("127.0.0.1 localhost\n", encoding="ascii")

    def write_hosts(self, *lines: str) -> None:
        fresh = HOSTS.with_name("hosts.new")
        fresh.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        os.replace(fresh, HOSTS)

    def sink(self, host: str = "127.0.0.1", kind: str = "proxy-v2") -> SmtpSink:
        return self.enterContext(SmtpSink(kind, host=host))

    def config_of(self, sink: SmtpSink, name: str = "mta.internal") -> dict[str, str]:
        return {"kind": sink.kind, "address": f"{name}:{sink.address[1]}"}

    def start_named(self, sink: SmtpSink, name: str = "mta.internal", *more: Settings) -> Fendmail:
        return self.start_fendmail(self.config_of(sink, name), NO_GREET_WAIT, *more)


class BackendNames(NamesCase):
    def test_name_in_dns_is_followed_when_its_ttl_is_over(self) -> None:
        sink = self.sink()
        self.dns.host("mta.internal", "127.0.0.1")
        fendmail = self.start_named(sink)
        fendmail.expect_log(RESOLVED.format(r"127\.0\.0\.1"))
        self.assert_delivers(fendmail, CLIENT, "one")
        moved = self.enterContext(SmtpSink("proxy-v2", host="127.0.3.1", port=sink.address[1]))
        self.dns.host("mta.internal", "127.0.3.1")
        fendmail.expect_log(RESOLVED.format(r"127\.0\.3\.1"), timeout=SOON)
        self.assert_delivers(fendmail, CLIENT, "two")
        self.assertEqual(len(moved.mails()), 1)

    def test_start_does_not_wait_for_a_name_that_is_not_there(self) -> None:
        sink = self.sink()
        admin = self.directory("admin") / "admin.sock"
        self.dns.host("mta.internal")
        fendmail = self.start_named(sink, "mta.internal", {"admin": {"listen": f"unix:{admin}"}})
        told = fendmail.expect_log(
            r"warning: backend\.address: mta\.internal cannot be looked up: it has no address; "
            r"clients get 421 until it can"
        )
        self.assertTrue(told)
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), b"421 4.3.2 All server ports are busy\r\n")
        ready = run_command("healthcheck", "-c", str(fendmail.config_path))
        self.assertNotEqual(ready.returncode, 0)
        self.assertRegex(ready.stdout + ready.stderr, r"not ready: the name .*mta\.internal:\d+ has")
        self.dns.host("mta.internal", "127.0.0.1")
        fendmail.expect_log(RESOLVED.format(r"127\.0\.0\.1"), timeout=SOON)
        wait_until(
            lambda: run_command("healthcheck", "-c", str(fendmail.config_path)).returncode == 0,
            "readiness",
        )
        self.assert_delivers(fendmail, OTHER, "one")

    def test_failures_and_empty_answers_keep_what_was_found(self) -> None:
        sink = self.sink()
        self.dns.host("mta.internal", "127.0.0.1")
        fendmail = self.start_named(sink)
        fendmail.expect_log(RESOLVED.format(r"127\.0\.0\.1"))
        stays = r"cannot be looked up: {}; what was found before stays in use: 127\.0\.0\.1$"
        for title, change, why in (
            ("empty", lambda: self.dns.host("mta.internal"), "it has no address"),
            ("failing", lambda: setattr(self.dns, "mood", Mood.SERVFAIL), "SERVFAIL"),
        ):
            with self.subTest(title):
                mark = fendmail.log.mark()
                change()
                fendmail.expect_log(stays.format(why), timeout=SOON, after=mark)
                self.assert_delivers(fendmail, CLIENT, title)
                self.dns.mood = Mood.HONEST
                self.dns.host("mta.internal", "127.0.0.1")
                fendmail.expect_log(r"can be looked up again", timeout=60, after=mark)

    def test_addresses_are_tried_in_turn(self) -> None:
        sink = self.sink()
        self.dns.host("mta.internal", NOBODY, "127.0.0.1")
        fendmail = self.start_named(sink)
        fendmail.expect_log(RESOLVED.format(rf"{re.escape(NOBODY)}, 127\.0\.0\.1"))
        for number in range(4):
            self.assert_delivers(fendmail, f"127.0.1.{number + 1}", f"mail-{number}")
        self.assertEqual(fendmail.log.count("backend .* unavailable|421"), 0)

    def test_address_that_does_not_answer_does_not_cost_all_the_time(self) -> None:
        sink = self.sink()
        with socket.socket() as full, contextlib.ExitStack() as stack:
            full.bind((NOBODY, sink.address[1]))
            full.listen(0)
            for _ in range(3):  # beyond its queue whoever comes is not answered
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex((NOBODY, sink.address[1]))
            self.dns.host("mta.internal", NOBODY, "127.0.0.1")
            fendmail = self.start_fendmail(
                {**self.config_of(sink), "connect_timeout": "4s"}, NO_GREET_WAIT
            )
            fendmail.expect_log(RESOLVED.format(rf"{re.escape(NOBODY)}, 127\.0\.0\.1"))
            self.assert_delivers(fendmail, CLIENT, "one")
            # Who comes next begins with the address that answered.
            watch = Stopwatch()
            self.assert_delivers(fendmail, OTHER, "two")
            self.assertLess(watch.seconds(), 1.5)

    def test_hosts_file_goes_before_dns_and_is_followed(self) -> None:
        sink = self.sink()
        self.dns.host("mta.internal", NOBODY)
        self.write_hosts("127.0.0.1 localhost", "127.0.0.1 x MTA.internal # ours")
        fendmail = self.start_named(sink)
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertEqual([q for q in self.dns.queries if "mta" in q], [])
        moved = self.enterContext(SmtpSink("proxy-v2", host="127.0.3.1", port=sink.address[1]))
        self.write_hosts("127.0.3.1 mta.internal")
        fendmail.expect_log(RESOLVED.format(r"127\.0\.3\.1"))
        self.assert_delivers(fendmail, CLIENT, "two")
        self.assertEqual(len(moved.mails()), 1)

    def test_search_list_finds_a_short_name(self) -> None:
        sink = self.sink()
        self.dns.host("mta.mail.test", "127.0.0.1")
        fendmail = self.start_named(sink, "mta")
        fendmail.expect_log(r"backend\.address: mta is 127\.0\.0\.1$")
        self.assert_delivers(fendmail, CLIENT, "one")

    def test_localhost_needs_no_dns(self) -> None:
        sink = self.sink()
        HOSTS.unlink()
        RESOLV_CONF.write_text("", encoding="ascii")
        fendmail = self.start_named(sink, "localhost")
        self.assert_delivers(fendmail, CLIENT, "one")

    def test_name_that_comes_with_resolv_conf(self) -> None:
        """A container whose network is not there yet."""
        sink = self.sink()
        RESOLV_CONF.write_text("", encoding="ascii")
        self.dns.host("mta.internal", "127.0.0.1")
        fendmail = self.start_named(sink)
        fendmail.expect_log(r"mta\.internal cannot be looked up: no answer from any server")
        RESOLV_CONF.write_text(f"nameserver {DNS}\n", encoding="ascii")
        fendmail.expect_log(RESOLVED.format(r"127\.0\.0\.1"))
        self.assert_delivers(fendmail, CLIENT, "one")

    def test_check_tries_a_start_with_a_name(self) -> None:
        sink = self.sink()
        self.dns.host("mta.internal", NOBODY, "127.0.0.1")
        fendmail = self.make_fendmail(self.config_of(sink), NO_GREET_WAIT)
        fendmail.write_config()
        check = ("check", "--as-service", "--user", "root", "-c", str(fendmail.config_path))
        self.assertIn("connect to the backend mta.internal", run_command(*check).stdout)
        self.dns.host("mta.internal")
        self.assertRegex(
            run_command(*check).stderr, r"error: backend\.address: mta\.internal cannot be looked up: "
        )

    def test_reload_looks_another_name_up(self) -> None:
        sink = self.sink()
        self.dns.host("mta.internal", "127.0.0.1")
        self.dns.host("other.internal", "127.0.0.1")
        fendmail = self.start_named(sink)
        fendmail.expect_log(RESOLVED.format(r"127\.0\.0\.1"))
        fendmail.write_config({"backend": self.config_of(sink, "other.internal")})
        fendmail.reload()
        fendmail.expect_log(r"backend\.address: other\.internal is 127\.0\.0\.1$")
        self.assert_delivers(fendmail, CLIENT, "one")


class OtherNames(NamesCase):
    def test_resolver_by_its_name(self) -> None:
        lists = self.enterContext(DnsServer(("127.0.0.55", 0)))
        lists.zone("bl.test", {OTHER: [LISTED]})
        self.dns.host("unbound.internal", "127.0.0.55")
        sink = self.sink()
        port = lists.address[1]
        fendmail = self.start_fendmail(
            sink.config,
            NO_GREET_WAIT,
            {"dnsbl": {"sites": ["bl.test"], "resolvers": [f"unbound.internal:{port}"]}},
        )
        fendmail.expect_log(r"dnsbl\.resolvers: unbound\.internal is 127\.0\.0\.55$")
        wait_until(lambda: lists.queries, "a test of the list")
        with fendmail.client(OTHER) as client:
            self.read_greeting(client)
            self.assert_recipients_get(
                client, f"550 5.7.1 Service unavailable; client [{OTHER}] blocked using bl.test"
            )
        self.assertEqual([q for q in self.dns.queries if "bl.test" in q], [])

    def test_balancer_by_a_name_of_the_hosts_file(self) -> None:
        self.write_hosts("127.9.0.1 haproxy")
        sink = self.sink()
        fendmail = self.start_fendmail(
            sink.config, NO_GREET_WAIT, {"proxy_protocol": {"trusted": ["haproxy"]}}
        )
        true = ("203.0.113.77", 41001)
        client = self.enterContext(BalancedClient(fendmail.address, "127.9.0.1", true))
        self.read_greeting(client)
        fendmail.expect_log(r"CONNECT from \[203\.0\.113\.77\]:41001 ")

    def test_balancer_that_only_dns_knows_is_an_error(self) -> None:
        self.dns.host("haproxy", "127.9.0.1")
        fendmail = self.make_fendmail(
            self.sink().config, {"proxy_protocol": {"trusted": ["haproxy"]}}
        )
        fendmail.write_config()
        checked = run_command("check", str(fendmail.config_path))
        self.assertNotEqual(checked.returncode, 0)
        self.assertIn("this name is not in /etc/hosts", checked.stderr)


if __name__ == "__main__":
    enter_private_network()
    own_etc()
    main()
