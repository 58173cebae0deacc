#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Behind a load balancer: PROXY headers in, and what a balancer does for itself."""

import contextlib
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test import balancer
from fendmail_test.balancer import BalancedClient
from fendmail_test.case import main
from fendmail_test.fendmail import HOSTNAME, Fendmail, Settings
from fendmail_test.fendmail_case import (
    CLIENT,
    NO_GREET_WAIT,
    OTHER,
    TEASER,
    FendmailCase,
    Stopwatch,
    log_name,
)
from fendmail_test.identity import proxy_v1_header, proxy_v2_header
from fendmail_test.network import Address, to_text
from fendmail_test.sink import SmtpSink
from fendmail_test.smtp_client import SmtpClient, make_message
from fendmail_test.waiting import wait_until

BALANCER = "127.9.0.1"
TRUSTED: Settings = {"proxy_protocol": {"trusted": ["127.9.0.0/16"]}}
TRUE: Address = ("203.0.113.77", 41001)
TRUE6: Address = ("2001:db8:5::77", 41002)
SERVICE: Address = ("192.0.2.25", 25)
SERVICE6: Address = ("2001:db8::25", 25)
NO_SERVICE = b"421 4.3.2 No system resources\r\n"
ONE_WORKER: Settings = {"server": {"workers": 1}}
LONG_WAIT: Settings = {"greet": {"wait": "60s", "wait_under_stress": "60s"}}


def bracketed(address: Address) -> str:
    """The form of the log, to be used in a pattern."""
    return re.escape(f"[{address[0]}]:{address[1]}")


class BalancedCase(FendmailCase):
    def start_behind(self, backend: dict[str, str], *settings: Settings) -> Fendmail:
        return self.start_fendmail(backend, TRUSTED, *settings)

    def connect(
        self,
        fendmail: Fendmail,
        client: Address = TRUE,
        header: bytes | None = None,
        source: str = BALANCER,
    ) -> BalancedClient:
        return self.enterContext(BalancedClient(fendmail.address, source, client, header))

    def deliver(self, client: SmtpClient, message_id: str) -> None:
        self.read_greeting(client)
        client.expect("EHLO client.example.org", 250)
        client.send_mail(make_message(message_id))
        client.expect("QUIT", 221)
        client.close()


class Headers(BalancedCase):
    def assert_is(self, fendmail: Fendmail, sink: SmtpSink, client: Address, to: Address) -> None:
        """The last session's addresses, in the log and at the backend."""
        fendmail.expect_log(rf"CONNECT from {bracketed(client)} to {bracketed(to)}$")
        fendmail.expect_log(rf"SUMMARY {bracketed(client)} ")
        self.assertEqual((sink.sessions[-1].client, sink.sessions[-1].server), (client, to))

    def test_true_addresses_reach_log_and_backend(self) -> None:
        mapped = ("::ffff:203.0.113.77", 41001)
        mapped_service = ("::ffff:192.0.2.25", 25)
        v2 = proxy_v2_header(TRUE, SERVICE)
        rows = [
            ("v1", proxy_v1_header(TRUE, SERVICE), TRUE, SERVICE),
            ("v1, LF alone", proxy_v1_header(TRUE, SERVICE)[:-2] + b"\n", TRUE, SERVICE),
            ("v1, IPv6", proxy_v1_header(TRUE6, SERVICE6), TRUE6, SERVICE6),
            ("v1, mapped", proxy_v1_header(mapped, mapped_service), TRUE, SERVICE),
            ("v2", v2, TRUE, SERVICE),
            ("v2, IPv6", proxy_v2_header(TRUE6, SERVICE6), TRUE6, SERVICE6),
            ("v2, mapped", proxy_v2_header(mapped, mapped_service), TRUE, SERVICE),
            ("v2, TLVs", balancer.with_tlvs(v2, balancer.tlv(0x05, b"x" * 128)), TRUE, SERVICE),
            ("v2, checksum", balancer.with_crc32c(v2), TRUE, SERVICE),
            ("v2, long", balancer.with_tlvs(v2, balancer.tlv(0xE0, b"x" * 4000)), TRUE, SERVICE),
        ]
        for kind in ("proxy-v2", "postfix-pass"):
            sink = self.start_sink(kind)
            fendmail = self.start_behind(sink.config, NO_GREET_WAIT)
            for title, header, client, service in rows:
                with self.subTest(f"{kind}: {title}"):
                    self.deliver(self.connect(fendmail, client, header), "one")
                    self.assert_is(fendmail, sink, client, service)
            self.assertEqual(fendmail.log.count(bracketed(("127.9.0.1", 0))[:-1]), 0)

    def test_one_octet_segments_and_a_silent_client_pass(self) -> None:
        sink = self.start_sink("proxy-v2")
        fendmail = self.start_behind(sink.config, {"greet": {"wait": "1s"}})
        for header in (proxy_v1_header(TRUE, SERVICE), proxy_v2_header(TRUE, SERVICE)):
            client = self.connect(fendmail, TRUE, b"")
            for octet in header:
                client.send(bytes([octet]))
            self.deliver(client, "one")
        fendmail.expect_log(rf"PASS NEW {bracketed(TRUE)}$")
        self.assert_is(fendmail, sink, TRUE, SERVICE)
        self.assertEqual(fendmail.log.count("PREGREET|warning"), 0)

    def test_balancer_with_an_ipv6_address(self) -> None:
        sink = self.start_sink("proxy-v2")
        fendmail = self.start_fendmail(
            sink.config,
            NO_GREET_WAIT,
            {"server": {"listen": ["[::1]:0"]}, "proxy_protocol": {"trusted": ["::1"]}},
        )
        for client, service in ((TRUE, SERVICE), (TRUE6, SERVICE6)):
            self.deliver(
                self.connect(fendmail, client, proxy_v2_header(client, service), "::1"), "one"
            )
            self.assert_is(fendmail, sink, client, service)

    def test_access_list_is_for_the_true_address(self) -> None:
        fendmail = self.start_behind(
            self.start_sink().config,
            {"access": {"rules": [f"reject {TRUE[0]}", "permit 203.0.113.0/24"], "action": "drop"}},
            LONG_WAIT,
        )
        self.assert_says_only(
            self.connect(fendmail, TRUE), b"521 5.3.2 Service currently unavailable\r\n"
        )
        neighbour = self.connect(fendmail, ("203.0.113.78", 1))
        self.assert_has_no_teaser(self.read_greeting(neighbour))

    def test_reload_changes_who_is_trusted(self) -> None:
        fendmail = self.start_fendmail(self.start_sink().config, NO_GREET_WAIT)
        fendmail.write_config(TRUSTED)
        fendmail.reload()
        fendmail.expect_log("reloaded configuration")
        self.deliver(self.connect(fendmail), "one")
        fendmail.expect_log(rf"CONNECT from {bracketed(TRUE)} ")


class Pregreet(BalancedCase):
    HELLO = b"EHLO early.example.org\r\n"

    def test_command_behind_the_header_is_speaking_too_early(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_behind(sink.config)
        for header in (proxy_v1_header(TRUE, SERVICE), proxy_v2_header(TRUE, SERVICE)):
            mark = fendmail.log.mark()
            client = self.connect(fendmail, TRUE, header + self.HELLO)
            self.assertEqual(client.read_line(), TEASER)
            client.expect_reply(250)
            self.assert_recipients_get(client, "550 5.5.1 Protocol error", helo="")
            fendmail.expect_log(
                rf"PREGREET {len(self.HELLO)} after [\d.]+ from {bracketed(TRUE)}: "
                r"EHLO early\.example\.org\\r\\n$",
                after=mark,
            )
        self.assertEqual(sink.sessions, [])

    def test_what_was_said_too_early_reaches_a_backend_that_takes_the_socket(self) -> None:
        sink = self.start_sink("postfix-pass")
        fendmail = self.start_behind(sink.config, {"greet": {"action": "ignore"}})
        client = self.connect(fendmail, TRUE, proxy_v2_header(TRUE, SERVICE) + self.HELLO)
        self.read_greeting(client)
        client.expect_reply(250)
        client.expect("QUIT", 221)
        self.assertEqual(sink.sessions[0].commands[0], "EHLO early.example.org")

    def test_header_of_anybody_else_is_speaking_too_early(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_behind(sink.config)
        header = proxy_v1_header(TRUE, SERVICE)
        with fendmail.client(CLIENT) as client:
            client.send(header)
            self.assertEqual(client.read_line(), TEASER)
            fendmail.expect_log(
                rf"PREGREET {len(header)} after [\d.]+ from {log_name(client)}: "
                rf"PROXY TCP4 {re.escape(TRUE[0])} {re.escape(SERVICE[0])} 41001 25\\r\\n$"
            )
        self.assertEqual(fendmail.log.count(bracketed(TRUE)), 0)

    def test_only_one_header_is_taken(self) -> None:
        """A client behind the balancer cannot name another one, trusted address or not."""
        fendmail = self.start_behind(self.start_sink().config)
        pretended = proxy_v1_header(("198.51.100.1", 1), SERVICE)
        trusted = (BALANCER, 7)
        client = self.connect(fendmail, trusted, proxy_v2_header(trusted, SERVICE) + pretended)
        self.assertEqual(client.read_line(), TEASER)
        fendmail.expect_log(rf"PREGREET \d+ after [\d.]+ from {bracketed(trusted)}: PROXY TCP4")
        self.assertEqual(fendmail.log.count(r"\[198\.51\.100\.1\]"), 0)


class HealthChecks(BalancedCase):
    def setUp(self) -> None:
        self.sink = self.start_sink()
        self.fendmail = self.start_behind(self.sink.config, ONE_WORKER)
        self.mark = self.fendmail.log.mark()

    def assert_left_no_trace(self) -> None:
        """A real client that comes later has the first line, and the backend saw only it."""
        client = self.connect(self.fendmail)
        self.deliver(client, "one")
        connect = self.fendmail.expect_log(rf"CONNECT from {log_name(client)} ", after=self.mark)
        self.fendmail.expect_log(rf"SUMMARY {log_name(client)} ", after=self.mark)
        self.assertEqual(self.fendmail.log.text()[self.mark :].index(connect[0]), self.first_line())
        self.assertEqual(len(self.sink.sessions), 1)
        self.assertEqual(self.fendmail.log.count("SUMMARY", self.mark), 1)

    def first_line(self) -> int:
        """Where the text of the first line begins, behind time, host and program."""
        line = self.fendmail.log.text()[self.mark :].partition("\n")[0]
        return line.index("]: ") + 3

    def test_smtp_check_is_answered(self) -> None:
        for hello in ("HELO check.example.org", "EHLO check.example.org"):
            watch = Stopwatch()
            check = self.connect(self.fendmail, header=balancer.LOCAL)
            self.assertEqual(check.read_line(), f"220 {HOSTNAME} ESMTP\r\n".encode())
            check.expect(hello, 250)
            check.expect("QUIT", 221)
            self.assertEqual(check.read_to_end(), b"")
            self.assertLess(watch.seconds(), 5)
        self.assert_left_no_trace()

    def test_check_with_the_address_of_its_own_connection_is_answered(self) -> None:
        """Version 1 has no LOCAL."""
        check = self.connect(self.fendmail, header=b"")
        own = check.balancer.strip("[").split("]:")
        header = proxy_v1_header((own[0], int(own[1])), self.fendmail.address)
        check.send(header)
        self.assertEqual(check.read_line(), f"220 {HOSTNAME} ESMTP\r\n".encode())
        check.expect("QUIT", 221)
        self.assert_left_no_trace()

    def test_check_sends_no_mail(self) -> None:
        check = self.connect(self.fendmail, header=balancer.LOCAL)
        self.read_greeting(check)
        check.expect("EHLO check.example.org", 250)
        check.expect("MAIL FROM:<>", 250)
        check.expect("RCPT TO:<user@example.test>", 450)
        check.expect("DATA", 554)
        self.assertEqual(check.read_to_end(), b"")
        self.assert_left_no_trace()

    def test_check_that_ends_anywhere_is_quiet(self) -> None:
        for end in ("close", "reset"):
            for header in (b"", balancer.LOCAL, balancer.LOCAL + b"EHLO x\r\nQUIT\r\n"):
                check = self.connect(self.fendmail, header=header)
                getattr(check, end)()
            spoken_to = self.connect(self.fendmail, header=balancer.LOCAL)
            self.read_greeting(spoken_to)
            getattr(spoken_to, end)()
        self.assert_left_no_trace()

    def test_local_header_with_a_body_is_one(self) -> None:
        body = balancer.with_tlvs(balancer.LOCAL, balancer.tlv(balancer.TLV_NOOP, b"x" * 100))
        check = self.connect(self.fendmail, header=body)
        self.read_greeting(check)
        check.expect("QUIT", 221)
        self.assert_left_no_trace()


class Unknown(BalancedCase):
    """The balancer does not know the client: the endpoints of its connection count."""

    HEADERS = (
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n",
        balancer.UNSPEC,
    )

    def test_address_of_the_connection_is_the_client(self) -> None:
        sink = self.start_sink("proxy-v2")
        fendmail = self.start_behind(sink.config)
        for number, header in enumerate(self.HEADERS):
            with self.subTest(header):
                mark = fendmail.log.mark()
                client = self.connect(fendmail, header=header)
                self.deliver(client, f"unknown-{number}")
                name = re.escape(client.balancer)
                fendmail.expect_log(rf"CONNECT from {name} ", after=mark)
                fendmail.expect_log(rf"SUMMARY {name} ", after=mark)
        told = r"warning: the balancer \S+ says of a connection that it does not know the client"
        self.assertEqual(fendmail.log.count(told), 1)

    def test_it_is_screened_like_any_client(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_behind(sink.config)
        early = self.connect(fendmail, header=self.HEADERS[0] + b"EHLO too.early\r\n")
        fendmail.expect_log(rf"PREGREET \d+ after \S+ from {re.escape(early.balancer)}")
        self.assertEqual(sink.sessions, [])

    def test_from_strangers_it_is_speaking_too_early(self) -> None:
        fendmail = self.start_behind(self.start_sink().config)
        stranger = fendmail.client("127.0.66.9")
        stranger.send(self.HEADERS[0])
        fendmail.expect_log(r"PREGREET \d+ after \S+ from \[127\.0\.66\.9\]")


class Refused(BalancedCase):
    def assert_refused(self, title: str, sent: bytes, reason: str, shown: str = "") -> None:
        with self.subTest(title):
            sink = self.start_sink()
            fendmail = self.start_behind(sink.config)
            client = self.connect(fendmail, header=sent)
            self.assert_says_only(client, NO_SERVICE)
            tail = f": {shown}" if shown else ""
            fendmail.expect_log(
                rf"warning: haproxy read: {re.escape(client.balancer)}: {reason}{tail}"
            )
            self.assertEqual(fendmail.log.count("CONNECT|SUMMARY|PREGREET"), 0)
            self.assertEqual(sink.sessions, [])

    def test_what_names_no_tcp_client(self) -> None:
        no_client = r"a PROXY header that names no TCP client \(UDP or UNIX\)"
        udp = bytearray(proxy_v2_header(TRUE, SERVICE))
        udp[13] = 0x12
        self.assert_refused("UDP", bytes(udp), no_client)

    def test_what_is_broken(self) -> None:
        v2 = proxy_v2_header(TRUE, SERVICE)
        self.assert_refused(
            "checksum", balancer.with_crc32c(v2, change=1), "a PROXY header with a wrong checksum"
        )
        self.assert_refused(
            "TLV", balancer.with_tlvs(v2, b"\x04\x00\x09x"), "a PROXY header whose parts do not"
        )
        self.assert_refused(
            "family",
            b"PROXY TCP4 2001:db8::1 192.0.2.25 1 25\r\n",
            "a PROXY header with an address that is not one of its family",
            r"PROXY TCP4 2001:db8::1 192\.0\.2\.25 1 25\\r\\n$",
        )

    def test_no_header_at_all(self) -> None:
        self.assert_refused(
            "SMTP", b"EHLO x.example\r\n", "not a PROXY protocol header", r"EHLO x\.example\\r\\n$"
        )
        self.assert_refused(
            "TLS", b"\x16\x03\x01\x02\x00", "not a PROXY protocol header", r"\\026\\003\\001"
        )

    def test_connection_that_ends_within_its_header(self) -> None:
        fendmail = self.start_behind(self.start_sink().config)
        client = self.connect(fendmail, header=b"PROXY TCP4 203.0")
        client.close()
        fendmail.expect_log(
            rf"warning: haproxy read: {re.escape(client.balancer)}: ends before it is complete: "
            r"PROXY TCP4 203\.0$"
        )

    def test_time_limit_is_for_the_whole_header(self) -> None:
        fendmail = self.start_behind(
            self.start_sink().config, {"proxy_protocol": {"timeout": "500ms"}}
        )
        for sent, shown in ((b"", "$"), (b"PROXY TCP4", ": PROXY TCP4$")):
            watch = Stopwatch()
            client = self.connect(fendmail, header=sent)
            self.assert_says_only(client, NO_SERVICE)
            self.assertGreaterEqual(watch.seconds(), 0.49)
            # The second one may come within the second in which no other line is written.
            wait_until(
                lambda c=client, s=shown: self.is_told(fendmail, c, s), "the time limit in the log"
            )

    def is_told(self, fendmail: Fendmail, client: BalancedClient, shown: str) -> bool:
        line = rf"haproxy read: .*: time limit exceeded{shown}"
        if fendmail.log.count(line):
            return True
        self.assert_says_only(self.connect(fendmail, header=b"PROXY TCP4"), NO_SERVICE)
        return False

    def test_misconfigured_balancer_does_not_flood_the_log(self) -> None:
        fendmail = self.start_behind(self.start_sink().config, ONE_WORKER)
        sent = 0

        def is_counted() -> bool:
            nonlocal sent
            self.assert_says_only(self.connect(fendmail, header=b"EHLO x\r\n"), NO_SERVICE)
            sent += 1
            return sent > 100 and fendmail.log.count(r"\(and \d+ others before it\)") > 0

        watch = Stopwatch()
        wait_until(is_counted, "a line that counts the others")
        lines = fendmail.log.matches(r"haproxy read: \S+(?: \(and (\d+) others before it\))?:")
        self.assertLessEqual(len(lines), watch.seconds() + 1)
        told = len(lines) + sum(int(line[1] or 0) for line in lines)
        self.assertLessEqual(told, sent)
        self.assertGreater(told, sent // 2)


class TrueClients(BalancedCase):
    """Balancers' addresses are spread over all workers; a client must be one client all the same."""

    BALANCERS = [f"127.9.0.{n}" for n in range(1, 17)]
    FOUR_WORKERS: Settings = {"server": {"workers": 4}}

    def test_limit_holds_across_balancers_and_direct_connections(self) -> None:
        limit: Settings = {"limits": {"clients_per_address": 5}}
        fendmail = self.start_behind(
            self.start_sink().config, LONG_WAIT, self.FOUR_WORKERS, limit
        )
        too_many = b"421 4.7.0 Error: too many connections\r\n"
        for who in (CLIENT, OTHER):
            clients: list[SmtpClient] = [
                self.connect(fendmail, (who, 1000 + n), source=source)
                for n, source in enumerate(self.BALANCERS)
            ]
            clients += [self.enterContext(fendmail.client(who)) for _ in range(4)]
            first_lines = [client.read_line() for client in clients]
            self.assertEqual(first_lines.count(TEASER), 5)
            self.assertEqual(first_lines.count(too_many), 15)

    def test_balancer_itself_has_no_limit(self) -> None:
        fendmail = self.start_behind(
            self.start_sink().config, LONG_WAIT, {"limits": {"clients_per_address": 1}}
        )
        for n in range(60):
            client = self.connect(fendmail, (f"203.0.113.{n + 1}", 1000))
            self.assertEqual(client.read_line(), TEASER)

    def test_lists_are_asked_once_for_a_client_and_for_its_true_address(self) -> None:
        dns = self.start_dns()
        zone = dns.zone("bl.test", {TRUE[0]: ["127.0.0.2"]})
        zone.may_answer.clear()
        fendmail = self.start_behind(
            self.start_sink().config,
            self.FOUR_WORKERS,
            {"greet": {"wait": "20s"}},
            {"dnsbl": {"sites": ["bl.test"], "resolvers": [dns.resolver], "action": "drop"}},
        )
        clients = [
            self.connect(fendmail, (TRUE[0], 1000 + n), source=source)
            for n, source in enumerate(self.BALANCERS)
        ]
        for client in clients:
            self.assertEqual(client.read_line(), TEASER)
        zone.may_answer.set()
        refusal = f"521 5.7.1 Service unavailable; client [{TRUE[0]}] blocked using bl.test\r\n"
        for client in clients:
            self.assert_says_only(client, refusal.encode())
        self.assertEqual(dns.count(TRUE[0], "bl.test"), 1)
        for source in self.BALANCERS:
            self.assertEqual(dns.count(source, "bl.test"), 0)

    def test_known_client_stays_known_whichever_way_it_comes(self) -> None:
        fendmail = self.start_behind(self.start_sink("proxy-v2").config, self.FOUR_WORKERS)
        first = self.connect(fendmail, (CLIENT, 1000))
        self.assert_has_teaser(self.read_greeting(first))
        self.wait_for_pass(fendmail, first, "NEW")
        for n, source in enumerate(self.BALANCERS):
            again = self.connect(fendmail, (CLIENT, 2000 + n), source=source)
            self.assert_has_no_teaser(self.read_greeting(again))
            self.wait_for_pass(fendmail, again, "OLD")
        with fendmail.client(CLIENT) as direct:
            self.assert_has_no_teaser(self.read_greeting(direct))
        stranger = self.connect(fendmail, (OTHER, 3000))
        self.assertEqual(stranger.read_line(), TEASER)


class Bounds(BalancedCase):
    FOREVER: Settings = {"proxy_protocol": {"timeout": "10m"}}

    def test_connections_that_wait_are_limited(self) -> None:
        fendmail = self.start_behind(
            self.start_sink().config, ONE_WORKER, self.FOREVER, {"limits": {"screening": 10}}
        )
        waiting = [self.connect(fendmail, header=b"P") for _ in range(10)]
        self.assert_says_only(self.connect(fendmail, header=b"P"), NO_SERVICE)
        fendmail.expect_log(
            r"haproxy read: \S+: too many connections wait for theirs \(limits\.screening\)$"
        )
        # They take no place of those who are screened, and one that goes makes room.
        with fendmail.client(CLIENT) as direct:
            self.assertEqual(direct.read_line(), TEASER)
        waiting[0].close()
        wait_until(
            lambda: self.connect(fendmail).read_line() == TEASER, "room for another connection"
        )

    def test_descriptors_are_not_used_up_by_connections_that_wait(self) -> None:
        fendmail = self.make_fendmail(
            self.start_sink("proxy-v2").config, TRUSTED, ONE_WORKER, self.FOREVER, NO_GREET_WAIT
        )
        fendmail.before_command = ["sh", "-c", 'ulimit -n 128; exec "$@"', "sh"]
        self.enterContext(fendmail)
        with contextlib.ExitStack() as stack:
            for n in range(100):
                stack.enter_context(fendmail.client(f"127.9.2.{n + 1}"))
            fendmail.expect_log("no descriptors left for more clients")
            late = self.connect(fendmail)
        self.deliver(late, "one")

    def test_orderly_stop_turns_away_who_has_not_said_who_he_is(self) -> None:
        fendmail = self.start_behind(self.start_sink("proxy-v2").config, self.FOREVER)
        silent = self.connect(fendmail, header=b"")
        half = self.connect(fendmail, header=b"PROXY TCP4 203")
        check = self.connect(fendmail, header=balancer.LOCAL)
        self.read_greeting(check)
        watch = Stopwatch()
        fendmail.terminate()
        self.assert_says_only(silent, NO_SERVICE)
        self.assert_says_only(half, NO_SERVICE)
        self.assertEqual(check.read_to_end(), b"")
        self.assertEqual(fendmail.child.wait(10), 0)
        self.assertLess(watch.seconds(), 5)
        self.assertEqual(fendmail.log.count("warning"), 0)

    def test_orderly_stop_lets_relayed_sessions_finish_and_sends_others_away(self) -> None:
        sink = self.start_sink("proxy-v2")
        fendmail = self.start_behind(sink.config, self.FOREVER, {"greet": {"wait": "2s"}})
        self.connect(fendmail, header=b"")
        client = self.connect(fendmail)
        client.expect_reply(220)
        waiting = self.connect(fendmail, ("198.51.100.9", 4077))
        self.assertEqual(waiting.read_line(), TEASER)
        fendmail.terminate()
        fendmail.expect_log(r"stopping: 1 session may finish")
        self.assertRegex(waiting.read_to_end(), rb"^220 .*\r\n421 4\.3\.2 Service shutting down\r\n$")
        client.expect("EHLO client.example.org", 250)
        client.send_mail(make_message("one"))
        client.expect("QUIT", 221)
        client.close()
        self.assertEqual(fendmail.child.wait(10), 0)
        self.assertEqual(len(sink.wait_for_mails(1)), 1)

    def test_stop_in_the_middle_of_handing_over_loses_no_session(self) -> None:
        for _ in range(5):
            fendmail = self.start_behind(
                self.start_sink().config, {"server": {"workers": 4}, "greet": {"wait": "1s"}}
            )
            with contextlib.ExitStack() as stack:
                for n in range(100):
                    stack.enter_context(
                        BalancedClient(
                            fendmail.address, f"127.9.1.{n + 1}", (f"203.0.113.{n + 1}", 1)
                        )
                    )
                fendmail.terminate()
            self.assertEqual(fendmail.child.wait(15), 0)
            begun = fendmail.log.count(r"CONNECT from \[203")
            self.assertEqual(fendmail.log.count(r"SUMMARY \[203"), begun)
            self.assertEqual(fendmail.log.count(r"DISCONNECT \[203"), begun)


if __name__ == "__main__":
    main()
