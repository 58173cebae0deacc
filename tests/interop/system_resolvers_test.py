#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The name servers of the system as they change: resolv.conf renamed into place, written in place,
behind a link, behind a mount, empty at boot; and link-local servers, by resolv.conf and by
configuration. In namespaces of the test's own, with a copy of /etc that it may change."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.dns_server import LISTED, DnsServer, Mood
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.private_network import (
    RESOLV_CONF,
    add_link_local,
    enter_private_network,
    own_etc,
    use_resolver,
)
from fendmail_test.waiting import wait_until

BOT = "127.0.66.1"
WORKERS = 2
# Clients of both workers: the kernel steers by address.
BOTS = [f"127.0.66.{n}" for n in range(1, 9)]
OLD, NEW = "127.0.0.54", "127.0.0.55"
CHANGED = r"resolv\.conf names other name servers: {} (is|are) asked from now on"


class SystemResolvers(FendmailCase):
    def setUp(self) -> None:
        super().setUp()
        self.etc = RESOLV_CONF.parent
        self.old = self.enterContext(DnsServer((OLD, 53)))
        self.new = self.enterContext(DnsServer((NEW, 53)))
        for server in (self.old, self.new):
            server.zone("bl.test", {bot: [LISTED] for bot in BOTS})
        self.name_servers(OLD)

    def name_servers(self, *servers: str) -> None:
        """As a DHCP client does it: a new file in place of the old one."""
        fresh = self.etc / "resolv.conf.new"
        fresh.write_text("".join(f"nameserver {s}\n" for s in servers), encoding="ascii")
        os.replace(fresh, RESOLV_CONF)

    def start(self, *settings: Settings) -> Fendmail:
        return self.start_fendmail(
            self.start_sink().config,
            {
                "server": {"workers": WORKERS},
                "dnsbl": {"sites": ["bl.test"]},
                "greet": {"wait": "1s"},
            },
            *settings,
        )

    def assert_refuses(self, fendmail: Fendmail, source: str) -> None:
        with fendmail.client(source) as client:
            self.read_greeting(client)
            client.command("EHLO bot.test")
            client.command("MAIL FROM:<a@bot.test>")
            self.assertEqual(client.command("RCPT TO:<b@mx.test>").code, 550)

    def assert_all_workers_refuse(self, fendmail: Fendmail) -> None:
        for bot in BOTS:
            self.assert_refuses(fendmail, bot)

    def test_file_that_is_renamed_into_place(self) -> None:
        fendmail = self.start()
        self.name_servers(NEW)
        fendmail.expect_log(CHANGED.format(NEW))
        asked = len(self.old.queries)
        self.assert_all_workers_refuse(fendmail)
        self.assertEqual(len(self.old.queries), asked)
        self.assertEqual(fendmail.log.count(r"resolv\.conf"), 1)

    def test_file_that_is_written_in_place(self) -> None:
        fendmail = self.start()
        RESOLV_CONF.write_text(f"nameserver {NEW}\nnameserver {OLD}\n", encoding="ascii")
        fendmail.expect_log(CHANGED.format(f"{NEW}, {OLD}"))
        self.assert_all_workers_refuse(fendmail)

    def test_link_that_leads_to_a_file_that_is_replaced(self) -> None:
        directory = self.directory("resolve")
        stub = directory / "stub-resolv.conf"
        stub.write_text(f"nameserver {OLD}\n", encoding="ascii")
        RESOLV_CONF.unlink()
        RESOLV_CONF.symlink_to(stub)
        fendmail = self.start()
        fresh = directory / "fresh"
        fresh.write_text(f"nameserver {NEW}\n", encoding="ascii")
        os.replace(fresh, stub)
        fendmail.expect_log(CHANGED.format(NEW))
        # And the link to another file.
        other = self.directory("other") / "resolv.conf"
        other.write_text(f"nameserver {OLD}\n", encoding="ascii")
        link = self.etc / "resolv.conf.link"
        link.symlink_to(other)
        os.replace(link, RESOLV_CONF)
        fendmail.expect_log(CHANGED.format(OLD))
        self.assert_all_workers_refuse(fendmail)

    def test_mount_over_the_file_is_seen_without_an_event(self) -> None:
        fendmail = self.start()
        use_resolver(NEW, self.directory("mounted"))
        self.addCleanup(os.system, f"umount {RESOLV_CONF}")
        # The namespace is fendmail's as well.
        fendmail.expect_log(CHANGED.format(NEW), timeout=20)

    def test_reload_takes_the_file_at_once(self) -> None:
        fendmail = self.start()
        self.name_servers(NEW)
        fendmail.reload()
        fendmail.expect_log("reload")
        fendmail.expect_log(CHANGED.format(NEW))

    def test_dead_servers_are_left_when_the_file_names_others(self) -> None:
        self.name_servers("127.0.0.99")
        fendmail = self.start()
        fendmail.expect_log(r"resolver of the system \(127\.0\.0\.99\) unavailable")
        self.name_servers(NEW)
        fendmail.expect_log(CHANGED.format(NEW))
        self.assert_all_workers_refuse(fendmail)
        self.assertEqual(fendmail.log.count("suspended"), 0)

    def test_question_under_way_goes_on_at_the_new_servers(self) -> None:
        fendmail = self.start({"greet": {"wait": "3s"}, "dnsbl": {"test_interval": "0s"}})
        self.old.zone("bl.test").mood = Mood.SILENT
        self.old._zones.pop(0)  # the silent one counts
        with fendmail.client(BOT) as client:
            wait_until(lambda: self.old.count(BOT, "bl.test") > 0, "the question")
            self.name_servers(NEW)
            self.read_greeting(client)
            client.command("EHLO bot.test")
            client.command("MAIL FROM:<a@bot.test>")
            self.assertEqual(client.command("RCPT TO:<b@mx.test>").code, 550)
        self.assertGreater(self.new.count(BOT, "bl.test"), 0)
        self.assertEqual(fendmail.log.count("gives no answer"), 0)

    def assert_heals(self, fendmail: Fendmail, why: str) -> None:
        fendmail.expect_log(rf"warning: \S*resolv\.conf names no name server{why}: 127\.0\.0\.1 is asked")
        fendmail.expect_log(r"resolver of the system \(127\.0\.0\.1\) unavailable")
        self.name_servers(NEW)
        fendmail.expect_log(CHANGED.format(NEW))
        self.assert_all_workers_refuse(fendmail)
        self.assertEqual(fendmail.log.count("suspended"), 0)

    def test_empty_at_boot(self) -> None:
        RESOLV_CONF.write_text("# nothing yet\n", encoding="ascii")
        self.assert_heals(self.start(), "")

    def test_missing_at_boot(self) -> None:
        RESOLV_CONF.unlink()
        self.assert_heals(self.start(), "")

    def test_link_into_a_directory_that_is_not_there_yet(self) -> None:
        directory = self.directory("run") / "resolve"
        RESOLV_CONF.unlink()
        RESOLV_CONF.symlink_to(directory / "resolv.conf")
        fendmail = self.start()
        fendmail.expect_log(r"names no name server")
        directory.mkdir()
        (directory / "resolv.conf").write_text(f"nameserver {NEW}\n", encoding="ascii")
        fendmail.expect_log(CHANGED.format(NEW))
        self.assert_all_workers_refuse(fendmail)

    def test_file_that_becomes_empty_leaves_the_servers_of_before(self) -> None:
        fendmail = self.start()
        RESOLV_CONF.write_text("", encoding="ascii")
        fendmail.expect_log(rf"names no name server: {OLD} is asked until it does")
        self.assert_all_workers_refuse(fendmail)
        self.name_servers(OLD)
        fendmail.expect_log(rf"names name servers again: {OLD}")

    def test_nobody_is_told_who_names_his_own_resolvers(self) -> None:
        fendmail = self.start({"dnsbl": {"resolvers": [OLD]}})
        self.name_servers(NEW)
        fendmail.reload()
        fendmail.expect_log("reload")
        self.assert_all_workers_refuse(fendmail)
        self.assertEqual(fendmail.log.count(r"resolv\.conf"), 0)
        self.assertEqual(self.new.queries, [])

    def test_known_senders_and_client_names_are_asked_for_again(self) -> None:
        RESOLV_CONF.unlink()
        self.new.spf("sender.test", "ip4:127.0.66.1 -all")
        self.new.ptr("127.0.66.2")
        fendmail = self.start(
            {
                "known_senders": {"spf": ["sender.test"]},
                "client_name": {"no_ptr": 1},
                "dnsbl": {"sites": []},
            }
        )
        fendmail.expect_log(r"sender\.test.*no answer from any server")
        self.name_servers(NEW)
        fendmail.expect_log(r"sender\.test: 1 network")
        self.assert_refuses(fendmail, "127.0.66.2")

    def test_link_local_server_in_both_places(self) -> None:
        add_link_local("fe80::53")
        scoped = self.enterContext(DnsServer(("fe80::53%lo", 53)))
        other_port = self.enterContext(DnsServer(("fe80::53%lo", 0)))
        for server in (scoped, other_port):
            server.zone("bl.test", {bot: [LISTED] for bot in BOTS})
        self.name_servers("fe80::53%lo")
        fendmail = self.start()
        self.assert_all_workers_refuse(fendmail)
        fendmail.write_config(
            {"dnsbl": {"resolvers": [f"[fe80::53%lo]:{other_port.address[1]}"]}}
        )
        fendmail.reload()
        fendmail.expect_log("reload")
        wait_until(lambda: other_port.queries, "a question to the other port")
        self.assertEqual(fendmail.log.count("resolver .* unavailable"), 0)

    def test_line_that_cannot_be_asked_is_told(self) -> None:
        self.name_servers("fe80::53", OLD)
        fendmail = self.start()
        fendmail.expect_log(r'resolv\.conf: nameserver "fe80::53" cannot be asked: a link-local')
        self.assert_all_workers_refuse(fendmail)


if __name__ == "__main__":
    enter_private_network()
    own_etc()
    main()
