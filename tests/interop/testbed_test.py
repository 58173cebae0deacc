#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The test bed without fendmail: what Postfix, Exim and rbldnsd do is what the tests rely on.

When these fail, the other interop tests say nothing about fendmail.
"""

import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.dns_client import ask
from fendmail_test.dns_server import query_name
from fendmail_test.exim import Exim
from fendmail_test.identity import Identity, proxy_v1_header, proxy_v2_header, send_passed
from fendmail_test.network import Address
from fendmail_test.postfix import Postfix
from fendmail_test.rbldnsd import Rbldnsd, dataset
from fendmail_test.smtp_client import SmtpClient, make_message

CLIENT4 = ("192.0.2.77", 41001)
CLIENT6 = ("2001:db8::77", 41002)
SERVER4 = ("192.0.2.25", 25)
SERVER6 = ("2001:db8::25", 25)


def converse(client: SmtpClient, message_id: str) -> None:
    """A whole session after the greeting."""
    client.expect("EHLO client.example.org", 250)
    client.send_mail(make_message(message_id))
    client.expect("QUIT", 221)


class PostfixTestBed(Case):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.postfix = cls.enterClassContext(Postfix())

    def setUp(self) -> None:
        self.show_on_failure(self.postfix.log)

    def assert_received_from(self, message_id: str, client: str) -> None:
        mail = self.postfix.mailbox.wait_for(message_id)
        shown = f"IPv6:{client}" if ":" in client else client
        self.assertIn(f"[{shown}]", mail.received)

    def test_plain_port_sees_the_peer(self) -> None:
        with SmtpClient(self.postfix.plain, "127.0.0.9") as client:
            client.expect_reply(220)
            converse(client, "plain")
        self.assert_received_from("plain", "127.0.0.9")

    def test_proxy_headers_name_the_client(self) -> None:
        cases = [
            ("v1-4", self.postfix.proxy, proxy_v1_header(CLIENT4, SERVER4), CLIENT4),
            ("v1-6", self.postfix.proxy, proxy_v1_header(CLIENT6, SERVER6), CLIENT6),
            ("v2-4", self.postfix.proxy, proxy_v2_header(CLIENT4, SERVER4), CLIENT4),
            ("v2-6", self.postfix.proxy6, proxy_v2_header(CLIENT6, SERVER6), CLIENT6),
        ]
        for name, server, header, client in cases:
            with self.subTest(name):
                self.deliver_behind_header(server, header, name)
                self.assert_received_from(name, client[0])

    def deliver_behind_header(self, server: Address, header: bytes, message_id: str) -> None:
        with SmtpClient(server) as client:
            client.send(header)
            client.expect_reply(220)
            converse(client, message_id)

    def test_xclient_names_the_client(self) -> None:
        with SmtpClient(self.postfix.xclient) as client:
            client.expect_reply(220)
            self.assertIn("XCLIENT", str(client.expect("EHLO front.example.test", 250)))
            client.expect("XCLIENT ADDR=192.0.2.77 PORT=41001 NAME=[UNAVAILABLE]", 220)
            converse(client, "xclient")
        self.assert_received_from("xclient", CLIENT4[0])

    def test_xclient_is_refused_elsewhere(self) -> None:
        with SmtpClient(self.postfix.plain) as client:
            client.expect_reply(220)
            self.assertNotIn("XCLIENT", str(client.expect("EHLO front.example.test", 250)))

    def test_pass_services_take_a_socket(self) -> None:
        for name in ("pass_private", "pass_public"):
            with self.subTest(name), socket.create_server(("127.0.0.1", 0)) as listener:
                with SmtpClient(listener.getsockname()) as client:
                    accepted, _ = listener.accept()
                    with accepted:
                        path = str(getattr(self.postfix, name))
                        send_passed(path, accepted, Identity(CLIENT4, SERVER4), 10)
                    client.expect_reply(220)
                    converse(client, name)
                self.assert_received_from(name, CLIENT4[0])

    def test_start_tls_works(self) -> None:
        with SmtpClient(self.postfix.plain, "127.0.0.10") as client:
            client.expect_reply(220)
            client.expect("EHLO client.example.org", 250)
            client.start_tls()
            converse(client, "tls")
        self.assertIn("with ESMTPS", self.postfix.mailbox.wait_for("tls").received)

    def test_log_counts_connections(self) -> None:
        self.assertEqual(self.postfix.connects("127.0.0.11"), 0)
        with SmtpClient(self.postfix.plain, "127.0.0.11") as client:
            client.expect_reply(220)
            client.expect("QUIT", 221)
        self.postfix.log.wait_for(r"disconnect from unknown\[127\.0\.0\.11\]")
        self.assertEqual(self.postfix.connects("127.0.0.11"), 1)

    def test_restart_keeps_the_ports(self) -> None:
        before = self.postfix.plain
        self.postfix.stop()
        self.assertIsNone(self.postfix.master_pid())
        self.postfix.start()
        self.assertEqual(self.postfix.plain, before)
        with SmtpClient(self.postfix.plain, "127.0.0.12") as client:
            client.expect_reply(220)
            converse(client, "restarted")
        self.assert_received_from("restarted", "127.0.0.12")

    def test_pause_and_resume(self) -> None:
        self.postfix.pause()
        try:
            with SmtpClient(self.postfix.plain, "127.0.0.13") as client:
                self.assertTrue(client.is_silent_for(0.5))
                self.postfix.resume()
                client.expect_reply(220)
        finally:
            self.postfix.resume()


class EximTestBed(Case):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.exim = cls.enterClassContext(Exim())

    def setUp(self) -> None:
        self.show_on_failure(self.exim.log)

    def test_plain_port_sees_the_peer(self) -> None:
        with SmtpClient(self.exim.plain, "127.0.0.9") as client:
            client.expect_reply(220)
            converse(client, "plain")
        self.assertIn("[127.0.0.9]", self.exim.mailbox.wait_for("plain").received)
        self.assertEqual(self.exim.connects("127.0.0.9"), 1)

    def test_proxy_headers_name_the_client(self) -> None:
        cases = [
            ("v1-4", self.exim.proxy, proxy_v1_header(CLIENT4, SERVER4), CLIENT4),
            ("v1-6", self.exim.proxy, proxy_v1_header(CLIENT6, SERVER6), CLIENT6),
            ("v2-4", self.exim.proxy, proxy_v2_header(CLIENT4, SERVER4), CLIENT4),
            ("v2-6", self.exim.proxy6, proxy_v2_header(CLIENT6, SERVER6), CLIENT6),
        ]
        for name, server, header, who in cases:
            with self.subTest(name):
                with SmtpClient(server) as client:
                    client.send(header)
                    client.expect_reply(220)
                    converse(client, name)
                self.assertIn(f"[{who[0]}]", self.exim.mailbox.wait_for(name).received)


class RbldnsdTestBed(Case):
    def test_several_datasets_of_one_zone_answer_together(self) -> None:
        first = dataset("zen.test", "127.0.0.2", ["127.0.0.2", "127.0.9.0/24"])
        second = dataset("zen.test", "127.0.0.4", ["127.0.0.2", "!127.0.9.200"])
        third = dataset("wl.test", "127.0.0.2", {"127.0.7.0/24": "127.0.10.1"})
        v6 = dataset("zen.test", "127.0.0.3", ["::1"])
        rbldnsd = self.enterContext(
            Rbldnsd([
                ("zen.test", "ip4set", first), ("zen.test", "ip4set", second),
                ("zen.test", "ip6trie", v6), ("wl.test", "ip4set", third),
            ])  # fmt: skip
        )
        cases = {
            ("127.0.0.2", "zen.test"): (0, ["127.0.0.2", "127.0.0.4"]),
            ("127.0.9.1", "zen.test"): (0, ["127.0.0.2"]),
            ("127.0.0.3", "zen.test"): (3, []),
            ("127.0.7.77", "wl.test"): (0, ["127.0.10.1"]),
            ("::1", "zen.test"): (0, ["127.0.0.3"]),
        }
        for (client, zone), expected in cases.items():
            with self.subTest(client=client, zone=zone):
                code, answers = ask(rbldnsd.address, query_name(client, zone))
                self.assertEqual((code, sorted(answers)), expected)


if __name__ == "__main__":
    main()
