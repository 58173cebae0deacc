#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ports of real mail servers that do not expect what fendmail tells them: nobody's mail is taken."""

import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.exim import Exim
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, FendmailCase
from fendmail_test.network import to_text
from fendmail_test.postfix import Postfix
from fendmail_test.smtp_client import ConnectionEnded
from fendmail_test.waiting import wait_until

PERMIT_ALL: Settings = {"access": {"rules": ["permit 0.0.0.0/0"]}}
DEEP: Settings = {"pipelining": {"enable": True}, "non_smtp_command": {"enable": True}}
WAYS = {"known clients": PERMIT_ALL, "from our dialog": DEEP}
HEALING = 20.0
SUSPENDED = r"warning: backend \S+ suspended: "
RESTORED = r"backend \S+ is in use again after "
STRANGER = "somebody@elsewhere.example"  # whom only our own address may send mail to
SESSION = (
    "EHLO client.example.org", "MAIL FROM:<sender@example.org>", f"RCPT TO:<{STRANGER}>", "DATA",
)  # fmt: skip


class WrongPortCase(FendmailCase):
    mta: Postfix | Exim

    def setUp(self) -> None:
        self.show_on_failure(self.mta.log)

    def codes(self, fendmail: Fendmail, source: str, at_once: bool) -> list[int]:
        """A client that wants to have a mail relayed, up to the end of its session."""
        codes: list[int] = []
        with fendmail.client(source) as client, contextlib.suppress(ConnectionEnded):
            codes.append(client.read_reply().code)
            if at_once:
                client.send("".join(f"{line}\r\n" for line in SESSION).encode())
                while True:
                    codes.append(client.read_reply().code)
            for line in SESSION:
                if codes[-1] >= 400:
                    break
                codes.append(client.command(line).code)
        return codes

    def assert_turns_away(self, backend: dict[str, str], *settings: Settings) -> Fendmail:
        """All clients of all kinds get 4xx, there is one line, and no recipient was ever seen."""
        mark = self.mta.log.mark()
        fendmail = self.start_fendmail(backend, NO_GREET_WAIT, *settings)
        for number in range(6):
            # In our own dialog that would be a fault of the client.
            at_once = number % 2 == 1 and PERMIT_ALL in settings
            codes = self.codes(fendmail, f"127.0.5.{number + 1}", at_once)
            self.assertIn(codes[-1], (421, 451), codes)
            self.assertEqual([code for code in codes if code >= 500 or code == 354], [])
        fendmail.expect_log(SUSPENDED)
        self.assertEqual(fendmail.log.count(SUSPENDED), 1)
        self.assertEqual(fendmail.log.count("warning: "), 1, fendmail.log.tail())
        self.assertEqual(self.mta.log.count(STRANGER, mark), 0)
        return fendmail

    def assert_heals(self, fendmail: Fendmail, name: str) -> None:
        fendmail.expect_log(RESTORED, HEALING)
        self.assert_delivers(fendmail, CLIENT, name)
        self.assertIn(f"{CLIENT}]", self.mta.mailbox.wait_for(name).received)
        self.assertEqual(fendmail.log.count(SUSPENDED), 1)
        self.assertEqual(fendmail.log.count(RESTORED), 1)

    def unique(self, *names: str) -> str:
        return "-".join((self._testMethodName, *names)).replace(" ", "-")


class PostfixPorts(WrongPortCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.mta = cls.enterClassContext(Postfix())

    def test_a_port_that_expects_no_header(self) -> None:
        for kind in ("proxy-v1", "proxy-v2"):
            for way, settings in WAYS.items():
                with self.subTest(kind=kind, way=way):
                    backend = {"kind": kind, "address": to_text(self.mta.plain)}
                    fendmail = self.assert_turns_away(backend, settings)
                    self.mta.reconfigure("smtpd_upstream_proxy_protocol = haproxy")
                    self.assert_heals(fendmail, self.unique(kind, way))
                    fendmail.stop()
                    self.mta.reconfigure("")

    def test_a_port_that_allows_no_xclient(self) -> None:
        for way, settings in WAYS.items():
            with self.subTest(way=way):
                backend = {"kind": "xclient", "address": to_text(self.mta.plain)}
                fendmail = self.assert_turns_away(backend, settings)
                self.mta.reconfigure("smtpd_authorized_xclient_hosts = 127.0.0.1/32")
                self.assert_heals(fendmail, self.unique(way))
                fendmail.stop()
                self.mta.reconfigure("")

    def test_services_of_another_type(self) -> None:
        private = self.mta.pass_private.parent
        for service in ("rewrite", "tlsmgr", "bounce", "anvil", "discard"):
            for way, settings in WAYS.items():
                with self.subTest(service=service, way=way):
                    backend = {"kind": "postfix-pass", "address": f"unix:{private / service}"}
                    fendmail = self.assert_turns_away(backend, settings)
                    fendmail.stop()

    def test_a_service_becomes_the_right_one(self) -> None:
        wrong = "front unix - - n - - smtpd\n  -o syslog_name=pfx/front\n"
        with Postfix(master_cf=wrong) as postfix:
            self.mta = postfix
            backend = {
                "kind": "postfix-pass", "address": f"unix:{postfix.pass_private.parent / 'front'}",
            }  # fmt: skip
            fendmail = self.assert_turns_away(backend, PERMIT_ALL)
            master = postfix.directory / "etc" / "master.cf"
            text = master.read_text(encoding="ascii").replace("front unix", "front pass")
            master.write_text(text, encoding="ascii")
            postfix.reconfigure("")
            self.assert_heals(fendmail, self.unique())
            self.mta = type(self).mta

    def test_ports_that_expect_it_have_no_line(self) -> None:
        for kind in ("proxy-v1", "proxy-v2", "xclient", "postfix-pass"):
            for way, settings in WAYS.items():
                with self.subTest(kind=kind, way=way):
                    mark = self.mta.log.mark()
                    fendmail = self.start_fendmail(
                        self.mta.backend(kind), NO_GREET_WAIT, settings
                    )
                    self.mta.log.wait_for(r"disconnect from .*\[192\.0\.2\.99\]", 10, mark)
                    self.assert_delivers(fendmail, CLIENT, self.unique(kind, way))
                    self.mta.mailbox.wait_for(self.unique(kind, way))
                    self.assertEqual(fendmail.log.count("warning: "), 0)
                    fendmail.stop()


class PostfixRefusesTheProbe(WrongPortCase):
    """Its address, and its name, before it has said anything: mail flows all the same."""

    def test_mail_flows(self) -> None:
        main_cf = (
            "smtpd_delay_reject = no\n"
            "smtpd_client_restrictions = inline:{{192.0.2.99=REJECT}}\n"
        )
        with Postfix(main_cf) as postfix:
            self.mta = postfix
            self.show_on_failure(postfix.log)
            for kind in ("proxy-v1", "proxy-v2", "xclient", "postfix-pass"):
                with self.subTest(kind):
                    mark = postfix.log.mark()
                    backend = postfix.backend(kind)
                    fendmail = self.start_fendmail(backend, NO_GREET_WAIT, PERMIT_ALL)
                    postfix.log.wait_for(r"192\.0\.2\.99", 10, mark)
                    self.assert_delivers(fendmail, CLIENT, self.unique(kind))
                    postfix.mailbox.wait_for(self.unique(kind))
                    self.assertEqual(fendmail.log.count(SUSPENDED), 0)
                    fendmail.stop()

    def setUp(self) -> None:
        pass


class EximPorts(WrongPortCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.mta = cls.enterClassContext(Exim())

    def test_a_port_that_expects_no_header(self) -> None:
        for kind in ("proxy-v1", "proxy-v2"):
            for way, settings in WAYS.items():
                with self.subTest(kind=kind, way=way):
                    backend = {"kind": kind, "address": to_text(self.mta.plain)}
                    fendmail = self.assert_turns_away(backend, settings)
                    self.mta.expect_headers_everywhere(True)
                    self.assert_heals(fendmail, self.unique(kind, way))
                    fendmail.stop()
                    self.mta.expect_headers_everywhere(False)

    def test_a_port_that_allows_no_xclient(self) -> None:
        backend = {"kind": "xclient", "address": to_text(self.mta.plain)}
        for settings in WAYS.values():
            self.assert_turns_away(backend, settings).stop()

    def test_a_port_that_expects_it_has_no_line(self) -> None:
        for kind in ("proxy-v1", "proxy-v2"):
            for way, settings in WAYS.items():
                with self.subTest(kind=kind, way=way):
                    mark = self.mta.log.mark()
                    fendmail = self.start_fendmail(
                        self.mta.backend(kind), NO_GREET_WAIT, settings
                    )
                    wait_until(lambda: self.mta.probed(mark), "the probe")
                    self.assert_delivers(fendmail, CLIENT, self.unique(kind, way))
                    self.mta.mailbox.wait_for(self.unique(kind, way))
                    self.assertEqual(fendmail.log.count("warning: "), 0)
                    fendmail.stop()


if __name__ == "__main__":
    main()
