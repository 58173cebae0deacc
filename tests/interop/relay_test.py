#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deep tests without a retry: real clients deliver to real servers on their first connection.

Every client × every backend × every way of encryption, as a table in the output.
"""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.exim import Exim
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import NO_GREET_WAIT, FendmailCase
from fendmail_test.network import to_text
from fendmail_test.postfix import Postfix
from fendmail_test.process import require_program, run
from fendmail_test.sending import EximClient, PostfixClient
from fendmail_test.smtp_client import SmtpClient
from fendmail_test.tls import make_chain_file

PROBE = "192.0.2.99"
ALL_DEEP_TESTS: Settings = {
    "pipelining": {"enable": True, "action": "enforce"},
    "non_smtp_command": {"enable": True, "action": "drop"},
    "bare_newline": {"enable": True, "action": "enforce"},
}
# Who speaks TLS with the client, and what lies between us and the backend.
TRANSPORTS = ("plain", "TLS of backend", "TLS here", "TLS on both")
BACKENDS = ("Postfix postfix-pass", "Postfix proxy-v2", "Postfix xclient", "Exim proxy-v2")


class RealCase(FendmailCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.postfix = cls.enterClassContext(Postfix())
        cls.exim = cls.enterClassContext(Exim())

    def setUp(self) -> None:
        self.show_on_failure(self.postfix.log, self.exim.log)

    def start(self, backend: str, *settings: Settings, **options: str) -> Fendmail:
        """fendmail that has asked the backend what it offers."""
        server, _, kind = backend.partition(" ")
        mta = self.postfix if server == "Postfix" else self.exim
        mark = mta.log.mark()
        fendmail = self.start_fendmail(
            {**mta.backend(kind), **options}, NO_GREET_WAIT, {"server": {"workers": 1}},
            ALL_DEEP_TESTS, *settings,
        )  # fmt: skip
        self.mta = mta
        ended = r"disconnect from .*\[" if mta is self.postfix else r"SMTP connection from .*\["
        mta.log.wait_for(ended + PROBE, 20, mark)
        return fendmail


class FirstConnection(RealCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.postfix_client = cls.enterClassContext(PostfixClient())
        cls.exim_client = cls.enterClassContext(EximClient())

    def settings(self, transport: str) -> list[Settings]:
        if transport in ("plain", "TLS of backend"):
            return [{"tls": {"level": "none"}}]
        chain = make_chain_file(self.directory("tls"), "mx.example.test", "ecdsa")
        return [{"tls": {"level": "may", "chain_files": [str(chain)]}}]

    def send_with_swaks(
        self, fendmail: Fendmail, source: str, message_id: str, *options: str
    ) -> None:
        run([
            require_program("swaks", "swaks"), "--server", to_text(fendmail.address),
            "--local-interface", source, "--helo", "swaks.example.org", "--timeout", "30s",
            "--from", "sender@example.org", "--to", "user@example.test",
            "--header", f"Message-Id: <{message_id}@example.org>", *options,
        ], timeout=60)  # fmt: skip

    def clients(self, tls: bool) -> dict[str, Callable[[Fendmail, str, str], None]]:
        def by(client: PostfixClient | EximClient) -> Callable[[Fendmail, str, str], None]:
            return lambda fendmail, source, message_id: client.send(
                fendmail.address, source, message_id, tls
            )

        options = ["--tls"] if tls else []
        return {
            "swaks": lambda f, source, name: self.send_with_swaks(f, source, name, *options),
            "Postfix smtp(8)": by(self.postfix_client),
            "Exim": by(self.exim_client),
        }

    def test_every_client_to_every_backend_by_every_transport(self) -> None:
        numbers = itertools.count(1)
        table: list[tuple[str, str, str, str]] = []
        for backend, transport in itertools.product(BACKENDS, TRANSPORTS):
            both = {"tls": "require"} if transport == "TLS on both" else {}
            fendmail = self.start(backend, *self.settings(transport), **both)
            for name, send in self.clients(transport != "plain").items():
                source = f"127.0.40.{next(numbers)}"
                with self.subTest(client=name, backend=backend, transport=transport):
                    table.append((name, backend, transport, "FAILED"))
                    received = self.send_one(fendmail, send, source)
                    self.assertEqual("esmtps" in received.lower(), self.is_tls(transport))
                    table[-1] = (name, backend, transport, "ok")
        self.show(table)
        self.assertEqual(len(table), 48)

    def is_tls(self, transport: str) -> bool:
        """Whether the backend's Received header speaks of TLS."""
        return transport in ("TLS of backend", "TLS on both")

    def send_one(
        self, fendmail: Fendmail, send: Callable[[Fendmail, str, str], None], source: str
    ) -> str:
        message_id = f"m-{source}"
        send(fendmail, source, message_id)
        mail = self.mta.mailbox.wait_for(message_id)
        self.assertIn(f"{source}]", mail.received)
        # Once: nobody was told to come back.
        fendmail.expect_log(rf"SUMMARY \[{source}\]:\d+ .*verdict=(pass_new|passed) phase=relay")
        self.assertEqual(fendmail.log.count(rf"CONNECT from \[{source}\]"), 1)
        return mail.received

    def show(self, table: list[tuple[str, str, str, str]]) -> None:
        print(f"\n{'client':<17}{'backend':<22}{'transport':<16}first connection")
        for client, backend, transport, verdict in table:
            print(f"{client:<17}{backend:<22}{transport:<16}{verdict}")

    def test_pipelining_where_it_is_no_test(self) -> None:
        for number, backend in enumerate(BACKENDS, 1):
            with self.subTest(backend):
                fendmail = self.start(backend, {"pipelining": {"enable": False}})
                source = f"127.0.41.{number}"
                self.send_one(
                    fendmail,
                    lambda f, s, name: self.send_with_swaks(f, s, name, "--pipeline"),
                    source,
                )


class Offers(RealCase):
    def offered(self, fendmail: Fendmail, source: str) -> set[str]:
        with fendmail.client(source) as client:
            client.expect_reply(220)
            lines = client.expect("EHLO client.example.org", 250).lines[1:]
            return {line[4:].split()[0] for line in lines}

    def test_what_each_backend_offers_an_outside_client(self) -> None:
        postfix = {
            "SIZE", "STARTTLS", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8", "CHUNKING"
        }  # fmt: skip
        exim = {"SIZE", "STARTTLS", "8BITMIME", "DSN", "SMTPUTF8", "CHUNKING"}
        for backend in BACKENDS:
            with self.subTest(backend):
                fendmail = self.start(backend)
                wanted = postfix if backend.startswith("Postfix") else exim
                self.assertEqual(self.offered(fendmail, "127.0.42.1"), wanted)

    def test_exims_early_pipelining_is_never_offered(self) -> None:
        """A client that has seen it once would speak before our greeting."""
        for settings in ({}, {"backend": {"data": "strict"}}):
            fendmail = self.start("Exim proxy-v2", settings)
            for source in ("127.0.42.2", "127.0.42.2"):
                with fendmail.client(source) as client:
                    client.expect_reply(220)
                    client.expect("EHLO client.example.org", 250)
                    client.expect("MAIL FROM:<a@example.org>", 250)
                    client.expect("RCPT TO:<user@example.test>", 250)
                    again = client.expect("EHLO client.example.org", 250)
                    self.assertIn("250-PIPELINING", again.lines)
                    self.assertNotIn("PIPECONNECT", str(again))
                    client.expect("QUIT", 221)
            fendmail.expect_log(r"PASS OLD \[127\.0\.42\.2\]")


SMUGGLED = (
    b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<user@example.test>\r\nDATA\r\n"
    b"Message-ID: <smuggled@example.org>\r\n\r\nx\r\n.\r\n"
)
FALSE_ENDS = (
    b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n", b"\r\n\0.\r\n",
)  # fmt: skip


class Smuggling(RealCase):
    def carry(self, client: SmtpClient, false_end: bytes) -> bytes:
        client.expect_reply(220)
        client.expect("EHLO client.example.org", 250)
        client.expect("MAIL FROM:<sender@example.org>", 250)
        client.expect("RCPT TO:<user@example.test>", 250)
        client.expect("DATA", 354)
        client.send(b"Message-ID: <carrier@example.org>\r\n\r\nline" + false_end + SMUGGLED)
        return client.read_to_end()

    def test_no_form_of_it_reaches_a_server(self) -> None:
        numbers = itertools.count(1)
        for backend in ("Postfix proxy-v2", "Postfix postfix-pass", "Exim proxy-v2"):
            fendmail = self.start(backend)
            before = len(self.mta.mailbox.files())
            for false_end in FALSE_ENDS:
                with self.subTest(backend=backend, false_end=false_end):
                    with fendmail.client(f"127.0.43.{next(numbers)}") as client:
                        answer = self.carry(client, false_end)
                        self.assertRegex(answer, rb"\A550 5\.5\.2 [^\r\n]+\r\n\Z")
            # The server still takes mail, and this is the only one.
            last = next(numbers)
            self.assert_delivers(fendmail, f"127.0.43.{last}", f"after-{last}")
            self.mta.mailbox.wait_for(f"after-{last}")
            self.assertEqual(len(self.mta.mailbox.files()), before + 1)


if __name__ == "__main__":
    main()
