#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real HAProxy in front of fendmail: PROXY headers of both versions, and its health checks."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import CLIENT, OTHER, FendmailCase, log_name
from fendmail_test.haproxy import Haproxy
from fendmail_test.network import Address
from fendmail_test.smtp_client import SmtpClient, make_message

BALANCER = "127.9.0.1"
TRUSTED: Settings = {"proxy_protocol": {"trusted": [BALANCER]}}
SMTP_CHECK = "option smtpchk EHLO haproxy.example.test"
OFTEN = "check inter 100ms rise 1 fall 1"
V1 = "send-proxy"
V2 = "send-proxy-v2"
V2_CHECKSUM = "send-proxy-v2 proxy-v2-options crc32c"


class HaproxyCase(FendmailCase):
    # HAProxy was asked whether it accepts, which makes a client that left at once.
    probes = 1

    def start(
        self, options: str, *settings: Settings, checks: str = SMTP_CHECK
    ) -> tuple[Fendmail, Haproxy]:
        self.sink = self.start_sink("proxy-v2")
        fendmail = self.start_fendmail(self.sink.config, TRUSTED, *settings)
        self.mark = fendmail.log.mark()
        haproxy = self.enterContext(
            Haproxy(fendmail.address, BALANCER, checks, f"{options} {OFTEN}")
        )
        return fendmail, haproxy

    def assert_delivers_through(self, fendmail: Fendmail, haproxy: Address, source: str) -> None:
        """The client's own address in the log and at the backend, and HAProxy's as the local one."""
        with SmtpClient(haproxy, source) as client:
            self.read_greeting(client)
            client.expect("EHLO client.example.org", 250)
            client.send_mail(make_message(source))
            client.expect("QUIT", 221)
            local = re.escape(f"[{haproxy[0]}]:{haproxy[1]}")
            fendmail.expect_log(rf"CONNECT from {log_name(client)} to {local}$")
            fendmail.expect_log(rf"PASS NEW {log_name(client)}$")
            session = self.sink.sessions[-1]
            self.assertEqual(session.client, (client.address, client.port))
            self.assertEqual(session.server, haproxy)
        fendmail.expect_log(rf"SUMMARY {log_name(client)} ")

    def assert_only_these_clients(self, fendmail: Fendmail, clients: int) -> None:
        """No check became a client or a line of the log."""
        lines = fendmail.log.text()[self.mark :].splitlines()
        self.assertEqual(sum("CONNECT from" in line for line in lines), clients + self.probes)
        self.assertEqual([line for line in lines if "warning" in line or BALANCER in line], [])
        self.assertEqual(len(self.sink.sessions), clients)


class HealthyServer(HaproxyCase):
    def assert_is_healthy(self, options: str, result: str, checks: str = SMTP_CHECK) -> None:
        with self.subTest(options):
            fendmail, haproxy = self.start(options, checks=checks)
            haproxy.wait_for_check(result)
            self.assertEqual(haproxy.server_state()["status"], "UP")
            self.assert_delivers_through(fendmail, haproxy.address, CLIENT)
            self.assert_delivers_through(fendmail, haproxy.address6, "::1")
            haproxy.wait_for_check(result)
            self.assertEqual(haproxy.server_state()["chkfail"], "0")
            self.assert_only_these_clients(fendmail, 2)

    def test_smtp_check_is_up_and_leaves_no_trace(self) -> None:
        for options in (V2, V2_CHECKSUM, V1):
            self.assert_is_healthy(f"{options} check-send-proxy", "L7OK")

    def test_tcp_check_is_up_and_leaves_no_trace(self) -> None:
        self.assert_is_healthy(f"{V2} check-send-proxy", "L4OK", checks="")

    def test_tcp_check_without_a_header_leaves_no_trace(self) -> None:
        # With a port of its own, a check gets no header of its own accord.
        sink = self.start_sink("proxy-v2")
        fendmail = self.start_fendmail(sink.config, TRUSTED)
        haproxy = self.enterContext(
            Haproxy(fendmail.address, BALANCER, "", f"{V2} {OFTEN} port {fendmail.address[1]}")
        )
        haproxy.wait_for_check("L4OK")
        self.sink, self.mark = sink, 0
        self.assert_delivers_through(fendmail, haproxy.address, CLIENT)
        self.assert_only_these_clients(fendmail, 1)


class ScreenedClients(HaproxyCase):
    def test_pregreeter_is_known_by_its_own_address(self) -> None:
        fendmail, haproxy = self.start(V2)
        with SmtpClient(haproxy.address, CLIENT) as client:
            client.send(b"EHLO early.example.org\r\n")
            fendmail.expect_log(rf"PREGREET 24 after [\d.]+ from {log_name(client)}: EHLO early")
        self.assertEqual(self.sink.sessions, [])

    def test_access_list_is_for_clients_not_for_the_balancer(self) -> None:
        fendmail, haproxy = self.start(
            V1, {"access": {"rules": [f"reject {CLIENT}", f"reject {BALANCER}"], "action": "drop"}}
        )
        with SmtpClient(haproxy.address, CLIENT) as client:
            self.assert_says_only(client, b"521 5.3.2 Service currently unavailable\r\n")
        self.assert_delivers_through(fendmail, haproxy.address, OTHER)


class UnhealthyServer(HaproxyCase):
    def test_stopped_server_is_found_down(self) -> None:
        fendmail, haproxy = self.start(V2)
        haproxy.wait_for_check("L7OK")
        fendmail.stop()
        haproxy.wait_for_check("L4CON")
        self.assertEqual(haproxy.server_state()["status"], "DOWN")

    def test_balancer_that_sends_no_header_is_told_to_the_admin(self) -> None:
        fendmail, haproxy = self.start("", {"proxy_protocol": {"timeout": "500ms"}})
        balancer = rf"\[{re.escape(BALANCER)}\]:\d+"
        fendmail.expect_log(rf"warning: haproxy read: {balancer}: time limit exceeded$")
        haproxy.wait_for_check("L7STS")  # a 421
        self.assertEqual(haproxy.server_state()["status"], "DOWN")
        self.assertEqual(fendmail.log.count("CONNECT"), 0)


if __name__ == "__main__":
    main()
