#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hand-off and relay: every kind of backend, and backends that are down, slow or rude."""

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import (
    CLIENT,
    NO_GREET_WAIT,
    TEASER,
    FendmailCase,
    Stopwatch,
    log_name,
)
from fendmail_test.network import refused_port
from fendmail_test.sink import SmtpSink
from fendmail_test.smtp_client import SmtpClient, dot_stuffed, make_message
from fendmail_test.waiting import wait_until

TELLING_KINDS = ("postfix-pass", "proxy-v2", "proxy-v1", "xclient")
RELAYING_KINDS = ("proxy-v2", "proxy-v1", "xclient", "plain")
ALL_KINDS = (*TELLING_KINDS, "plain")
BOTH_FAMILIES: Settings = {"server": {"listen": ["127.0.0.1:0", "[::1]:0"]}}
PERMIT_ALL: Settings = {"access": {"rules": ["permit 0.0.0.0/0", "permit ::/0"]}}
LARGE_OCTETS = 10_000_000


def impatient(backend: dict[str, str], **timeouts: str) -> dict[str, str]:
    return {**backend, "connect_timeout": "1s", "greeting_timeout": "1s", **timeouts}


def large_message() -> bytes:
    """10 MB with lines of many lengths, dots at their starts among them."""
    lines = [b"." * (n % 3) + b"%08d" % n + b"x" * (n * 7 % 900) for n in range(22_000)]
    message = make_message("large") + b"\r\n".join(lines) + b"\r\n"
    assert len(message) > LARGE_OCTETS
    return message


class HandOff(FendmailCase):
    def test_backend_learns_the_client(self) -> None:
        for kind in TELLING_KINDS:
            sink = self.start_sink(kind)
            fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT, BOTH_FAMILIES)
            for listener, source in enumerate((CLIENT, "::1")):
                with self.subTest(kind=kind, source=source):
                    self.assert_is_told(fendmail, sink, source, listener)

    def assert_is_told(
        self, fendmail: Fendmail, sink: SmtpSink, source: str, listener: int
    ) -> None:
        with fendmail.client(source, listener=listener) as client:
            self.read_greeting(client)
            client.expect("EHLO client.example.org", 250)
            client.send_mail(make_message("one"))
            client.expect("QUIT", 221)
            session = sink.wait_for_sessions(listener + 1)[-1]
            self.assertEqual(session.client, (client.address, client.port))
            self.assertEqual(session.server, fendmail.listening[listener])

    def test_mail_arrives_unchanged(self) -> None:
        message = make_message("one", ".\r\n..\r\n.a\r\n\tnon-ASCII: \xe4\xf6\xfc\r\n\r\n")
        for kind in ALL_KINDS:
            with self.subTest(kind):
                sink = self.start_sink(kind)
                fendmail = self.start_fendmail(sink.config)
                with fendmail.client(CLIENT) as client:
                    self.assert_has_teaser(self.read_greeting(client))
                    client.expect("EHLO client.example.org", 250)
                    client.send_mail(message)
                    client.expect("QUIT", 221)
                (mail,) = sink.wait_for_mails(1)
                self.assertEqual(mail.octets, message)
                self.assertEqual(mail.recipients, ["user@example.test"])

    def test_backend_on_ipv6(self) -> None:
        sink = self.enterContext(SmtpSink("proxy-v2", host="::1"))
        fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT)
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertEqual(sink.sessions[0].client[0], CLIENT)

    def test_multi_line_greeting_of_the_backend(self) -> None:
        sink = self.start_sink("proxy-v2")
        sink.behaviour.greeting = b"220-sink.test\r\n220-hello\r\n220 ESMTP\r\n"
        fendmail = self.start_fendmail(sink.config)
        greeting = self.assert_delivers(fendmail, CLIENT, "one")
        self.assertEqual(len(greeting.lines), 4)

    def test_handed_off_client_is_not_called_disconnected(self) -> None:
        sink = self.start_sink("postfix-pass")
        fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT)
        self.assert_delivers(fendmail, CLIENT, "one")
        fendmail.expect_log(r"SUMMARY \[127\.0\.1\.5\]:\d+ .*phase=hand_off")
        self.assertEqual(fendmail.log.count(r"DISCONNECT"), 0)

    def test_many_clients_at_once(self) -> None:
        sink = self.start_sink("proxy-v2")
        fendmail = self.start_fendmail(sink.config)
        clients = [fendmail.client(f"127.0.{n // 100 + 8}.{n % 100 + 1}") for n in range(200)]
        for client in clients:
            self.read_greeting(client)
        for n, client in enumerate(clients):
            client.expect("EHLO client.example.org", 250)
            client.send_mail(make_message(f"m{n}"))
            client.expect("QUIT", 221)
            client.close()
        sink.wait_for_mails(200)
        told = {session.client[0] for session in sink.sessions}
        self.assertEqual(told, {client.address for client in clients})


class Relay(FendmailCase):
    def test_large_mail_is_intact(self) -> None:
        message = large_message()
        for kind in ALL_KINDS:
            with self.subTest(kind):
                sink = self.start_sink(kind)
                fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT)
                with fendmail.client(CLIENT, timeout=60) as client:
                    self.read_greeting(client)
                    client.expect("EHLO client.example.org", 250)
                    client.send_mail(message)
                (mail,) = sink.wait_for_mails(1)
                self.assertEqual(
                    hashlib.sha256(mail.octets).hexdigest(), hashlib.sha256(message).hexdigest()
                )

    def test_half_closed_client_still_gets_its_replies(self) -> None:
        for kind in ALL_KINDS:
            with self.subTest(kind):
                sink = self.start_sink(kind)
                fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT)
                with fendmail.client(CLIENT) as client:
                    self.read_greeting(client)
                    client.expect("EHLO client.example.org", 250)
                    client.expect("MAIL FROM:<a@example.org>", 250)
                    client.expect("RCPT TO:<user@example.test>", 250)
                    client.expect("DATA", 354)
                    client.send(dot_stuffed(make_message("half")) + b"QUIT\r\n")
                    client.half_close()
                    client.expect_reply(250)
                    client.expect_reply(221)
                    self.assertEqual(client.read_to_end(), b"")
                self.assertEqual(len(sink.wait_for_mails(1)), 1)

    def test_client_that_leaves_in_data_leaves_no_mail(self) -> None:
        for kind in ALL_KINDS:
            for end in ("close", "reset"):
                with self.subTest(kind=kind, end=end):
                    sink = self.start_sink(kind)
                    fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT)
                    client = fendmail.client(CLIENT)
                    self.read_greeting(client)
                    client.expect("EHLO client.example.org", 250)
                    client.expect("MAIL FROM:<a@example.org>", 250)
                    client.expect("RCPT TO:<user@example.test>", 250)
                    client.expect("DATA", 354)
                    client.send(b"Subject: never finished\r\n")
                    getattr(client, end)()
                    self.wait_for_end_at(sink)
                    self.assertEqual(sink.mails(), [])

    def wait_for_end_at(self, sink: SmtpSink) -> None:
        wait_until(
            lambda: sink.faults or (sink.sessions and sink.sessions[0].ended), "the session's end"
        )

    def test_backend_that_ends_in_data_is_no_success_for_the_client(self) -> None:
        for kind in ALL_KINDS:
            with self.subTest(kind):
                sink = self.start_sink(kind)
                sink.behaviour.close_at_verb = "DATA"
                fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT)
                with fendmail.client(CLIENT) as client:
                    self.read_greeting(client)
                    client.expect("EHLO client.example.org", 250)
                    client.expect("MAIL FROM:<a@example.org>", 250)
                    client.expect("RCPT TO:<user@example.test>", 250)
                    client.send(b"DATA\r\n")
                    self.assertNotIn(b"250", client.read_to_end())

    def test_idle_session_ends(self) -> None:
        sink = self.start_sink("proxy-v2")
        backend = {**sink.config, "idle_timeout": "1s"}
        fendmail = self.start_fendmail(backend, NO_GREET_WAIT)
        watch = Stopwatch()
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            client.read_to_end()
            self.assertGreaterEqual(watch.seconds(), 0.9)
            fendmail.expect_log(rf"SUMMARY {log_name(client)} .*ended_by=fendmail")

    def test_talking_session_does_not_end(self) -> None:
        sink = self.start_sink("proxy-v2")
        backend = {**sink.config, "idle_timeout": "2s"}
        fendmail = self.start_fendmail(backend, NO_GREET_WAIT)
        watch = Stopwatch()
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            while watch.seconds() < 5:
                client.expect("NOOP", 250)
                self.assertTrue(client.is_silent_for(0.2))


class Trouble(FendmailCase):
    """Without a backend a client gets 421, never a 5xx, and the log says why, once."""

    def assert_deferred_at_once(self, client: SmtpClient) -> None:
        """Without a teaser the reply comes at once."""
        reply = client.read_reply()
        self.assertRegex(str(reply), r"^421 4\.3\.2 ")
        self.assertEqual(client.read_to_end(), b"")

    def assert_deferred_after_teaser(self, client: SmtpClient) -> None:
        """A 421 cannot complete a 220 reply, so the first command gets it."""
        self.assertEqual(client.read_line(), TEASER)
        client.expect_reply(220)
        self.assertRegex(str(client.command("EHLO client.example.org")), r"^421 4\.3\.2 ")
        self.assertEqual(client.read_to_end(), b"")

    def assert_defers(self, backend: dict[str, str], reason: str = "") -> None:
        known = self.start_fendmail(backend, PERMIT_ALL)
        with known.client(CLIENT) as client:
            self.assert_deferred_at_once(client)
        self.assert_logged_once(known, client, reason)
        screened = self.start_fendmail(backend)
        with screened.client(CLIENT) as client:
            self.assert_deferred_after_teaser(client)
        self.assert_logged_once(screened, client, reason)

    def assert_logged_once(self, fendmail: Fendmail, client: SmtpClient, reason: str) -> None:
        name = log_name(client)
        fendmail.expect_log(rf"SUMMARY {name} .*verdict=deferred")
        fendmail.expect_log(rf"DISCONNECT {name}$")
        pattern = rf"warning: backend \S+ unavailable for {name}: .*{reason}"
        self.assertEqual(fendmail.log.count(pattern), 1, fendmail.log.tail())

    def test_refused_connection(self) -> None:
        for kind in RELAYING_KINDS:
            with self.subTest(kind):
                address = f"127.0.0.1:{refused_port()}"
                self.assert_defers(impatient({"kind": kind, "address": address}), "refused")

    def test_missing_pass_socket(self) -> None:
        path = self.directory() / "no-such-socket"
        self.assert_defers(impatient({"kind": "postfix-pass", "address": f"unix:{path}"}))

    def test_silent_backend(self) -> None:
        for kind in RELAYING_KINDS:
            with self.subTest(kind):
                sink = self.start_sink(kind)
                sink.behaviour.may_greet.clear()
                self.assert_defers(impatient(sink.config), "time limit|within")

    def test_rude_greetings(self) -> None:
        greetings = {
            "busy": b"421 4.3.2 too busy\r\n",
            "refusing": b"554 5.3.2 no service here\r\n",
            "nonsense": b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "endless": b"220-" + b"x" * 200_000,
        }
        for kind in ("proxy-v2", "xclient"):
            for name, greeting in greetings.items():
                with self.subTest(kind=kind, greeting=name):
                    sink = self.start_sink(kind)
                    sink.behaviour.greeting = greeting
                    self.assert_defers(impatient(sink.config))

    def test_backend_that_closes_instead_of_greeting(self) -> None:
        for kind in RELAYING_KINDS:
            with self.subTest(kind):
                sink = self.start_sink(kind)
                sink.behaviour.close_instead_of_greeting = True
                self.assert_defers(impatient(sink.config), "closed")

    def test_refused_xclient_never_runs_with_our_address(self) -> None:
        sink = self.start_sink("xclient")
        sink.behaviour.xclient_code = 550
        for settings in (PERMIT_ALL, {}):
            fendmail = self.start_fendmail(impatient(sink.config), settings)
            fendmail.expect_log(r"warning: backend \S+ suspended: .*XCLIENT")
            with fendmail.client(CLIENT) as client:
                if settings:
                    self.assert_deferred_at_once(client)
                else:
                    self.assert_deferred_after_teaser(client)
                fendmail.expect_log(rf"SUMMARY {log_name(client)} .*verdict=deferred")
        self.assertEqual([c for s in sink.sessions for c in s.commands if c[:4] == "MAIL"], [])

    def test_refused_ehlo_before_xclient(self) -> None:
        sink = self.start_sink("xclient")
        sink.behaviour.ehlo_code = 451
        self.assert_defers(impatient(sink.config), "EHLO")

    def test_mail_is_delivered_once_the_backend_is_back(self) -> None:
        sink = self.start_sink("proxy-v2")
        sink.behaviour.close_instead_of_greeting = True
        fendmail = self.start_fendmail(impatient(sink.config))
        with fendmail.client(CLIENT) as client:
            self.assert_deferred_after_teaser(client)
        sink.behaviour.close_instead_of_greeting = False
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertEqual(len(sink.wait_for_mails(1)), 1)

    def test_going_and_coming_back_are_one_line_each(self) -> None:
        """However many clients notice; how many is in the second one."""
        sink = self.start_sink("proxy-v2")
        sink.behaviour.close_instead_of_greeting = True
        fendmail = self.start_fendmail(impatient(sink.config), PERMIT_ALL)
        for number in range(5):
            with fendmail.client(f"127.0.1.{number + 10}") as client:
                self.assert_deferred_at_once(client)
                fendmail.expect_log(rf"SUMMARY {log_name(client)} .*reasons=backend_unavailable")
        self.assertEqual(fendmail.log.count(r"warning: backend \S+ unavailable for"), 1)
        sink.behaviour.close_instead_of_greeting = False
        back = (
            r"backend \S+ takes clients again after \d+ s; 5 clients could not be handed over "
            r"meanwhile$"
        )

        def is_told() -> bool:
            # What comes and goes in turn is not back: only behind a calm while.
            self.assert_delivers(fendmail, CLIENT, "one")
            return fendmail.log.count(back) > 0

        wait_until(is_told, lambda: f"/{back}/ in {fendmail.log.tail()}", 20)
        self.assert_delivers(fendmail, CLIENT, "two")
        self.assertEqual(fendmail.log.count(back), 1)
        sink.behaviour.close_instead_of_greeting = True
        with fendmail.client(CLIENT) as client:
            self.assert_deferred_at_once(client)
        fendmail.log.wait_for(r"warning: backend \S+ unavailable for", count=2)

    def test_reload_does_not_tell_it_again(self) -> None:
        address = f"127.0.0.1:{refused_port()}"
        fendmail = self.start_fendmail({"kind": "plain", "address": address}, PERMIT_ALL)
        for number in range(2):
            with fendmail.client(CLIENT) as client:
                self.assert_deferred_at_once(client)
            fendmail.log.wait_for("SUMMARY", count=number + 1)
            fendmail.reload()
            fendmail.log.wait_for("reloaded configuration", count=number + 1)
        self.assertEqual(fendmail.log.count(r"warning: backend \S+ unavailable for"), 1)


if __name__ == "__main__":
    main()
