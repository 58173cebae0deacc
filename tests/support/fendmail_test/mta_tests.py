# SPDX-License-Identifier: Apache-2.0
"""What must hold with every mail server behind fendmail, however it is told who the client is."""

import hashlib
import re

from .dns_server import DnsServer
from .fendmail import Fendmail, Settings, merged
from .fendmail_case import CLIENT, TEASER, FendmailCase, log_name
from .mailbox import StoredMail
from .network import to_text
from .process import require_program, run
from .sink import PROBE
from .smtp_client import SmtpClient, dot_stuffed, make_message

LISTED = "127.0.6.66"
ZONE = "bl.test"
LARGE_LINES = 130_000  # of 78 octets and CR LF each: more than 10 MB
BOTH_FAMILIES: Settings = {"server": {"listen": ["127.0.0.1:0", "[::1]:0"]}}


class MtaCase(FendmailCase):
    """`mta` is a Postfix or Exim that setUpClass of a derived class starts."""

    mta: object
    kind = ""

    def setUp(self) -> None:
        self.show_on_failure(self.mta.log)
        self.dns: DnsServer = self.start_dns()
        self.dns.zone(ZONE, {LISTED: ["127.0.0.2"]})

    def backend(self) -> dict[str, str]:
        return self.mta.backend(self.kind)

    def start(self, *settings: Settings, **backend: str) -> Fendmail:
        """fendmail before the server, with a list that has one client on it."""
        dnsbl: Settings = {"dnsbl": {"sites": [ZONE], "resolvers": [self.dns.resolver]}}
        whole = merged(BOTH_FAMILIES, dnsbl, *settings)
        mark = self.mta.log.mark()
        fendmail = self.start_fendmail({**self.backend(), **backend}, whole)
        if self.kind == "xclient" and not backend:
            # Its probe comes from our own address: only its end tells it from a client.
            self.mta.log.wait_for(rf"disconnect from \S+\[{re.escape(PROBE)}\]", after=mark)
        return fendmail

    def received_address(self, client: str) -> str:
        """How the client must stand in the Received header, as a part of it."""
        shown = "127.0.0.1" if self.kind == "plain" else client
        return f"{shown}]"

    def assert_arrived(self, message_id: str, client: str) -> StoredMail:
        mail = self.mta.mailbox.wait_for(message_id)
        self.assertIn(self.received_address(client), mail.received)
        return mail

    def assert_never_reached_the_mta(self, fendmail: Fendmail, client: str, mark: int) -> None:
        """A later client of another address is the only one that its log has since the mark."""
        self.assert_delivers(fendmail, CLIENT, self.unique("marker"))
        self.mta.mailbox.wait_for(self.unique("marker"))
        self.assertEqual(self.mta.connects(client, after=mark), 0)
        self.assertEqual(self.mta.connects(after=mark), 1)

    def unique(self, name: str) -> str:
        """A Message-ID of this test: the mailbox lives as long as the class."""
        return f"{self._testMethodName}-{name}"


class MtaTests:
    """The tests; mixed into a class that is an MtaCase."""

    def test_clean_client_is_new_and_then_known(self) -> None:
        fendmail = self.start()
        self.assert_has_teaser(self.assert_delivers(fendmail, CLIENT, self.unique("first")))
        fendmail.expect_log(r"PASS NEW \[127\.0\.1\.5\]:\d+$")
        self.assert_has_no_teaser(self.assert_delivers(fendmail, CLIENT, self.unique("second")))
        fendmail.expect_log(r"PASS OLD \[127\.0\.1\.5\]:\d+$")
        for name in ("first", "second"):
            self.assert_arrived(self.unique(name), CLIENT)

    def test_ipv6_client(self) -> None:
        fendmail = self.start()
        with fendmail.client("::1", listener=1) as client:
            self.assert_has_teaser(self.read_greeting(client))
            client.expect("EHLO client.example.org", 250)
            client.send_mail(make_message(self.unique("one")))
            client.expect("QUIT", 221)
        self.assert_arrived(self.unique("one"), "::1")

    def test_listed_client_is_refused_and_never_reaches_the_mta(self) -> None:
        fendmail = self.start()
        mark = self.mta.log.mark()
        with fendmail.client(LISTED) as client:
            self.read_greeting(client)
            self.assert_recipients_get(
                client, f"550 5.7.1 Service unavailable; client [{LISTED}] blocked using {ZONE}"
            )
            fendmail.expect_log(rf"DNSBL rank 1 for {log_name(client)}$")
        self.assert_never_reached_the_mta(fendmail, LISTED, mark)

    def test_pregreeting_client_is_refused_and_never_reaches_the_mta(self) -> None:
        fendmail = self.start()
        mark = self.mta.log.mark()
        with fendmail.client("127.0.6.67") as client:
            client.send(b"EHLO bot.example.org\r\n")
            self.assertEqual(client.read_line(), TEASER)
            client.expect_reply(250)
            self.assert_recipients_get(client, "550 5.5.1 Protocol error", helo="")
            fendmail.expect_log(rf"PREGREET 22 after [\d.]+ from {log_name(client)}: EHLO bot")
        self.assert_never_reached_the_mta(fendmail, "127.0.6.67", mark)

    def test_start_tls_passes_through(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            client.expect("EHLO client.example.org", 250)
            client.start_tls()
            client.expect("EHLO client.example.org", 250)
            client.send_mail(make_message(self.unique("one")))
            client.expect("QUIT", 221)
        received = self.assert_arrived(self.unique("one"), CLIENT).received
        self.assertIn("with esmtps", received.lower())

    def test_swaks_delivers(self) -> None:
        fendmail = self.start()
        for name, options in (("plain", []), ("tls", ["--tls"])):
            with self.subTest(name):
                self.run_swaks(fendmail, self.unique(name), *options)
                self.assert_arrived(self.unique(name), CLIENT)

    def run_swaks(self, fendmail: Fendmail, message_id: str, *options: str) -> None:
        run([
            require_program("swaks", "swaks"), "--server", to_text(fendmail.address),
            "--local-interface", CLIENT, "--helo", "swaks.example.org", "--timeout", "30s",
            "--from", "sender@example.org", "--to", "user@example.test",
            "--header", f"Message-Id: <{message_id}@example.org>", *options,
        ], timeout=60)  # fmt: skip

    def test_large_mail_is_intact(self) -> None:
        body = "".join(f"{n:010d}{'x' * 68}\r\n" for n in range(LARGE_LINES))
        fendmail = self.start()
        with fendmail.client(CLIENT, timeout=60) as client:
            self.read_greeting(client)
            client.expect("EHLO client.example.org", 250)
            client.send_mail(make_message(self.unique("large"), body))
            client.expect("QUIT", 221)
        stored = self.assert_arrived(self.unique("large"), CLIENT).body
        sent = body.replace("\r\n", "\n").encode()
        self.assertGreater(len(sent), 10_000_000)
        self.assertEqual(hashlib.sha256(stored).digest(), hashlib.sha256(sent).digest())

    def test_half_closed_client_gets_its_replies(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            client.expect("EHLO client.example.org", 250)
            client.expect("MAIL FROM:<sender@example.org>", 250)
            client.expect("RCPT TO:<user@example.test>", 250)
            client.expect("DATA", 354)
            client.send(dot_stuffed(make_message(self.unique("half"))) + b"QUIT\r\n")
            client.half_close()
            client.expect_reply(250)
            client.expect_reply(221)
            self.assertEqual(client.read_to_end(), b"")
        self.assert_arrived(self.unique("half"), CLIENT)

    def test_stopped_mta_defers_and_loses_nothing(self) -> None:
        fendmail = self.start()
        self.mta.stop()
        try:
            self.assert_deferred(fendmail)
        finally:
            self.mta.start()
        self.assert_delivers(fendmail, CLIENT, self.unique("later"))
        self.assert_arrived(self.unique("later"), CLIENT)

    def assert_deferred(self, fendmail: Fendmail) -> None:
        """A new client, hence with a teaser: 220 first, then 421 to its first command."""
        with fendmail.client(CLIENT) as client:
            self.assert_has_teaser(self.read_greeting(client))
            self.assertRegex(str(client.command("EHLO client.example.org")), r"^421 4\.3\.2 ")
            self.assertEqual(client.read_to_end(), b"")
            name = log_name(client)
        fendmail.expect_log(rf"SUMMARY {name} .*verdict=deferred")
        self.assertEqual(fendmail.log.count(rf"warning: backend \S+ unavailable for {name}: "), 1)


class RelayingMtaTests(MtaTests):
    """What holds only where fendmail waits for the server's greeting itself."""

    def test_frozen_mta_defers_and_loses_nothing(self) -> None:
        fendmail = self.start(greeting_timeout="2s")
        self.mta.pause()
        try:
            self.assert_deferred(fendmail)
        finally:
            self.mta.resume()
        self.assert_delivers(fendmail, CLIENT, self.unique("later"))
        self.assert_arrived(self.unique("later"), CLIENT)


def deliver_behind(client: SmtpClient, message_id: str) -> None:
    """A whole session on a connection that is open."""
    client.expect_reply(220)
    client.expect("EHLO client.example.org", 250)
    client.send_mail(make_message(message_id))
    client.expect("QUIT", 221)
