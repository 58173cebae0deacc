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
from fendmail_test.postfix import Postfix, version
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
        self.wait_for_offers(fendmail)
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


class MessageCase(RealCase):
    def begin_mail(self, client: SmtpClient, message_id: str) -> None:
        client.expect_reply(220)
        client.expect("EHLO client.example.org", 250)
        client.expect("MAIL FROM:<sender@example.org>", 250)
        client.expect("RCPT TO:<user@example.test>", 250)
        client.expect("DATA", 354)
        client.send(f"Message-ID: <{message_id}@example.org>\r\n".encode())


class Smuggling(MessageCase):
    def test_no_form_of_it_reaches_a_server(self) -> None:
        """What carries it is one mail, to its real end."""
        numbers = itertools.count(1)
        for backend in ("Postfix proxy-v2", "Postfix postfix-pass", "Exim proxy-v2"):
            fendmail = self.start(backend)
            for false_end in FALSE_ENDS:
                before = len(self.mta.mailbox.files())
                number = next(numbers)
                with self.subTest(backend=backend, false_end=false_end):
                    with fendmail.client(f"127.0.43.{number}") as client:
                        self.begin_mail(client, f"carrier-{number}")
                        client.send(b"\r\nline" + false_end + SMUGGLED)
                        client.expect_reply(250)
                        client.expect("QUIT", 221)
                    carrier = self.mta.mailbox.wait_for(f"carrier-{number}")
                    self.assertIn(b"smuggled@example.org", carrier.body)
                # The server still takes mail, and there was no other.
                last = next(numbers)
                self.assert_delivers(fendmail, f"127.0.43.{last}", f"after-{last}")
                self.mta.mailbox.wait_for(f"after-{last}")
                self.assertEqual(len(self.mta.mailbox.files()), before + 2)


# Behind "Message-ID: …\r\n"; what MTAs make of these they decide themselves.
ODD_MAILS = {
    "bare LF": b"\r\none\ntwo\n\nthree\r\n",
    "bare LF and dots": b"\r\none\n.two\n..three\n...\r\n",
    "bare CR": b"\r\none\rtwo\r\rthree\r\n",
    "bare CR and dots": b"\r\none\r.two\r..three\r\n",
    "CR CR LF": b"\r\none\r\r\ntwo\r\r\n\r\r\nthree\r\r\n",
    "LF CR": b"\r\none\n\rtwo\n\r",
    "in the header": b"X-Odd: a\n b\rc\nX-More: d\r\n\r\none\r\n",
    "before the end": b"\r\none\n",
    "CR before the end": b"\r\none\r",
    "NUL": b"\r\none\0two\r\n\0\r\n",
    "8 bits and a long line": b"\r\n\xc3\xa4\xff\n" + b"x" * 5000 + b"\n" + b"y" * 900 + b"\r\n",
}


class BareLineEnds(MessageCase):
    """A mail arrives as if it had been sent to the server directly, whoever its client is."""

    def deliver(self, client: SmtpClient, text: bytes, message_id: str) -> bytes:
        """What was stored, without what depends on the way."""
        self.begin_mail(client, message_id)
        client.send(text + (b".\r\n" if text.endswith(b"\r\n") else b"\r\n.\r\n"))
        reply = client.read_reply()
        if reply.code != 250:
            return str(reply).encode()
        client.expect("QUIT", 221)
        stored = self.mta.mailbox.wait_for(message_id).octets
        return stored[stored.index(b"Message-ID:") :].replace(message_id.encode(), b"ID")

    def test_they_are_what_the_server_makes_of_them(self) -> None:
        numbers = itertools.count(1)
        for backend, data in itertools.product(
            ("Postfix proxy-v2", "Postfix postfix-pass", "Exim proxy-v2"), ("auto", "strict")
        ):
            if (backend, data) == ("Postfix postfix-pass", "strict"):
                continue
            fendmail = self.start(backend, data=data)
            for name, text in ODD_MAILS.items():
                number = next(numbers)
                with self.subTest(backend=backend, data=data, mail=name):
                    with SmtpClient(self.mta.plain, f"127.0.44.{number}") as client:
                        directly = self.deliver(client, text, f"odd-{number}")
                    for contact in ("NEW", "OLD"):
                        with fendmail.client(f"127.0.44.{number}") as client:
                            arrived = self.deliver(client, text, f"{contact}-{number}")
                            self.wait_for_pass(fendmail, client, contact)
                        self.assertEqual(arrived, directly, contact)

    def test_commands_that_end_in_more_carriage_returns_are_commands(self) -> None:
        for number, backend in enumerate(BACKENDS, 1):
            fendmail = self.start(backend)
            for way, address in (
                ("direct", self.mta.plain), ("NEW", fendmail.address), ("OLD", fendmail.address)
            ):  # fmt: skip
                with (
                    self.subTest(backend=backend, way=way),
                    SmtpClient(address, f"127.0.46.{number}") as client,
                ):
                    client.expect_reply(220)
                    for line, code in (
                        ("EHLO client.example.org", 250), ("MAIL FROM:<sender@example.org>", 250),
                        ("RCPT TO:<user@example.test>", 250), ("DATA", 354),
                    ):  # fmt: skip
                        client.send(f"{line}\r\r\n".encode())
                        client.expect_reply(code)
                    name = f"cr-{way}-{number}"
                    client.send(f"Message-ID: <{name}@example.org>\r\n\r\none\r\n.\r\n".encode())
                    client.expect_reply(250)
                    self.assertEqual(self.mta.mailbox.wait_for(name).body, b"one\n")

    def test_a_client_that_ends_all_its_lines_in_line_feeds_delivers(self) -> None:
        for number, backend in enumerate(BACKENDS, 1):
            fendmail = self.start(backend, {"bare_newline": {"action": "ignore"}})
            stored = []
            ways = [("through", fendmail.address), ("direct", self.mta.plain)]
            if self.mta is self.postfix and version() >= (3, 9):
                del ways[1]  # it takes such commands, but not such an end of data
            for way, address in ways:
                with (
                    self.subTest(backend=backend, way=way),
                    SmtpClient(address, f"127.0.45.{number}") as client,
                ):
                    client.expect_reply(220)
                    for line, code in (
                        ("EHLO client.example.org", 250), ("MAIL FROM:<sender@example.org>", 250),
                        ("RCPT TO:<user@example.test>", 250), ("DATA", 354),
                    ):  # fmt: skip
                        client.send(f"{line}\n".encode())
                        client.expect_reply(code)
                    name = f"lf-{way}-{number}"
                    client.send(f"Message-ID: <{name}@example.org>\n\n..one\ntwo\n.\n".encode())
                    client.expect_reply(250)
                    client.send(b"QUIT\n")
                    client.expect_reply(221)
                    stored.append(self.mta.mailbox.wait_for(name).body)
            self.assertEqual(stored, [b".one\ntwo\n"] * len(ways))


if __name__ == "__main__":
    main()
