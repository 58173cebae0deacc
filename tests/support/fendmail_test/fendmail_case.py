# SPDX-License-Identifier: Apache-2.0
"""The base of tests that run fendmail: what they start is stopped, and their logs are shown."""

import re
import time

from .case import Case
from .dns_server import DnsServer
from .fendmail import HOSTNAME, Fendmail, Settings
from .sink import SmtpSink
from .smtp_client import Reply, SmtpClient, make_message
from .waiting import wait_until

# Clients that no default or convention treats in a special way.
CLIENT = "127.0.1.5"
OTHER = "127.0.1.6"

TEASER = f"220-{HOSTNAME} ESMTP\r\n".encode()
NO_GREET_WAIT: Settings = {"greet": {"wait": "0s"}}


def log_name(client: SmtpClient) -> str:
    """[address]:port of a client, to be used in a pattern."""
    return re.escape(client.log_name)


class Stopwatch:
    """Measures from its making."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._begun


class FendmailCase(Case):
    def start_sink(self, kind: str = "plain") -> SmtpSink:
        """A mail server for this test; whoever connects must tell it properly who the client is."""
        sink = self.enterContext(SmtpSink(kind, self.directory("sink")))
        self.addCleanup(lambda: self.assertNotIn("BadIdentity", "\n".join(sink.faults)))
        return sink

    def start_dns(self) -> DnsServer:
        return self.enterContext(DnsServer())

    def make_fendmail(self, backend: dict[str, str], *settings: Settings) -> Fendmail:
        """A fendmail that is not started."""
        fendmail = Fendmail(self.directory("run"), {"backend": backend}, *settings)
        self.addCleanup(lambda: self.show_on_failure(*fendmail.logs))
        return fendmail

    def start_fendmail(self, backend: dict[str, str], *settings: Settings) -> Fendmail:
        """A fendmail that must end well with this test."""
        return self.enterContext(self.make_fendmail(backend, *settings))

    # ── what clients live through ────────────────────────────────────────────────────────────

    def read_greeting(self, client: SmtpClient) -> Reply:
        """The whole 220 reply."""
        return client.expect_reply(220)

    def assert_has_teaser(self, greeting: Reply) -> None:
        self.assertGreater(len(greeting.lines), 1, f"no teaser: {greeting}")
        self.assertEqual(greeting.lines[0].encode() + b"\r\n", TEASER)

    def assert_has_no_teaser(self, greeting: Reply) -> None:
        self.assertEqual(len(greeting.lines), 1, f"a teaser: {greeting}")

    def assert_delivers(self, fendmail: Fendmail, source: str | None, message_id: str) -> Reply:
        """A whole polite session that must succeed; returns the greeting."""
        with fendmail.client(source) as client:
            greeting = self.read_greeting(client)
            client.expect("EHLO client.example.org", 250)
            client.send_mail(make_message(message_id))
            client.expect("QUIT", 221)
            return greeting

    def assert_recipients_get(
        self, client: SmtpClient, reply: str, helo: str = "bot.example.org"
    ) -> None:
        """EHLO (unless helo is empty), MAIL and RCPT, which is refused with exactly that reply."""
        if helo:
            client.expect(f"EHLO {helo}", 250)
        client.expect("MAIL FROM:<bot@example.org>", 250)
        self.assertEqual(str(client.command("RCPT TO:<user@example.test>")), reply)
        client.expect("QUIT", 221)

    def assert_says_only(self, client: SmtpClient, octets: bytes) -> None:
        """The server says exactly this and closes."""
        self.assertEqual(client.read_to_end(), octets)

    def wait_for_pass(self, fendmail: Fendmail, client: SmtpClient, which: str) -> None:
        fendmail.expect_log(rf"PASS {which} {log_name(client)}$")

    def wait_for_offers(self, fendmail: Fendmail) -> None:
        """Until fendmail has noted what the backend offers, which is after the probe's QUIT."""

        def is_noted() -> bool:
            with fendmail.client("127.0.99.99") as client:
                self.read_greeting(client)
                offered = client.expect("EHLO asking.example.org", 250)
                client.expect("QUIT", 221)
                return len(offered.lines) > 1

        wait_until(is_noted, "what the backend offers")

    def become_known(self, fendmail: Fendmail, source: str) -> None:
        """One session that passes all tests; what it passed is found from now on."""
        with fendmail.client(source) as client:
            self.read_greeting(client)
            self.wait_for_pass(fendmail, client, "NEW")
            client.expect("QUIT", 221)
