#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A backend that does not take the addresses of clients gets none, and heals by itself."""

import contextlib
import http.client
import random
import socket
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.blind_server import BlindServer
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, OTHER, FendmailCase, log_name
from fendmail_test.sink import PROBE, SmtpSink
from fendmail_test.smtp_client import ConnectionEnded, make_message
from fendmail_test.waiting import wait_until

PERMIT_ALL: Settings = {"access": {"rules": ["permit 0.0.0.0/0"]}}
DEEP: Settings = {"pipelining": {"enable": True}, "non_smtp_command": {"enable": True}}
HEADERS = ("proxy-v1", "proxy-v2")
# Bounds what a probe every five seconds, and a look every second, may take until it has healed.
HEALING = 20.0
SUSPENDED = r"warning: backend \S+ suspended: it does not take the address of the client: "
RESTORED = r"backend \S+ is in use again after \d+ s: "
WHOLE_MAIL = (
    b"EHLO client.example.org\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.test>\r\n"
    b"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n"
)


class UnixConnection(http.client.HTTPConnection):
    """To fendmail's health check."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


class IdentityCase(FendmailCase):
    def start(self, backend: dict[str, str], *settings: Settings) -> Fendmail:
        self.admin = self.directory("admin") / "socket"
        admin: Settings = {"admin": {"listen": f"unix:{self.admin}"}}
        return self.start_fendmail(backend, NO_GREET_WAIT, admin, *settings)

    def readiness(self) -> int:
        with contextlib.closing(UnixConnection(self.admin)) as connection:
            connection.request("GET", "/readyz")
            return connection.getresponse().status

    def codes(self, fendmail: Fendmail, source: str, at_once: bool = False) -> list[int]:
        """What a client is told that wants to deliver a mail, up to the end of the connection."""
        codes: list[int] = []
        with fendmail.client(source) as client, contextlib.suppress(ConnectionEnded):
            codes.append(client.read_reply().code)
            if at_once:
                client.send(WHOLE_MAIL)
                while True:
                    codes.append(client.read_reply().code)
            for line in WHOLE_MAIL.split(b"\r\n")[:4]:
                if codes[-1] >= 400:
                    break
                codes.append(client.command(line.decode()).code)
        return codes

    def assert_turned_away(self, codes: list[int]) -> None:
        """Told to come again, and nothing worse, and never to go on with a mail."""
        self.assertIn(codes[-1], (421, 451), codes)
        self.assertEqual([code for code in codes if code >= 500 or code == 354], [])

    def assert_heals(self, fendmail: Fendmail) -> None:
        fendmail.expect_log(RESTORED, HEALING)
        self.assert_delivers(fendmail, "127.0.1.77", "healed")
        self.assertEqual(fendmail.log.count(SUSPENDED), 1)
        self.assertEqual(fendmail.log.count(RESTORED), 1)
        wait_until(lambda: self.readiness() == 200, "readiness")


class BlindToHeadersCase(IdentityCase):
    def start_blind(self, kind: str, *settings: Settings, **manners) -> Fendmail:
        self.server = self.enterContext(BlindServer())
        for name, value in manners.items():
            setattr(self.server.manners, name, value)
        return self.start(self.server.config(kind), *settings)

    def assert_nothing_got_there(self) -> None:
        self.assertEqual(self.server.blind_mails, 0)
        said = [line.partition(" ")[0].upper() for line in self.server.blind_commands]
        self.assertEqual([verb for verb in said if verb in ("MAIL", "RCPT", "DATA")], [])


ORDERS = {
    "at once": {},
    "in one segment": {"in_one_segment": True},
    "octet by octet": {"octet_by_octet": True},
    "a slow greeting": {"greeting_delay": 0.5},
    "a slow greeting, all in one segment": {"greeting_delay": 0.5, "in_one_segment": True},
    "a late answer to the header": {"header_delay": 0.5},
    "an answer that comes with the next one": {"header_waits_for_command": True},
    "it closes": {"closes_behind_header": True},
    "other words": {"header_reply": b"554 5.5.1 Go away\r\n"},
    "an odd answer": {"header_reply": b"250 Whatever you say\r\n", "in_one_segment": True},
    "early talk": {"early_talk": b"554 SMTP synchronization error\r\n"},
}


class BlindToHeaders(BlindToHeadersCase):
    """A port that expects no header. Its probe is answered well, so that only sessions can tell."""

    def assert_sessions_find_out(self, kind: str, *settings: Settings) -> None:
        for name, manners in ORDERS.items():
            for at_once in (False, True):
                with self.subTest(name, kind=kind, at_once=at_once):
                    fendmail = self.start_blind(
                        kind, *settings, expects=lambda client: client == PROBE, **manners
                    )
                    wait_until(lambda: self.server.probes == 1, "the first probe")
                    self.assert_turned_away(self.codes(fendmail, CLIENT, at_once))
                    self.assert_nothing_got_there()
                    # That it closes is no proof.
                    if kind == "proxy-v1" and name != "it closes":
                        fendmail.expect_log(SUSPENDED)
                    self.assertLessEqual(fendmail.log.count(SUSPENDED), 1)
                    fendmail.stop()

    def test_a_session_finds_out_with_version_1(self) -> None:
        self.assert_sessions_find_out("proxy-v1", PERMIT_ALL)

    def test_a_session_finds_out_with_version_2(self) -> None:
        self.assert_sessions_find_out("proxy-v2", PERMIT_ALL)

    def test_a_guarded_session_finds_out(self) -> None:
        self.assert_sessions_find_out("proxy-v1", PERMIT_ALL, {"backend": {"data": "strict"}})


class BlindBehindDialog(BlindToHeadersCase):
    def test_a_session_that_goes_on_there_finds_out(self) -> None:
        for tls in ("none", "opportunistic"):
            for name, manners in ORDERS.items():
                with self.subTest(name, tls=tls):
                    fendmail = self.start_blind(
                        "proxy-v1", DEEP, {"backend": {"tls": tls}},
                        expects=lambda client: client == PROBE, **manners
                    )  # fmt: skip
                    wait_until(lambda: self.server.probes == 1, "the first probe")
                    self.assert_turned_away(self.codes(fendmail, CLIENT))
                    self.assert_nothing_got_there()
                    fendmail.stop()


class Probed(BlindToHeadersCase):
    def test_a_probe_finds_out_and_it_heals_by_itself(self) -> None:
        for kind in HEADERS:
            for settings in (PERMIT_ALL, DEEP):
                for name in ("at once", "a late answer to the header"):
                    with self.subTest(kind=kind, order=name):
                        fendmail = self.start_blind(kind, settings, **ORDERS[name])
                        fendmail.expect_log(SUSPENDED + r".*smtpd_upstream_proxy_protocol.*Exim")
                        self.assertEqual(self.readiness(), 503)
                        for source in (CLIENT, OTHER):
                            self.assert_turned_away(self.codes(fendmail, source))
                        self.assert_nothing_got_there()
                        self.server.mend()
                        self.assert_heals(fendmail)
                        fendmail.expect_log(RESTORED + r".*; 2 clients were told to come again")
                        self.assertEqual(self.server.mails, ["127.0.1.77"])
                        fendmail.stop()

    def test_a_reload_asks(self) -> None:
        fendmail = self.start_blind("proxy-v1", PERMIT_ALL)
        self.server.mend()
        wait_until(lambda: self.server.probes >= 1, "the first probe")
        self.server.manners.expects = lambda client: False
        fendmail.reload()
        fendmail.expect_log(SUSPENDED)

    def test_a_burst_is_one_line_and_one_probe_at_a_time(self) -> None:
        fendmail = self.start_blind("proxy-v1", PERMIT_ALL, {"server": {"workers": 4}})
        results: list[list[int]] = []

        def visit(number: int) -> None:
            results.append(self.codes(fendmail, f"127.0.{2 + number // 200}.{1 + number % 200}"))

        visitors = [threading.Thread(target=visit, args=(n,)) for n in range(1000)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        self.assertEqual(len(results), 1000)
        for codes in results:
            self.assert_turned_away(codes)
        self.assert_nothing_got_there()
        self.assertEqual(self.server.most_probes_at_once, 1)
        self.server.mend()
        self.assert_heals(fendmail)
        self.assertEqual(fendmail.log.count(r"warning: "), 1)

    def test_of_two_servers_behind_one_address_the_good_one_gets_mail(self) -> None:
        chance = random.Random(11)
        fendmail = self.start_blind(
            "proxy-v1", PERMIT_ALL, expects=lambda client: chance.random() < 0.5
        )
        delivered = 0
        for number in range(60):
            codes = self.codes(fendmail, f"127.0.4.{number + 1}")
            delivered += codes[-1] == 354
            if codes[-1] != 354:
                self.assert_turned_away(codes)
            wait_until(lambda: self.readiness() == 200, "another try", HEALING)
            if delivered > 2:
                break
        self.assertGreater(delivered, 2)
        self.assert_nothing_got_there()
        # The more often it comes and goes, the longer it takes to be told well.
        self.assertLess(fendmail.log.count(SUSPENDED), 5)


class Undecided(BlindToHeadersCase):
    """What a probe cannot find out leaves mail flowing."""

    def assert_mail_flows(self, fendmail: Fendmail) -> None:
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertEqual(fendmail.log.count("warning: "), 0, fendmail.log.tail())
        self.assertEqual(self.readiness(), 200)

    def test_its_address_is_refused(self) -> None:
        for greeting in (b"554 5.7.1 Client host rejected\r\n", b"421 4.7.0 try later\r\n", b""):
            for kind in HEADERS:
                with self.subTest(greeting=greeting, kind=kind):
                    fendmail = self.start_blind(kind, PERMIT_ALL, greetings={PROBE: greeting})
                    self.server.mend()
                    wait_until(lambda: self.server.probes >= 1, "the probe")
                    self.assert_mail_flows(fendmail)
                    fendmail.stop()

    def test_its_name_is_refused(self) -> None:
        sink = self.start_sink("proxy-v2")
        sink.behaviour.replies["EHLO"] = b"550 5.7.1 bad name\r\n"
        fendmail = self.start(sink.config, PERMIT_ALL)
        wait_until(lambda: any(probe.ended for probe in sink.probes), "the probe")
        sink.behaviour.replies.clear()
        self.assert_mail_flows(fendmail)


class NoProof(BlindToHeadersCase):
    """What a client can bring about at a server that is well."""

    def start_well(self, kind: str = "proxy-v1", **manners) -> Fendmail:
        fendmail = self.start_blind(kind, PERMIT_ALL, expects=lambda client: True, **manners)
        wait_until(lambda: self.server.probes == 1, "the first probe")
        return fendmail

    def assert_still_trusted(self, fendmail: Fendmail) -> None:
        self.assert_delivers(fendmail, OTHER, "one")
        self.assertEqual(fendmail.log.count(SUSPENDED), 0, fendmail.log.tail())
        fendmail.stop()

    def test_commands_that_are_refused(self) -> None:
        firsts = {
            b"XYZZY\r\n": 500, b"DATA\r\n": 503, b"GET / HTTP/1.0\r\n": 500, b"\r\n": 500,
            b"\x16\x03\x01\x00\xa5\x01\n": 500,
        }  # fmt: skip
        for first, code in firsts.items():
            with self.subTest(first):
                fendmail = self.start_well()
                with fendmail.client(CLIENT) as client:
                    client.expect_reply(220)
                    client.send(first)
                    self.assertEqual(client.read_reply().code, code)
                    client.expect("EHLO client.example.org", 250)
                    client.send_mail(make_message("one"))
                    client.expect("QUIT", 221)
                self.assertEqual(self.server.mails, [CLIENT])
                self.assert_still_trusted(fendmail)

    def test_a_refusal_of_its_name_is_the_servers_own(self) -> None:
        for refusal in (b"550 5.7.1 bad name\r\n", b"450 4.7.1 slowly\r\n", b"501 syntax\r\n"):
            with self.subTest(refusal):
                fendmail = self.start_well(replies={"EHLO": refusal})
                with fendmail.client(CLIENT) as client:
                    client.expect_reply(220)
                    self.assertEqual(
                        str(client.command("EHLO x")), refusal.decode().rstrip("\r\n")
                    )
                    client.expect("HELO x", 250)
                    client.send_mail(make_message("one"))
                self.server.manners.replies.clear()
                self.assert_still_trusted(fendmail)

    def test_who_is_refused_again_and_again_is_sent_away(self) -> None:
        fendmail = self.start_well()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            codes = []
            with contextlib.suppress(ConnectionEnded, OSError):
                while True:
                    codes.append(client.command("XYZZY").code)
        self.assertEqual(codes[:4], [500] * 4)
        self.assertLess(len(codes), 6)
        self.assert_still_trusted(fendmail)

    def test_a_line_that_the_server_takes_for_two(self) -> None:
        for first in (b"EHLO x\rXYZZY\r\n", b"XYZZY\rXYZZY\r\n"):
            with self.subTest(first):
                fendmail = self.start_well(splits_at_cr=True)
                with fendmail.client(CLIENT) as client:
                    client.expect_reply(220)
                    client.send(first)
                    # 250 when the second reply comes later than the first one.
                    self.assertIn(client.read_reply().code, (250, 421))
                self.assert_still_trusted(fendmail)

    def test_a_server_that_is_tired_of_waiting(self) -> None:
        for farewell in (b"421 4.4.2 timeout\r\n", b"451 4.7.0 Timeout waiting\r\n"):
            with self.subTest(farewell):
                fendmail = self.start_well(tired_after=0.5, tired=farewell)
                with fendmail.client(CLIENT) as client:
                    client.expect_reply(220)
                    self.assertEqual(client.read_to_end(), farewell)
                fendmail.expect_log(rf"SUMMARY {log_name(client)} .*ended_by=backend")
                self.assert_still_trusted(fendmail)

    def test_pipelining_and_a_half_closed_connection(self) -> None:
        for kind in HEADERS:
            fendmail = self.start_well(kind)
            with fendmail.client(CLIENT) as client:
                client.expect_reply(220)
                client.send(WHOLE_MAIL)
                client.half_close()
                codes = [client.read_reply().code for _ in range(6)]
                self.assertEqual(codes, [250, 250, 250, 354, 250, 221])
                self.assertEqual(client.read_to_end(), b"")
            self.assert_still_trusted(fendmail)


class Xclient(IdentityCase):
    def test_it_is_refused_or_not_offered_and_heals(self) -> None:
        def refuse(sink: SmtpSink, is_broken: bool) -> None:
            sink.behaviour.xclient_code = 550 if is_broken else 220

        def hide(sink: SmtpSink, is_broken: bool) -> None:
            sink.kind = "plain" if is_broken else "xclient"

        for name, break_it in (("refused", refuse), ("not offered", hide)):
            for settings in (PERMIT_ALL, DEEP):
                with self.subTest(name):
                    sink = self.start_sink("xclient")
                    config = sink.config
                    break_it(sink, True)
                    fendmail = self.start(config, settings)
                    fendmail.expect_log(SUSPENDED + r".*XCLIENT.*smtpd_authorized_xclient_hosts")
                    self.assertEqual(self.readiness(), 503)
                    self.assert_turned_away(self.codes(fendmail, CLIENT))
                    break_it(sink, False)
                    self.assert_heals(fendmail)
                    said = [line[:4] for session in sink.sessions for line in session.commands]
                    self.assertEqual(said.count("MAIL"), 1)
                    fendmail.stop()


class Pass(IdentityCase):
    def serve(self, path: Path, greets: bool = False) -> None:
        """Another service: it reads what comes and closes, or talks itself."""
        listener = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(str(path))
        listener.listen(64)

        def run() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        if greets:
                            connection.sendall(b"220 mx.example.test ESMTP\r\n")
                        connection.recv(4096)

        threading.Thread(target=run, daemon=True).start()

    def test_a_service_of_another_type_gets_no_client_and_it_heals(self) -> None:
        for greets in (False, True):
            for settings in (PERMIT_ALL, DEEP):
                with self.subTest(greets=greets):
                    directory = self.directory("service")
                    path = directory / "pass"
                    self.serve(path, greets)
                    fendmail = self.start(
                        {"kind": "postfix-pass", "address": f"unix:{path}"}, settings
                    )
                    # Also those that come before anybody knows.
                    self.assert_turned_away(self.codes(fendmail, CLIENT))
                    fendmail.expect_log(SUSPENDED + r".*type \"pass\".*master\.cf")
                    self.assert_turned_away(self.codes(fendmail, OTHER))
                    self.assertEqual(self.readiness(), 503)
                    path.unlink()
                    sink = self.enterContext(SmtpSink("postfix-pass", directory))
                    self.assert_heals(fendmail)
                    self.assertEqual(len(sink.mails()), 1)
                    fendmail.stop()

    def test_a_service_that_is_replaced_is_asked(self) -> None:
        directory = self.directory("service")
        with SmtpSink("postfix-pass", directory) as sink:
            fendmail = self.start(sink.config, PERMIT_ALL)
            self.assert_delivers(fendmail, CLIENT, "one")
        (directory / "pass").unlink()
        self.serve(directory / "pass")
        fendmail.expect_log(SUSPENDED)
        self.assert_turned_away(self.codes(fendmail, CLIENT))

    def test_one_that_is_not_there_yet_is_asked_later(self) -> None:
        directory = self.directory("service")
        path = directory / "pass"
        fendmail = self.start({"kind": "postfix-pass", "address": f"unix:{path}"}, PERMIT_ALL)
        self.assert_turned_away(self.codes(fendmail, CLIENT))
        sink = self.enterContext(SmtpSink("postfix-pass", directory))
        wait_until(lambda: sink.probes, "a probe", HEALING)
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertEqual(fendmail.log.count(SUSPENDED), 0)

    def test_one_that_is_slow_to_the_probe_gets_clients(self) -> None:
        directory = self.directory("service")
        sink = self.enterContext(SmtpSink("postfix-pass", directory))
        sink.behaviour.may_greet.clear()
        fendmail = self.start({**sink.config, "greeting_timeout": "1s"}, PERMIT_ALL)
        wait_until(lambda: sink.probes, "the probe")
        sink.behaviour.may_greet.set()
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertEqual(fendmail.log.count("warning: "), 0, fendmail.log.tail())


class PlainKind(IdentityCase):
    def test_check_and_start_say_what_it_means(self) -> None:
        sink = self.start_sink("plain")
        fendmail = self.start(sink.config, PERMIT_ALL)
        fendmail.expect_log(r"warning: backend\.kind is \"plain\": .* an open relay")
        said = run_command("check", "-c", str(fendmail.config_path))
        self.assertEqual(said.returncode, 0)
        self.assertRegex(said.stderr, r"warning: backend\.kind is \"plain\": .* an open relay")
        self.assert_delivers(fendmail, CLIENT, "one")
        fendmail.write_config({"backend": {"kind": "proxy-v2"}})
        self.assertNotIn("plain", run_command("check", "-c", str(fendmail.config_path)).stderr)


if __name__ == "__main__":
    main()
