#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`fendmail check --online`: a session with the backend as for a client, and the lists' own tests.

Real mail servers are asked in tests/interop/check_online_test.py.
"""

import dataclasses
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.dns_server import Mood
from fendmail_test.fendmail import Settings, run_command
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.network import refused_port, to_text
from fendmail_test.sink import EXTENSIONS, PROBE, SmtpSink

KINDS = ("proxy-v2", "proxy-v1", "xclient", "postfix-pass", "plain")


@dataclasses.dataclass
class Said:
    code: int
    out: str
    err: str


class OnlineCase(FendmailCase):
    def check(self, backend: dict[str, str], *settings: Settings, who: tuple[str, ...] = ()) -> Said:
        """As the user who runs the tests, unless `who` says another one."""
        listen: Settings = {"server": {"listen": ["127.0.0.1:0"]}}
        fendmail = self.make_fendmail(backend, listen, *settings)
        fendmail.write_config()
        done = run_command(
            "check", "--online", *(who or ("--user", "root")), "-c", str(fendmail.config_path)
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def assert_fails(self, pattern: str, backend: dict[str, str], *settings: Settings) -> Said:
        said = self.check(backend, *settings)
        self.assertEqual(said.code, 1, said)
        self.assertRegex(said.err, pattern)
        return said


class Backends(OnlineCase):
    def test_each_kind_that_is_as_configured(self) -> None:
        for kind in KINDS:
            with self.subTest(kind):
                sink = self.start_sink(kind)
                said = self.check(sink.config)
                self.assertEqual(said.code, 0, said)
                self.assertRegex(said.out, r'it greets with "220 sink\.test ESMTP sink" after \d+ ms')
                self.assertIn("SIZE 50000000", said.out)
                told = "it is told no address" if kind == "plain" else "it takes the address"
                self.assertIn(told, said.out)
                self.assertNotIn("error", said.err)
                if kind != "plain":
                    self.assertEqual([s.client[0] for s in sink.probes], [PROBE])
                self.assertEqual(sink.mails(), [])

    def test_a_port_that_expects_something_else(self) -> None:
        plain = to_text(self.start_sink("plain").address)
        for kind, why in (
            # A part of this header is QUIT for it.
            ("proxy-v2", "would get 421 or 451: backend closed the connection"),
            ("proxy-v1", "does not take the address of the client: .*PROXY header"),
            ("xclient", "does not offer XCLIENT"),
        ):
            with self.subTest(kind):
                self.assert_fails(why, {"kind": kind, "address": plain})

    def test_one_that_does_not_greet(self) -> None:
        sink = self.start_sink("plain")
        sink.behaviour.close_instead_of_greeting = True
        self.assert_fails("clients would get 421 or 451: .*closed the connection", sink.config)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            mute = {
                "kind": "plain",
                "address": to_text(silent.getsockname()),
                "greeting_timeout": "500ms",
            }
            self.assert_fails("time limit exceeded while waiting for the .*greeting", mute)

    def test_one_that_speaks_something_else(self) -> None:
        sink = self.start_sink("plain")
        sink.behaviour.greeting = b"SSH-2.0-OpenSSH_9.2\x1b[31m\r\n"
        said = self.assert_fails("backend sent no SMTP greeting", sink.config)
        self.assertNotIn("\x1b", said.out + said.err)

    def test_one_that_refuses_the_probe_proves_nothing(self) -> None:
        for name, behave in {
            "greeting": lambda sink: setattr(sink.behaviour, "greeting", b"554 5.7.1 not you\r\n"),
            "ehlo": lambda sink: sink.behaviour.replies.update(EHLO=b"550 5.7.1 not you\r\n"),
        }.items():
            with self.subTest(name):
                sink = self.start_sink("proxy-v2")
                behave(sink)
                said = self.check(sink.config)
                self.assertEqual(said.code, 0, said)
                self.assertRegex(said.err, f"warning: backend .*{PROBE}.*not you")

    def test_encryption_that_it_does_not_offer(self) -> None:
        sink = self.start_sink("proxy-v2")
        self.assert_fails("it offers no STARTTLS", {**sink.config, "tls": "require"})
        said = self.check({**sink.config, "tls": "opportunistic"})
        self.assertEqual(said.code, 0, said)
        self.assertIn("warning: backend", said.err)

    def test_encryption_that_it_offers_and_cannot_do(self) -> None:
        for reply, required, optional in (
            # It goes on in plain text: what it answers is no handshake.
            (b"220 2.0.0 go on\r\n", (1, "TLS with it does not work"), (1, "TLS with it does not work")),
            (b"454 4.7.0 no key\r\n", (1, "STARTTLS with 454"), (0, "will not be encrypted")),
        ):
            for tls, (code, why) in (("require", required), ("opportunistic", optional)):
                with self.subTest(tls=tls, reply=reply):
                    sink = self.start_sink("proxy-v2")
                    sink.behaviour.extensions = (*EXTENSIONS, "STARTTLS")
                    sink.behaviour.replies["STARTTLS"] = reply
                    said = self.check({**sink.config, "tls": tls})
                    self.assertEqual(said.code, code, said)
                    self.assertRegex(said.err, f"{'error' if code else 'warning'}: backend .*{why}")
                    self.assertNotIn("with cipher", said.out)
                    self.assertEqual([s.client[0] for s in sink.probes], [PROBE] * 2)

    def test_encryption_that_is_not_wanted_is_not_tried(self) -> None:
        sink = self.start_sink("proxy-v2")
        sink.behaviour.extensions = (*EXTENSIONS, "STARTTLS")
        self.assertEqual(self.check(sink.config).code, 0)
        self.assertNotIn("STARTTLS", [c for s in sink.probes for c in s.commands])

    def test_one_that_is_not_there(self) -> None:
        gone = {"kind": "proxy-v2", "address": f"127.0.0.1:{refused_port()}"}
        said = self.assert_fails("would get 421 or 451: Connection refused; does the mail server run", gone)
        self.assertNotIn("greets", said.out)

    def test_each_server_behind_a_name_is_asked(self) -> None:
        """localhost is in /etc/hosts with one address at least."""
        sink = self.start_sink("proxy-v2")
        named = {"kind": "proxy-v2", "address": f"localhost:{sink.address[1]}"}
        said = self.check(named)
        self.assertRegex(said.out, rf"backend localhost:{sink.address[1]} \(127\.0\.0\.1\), proxy-v2")

    def test_a_socket_that_the_user_may_not_open(self) -> None:
        sink = self.start_sink("postfix-pass")
        path = Path(sink.config["address"].removeprefix("unix:"))
        path.chmod(0o700)
        for place in path.parents:
            if place.name.startswith("fendmail-"):
                place.chmod(0o755)
        said = self.check(sink.config, who=("--user", "nobody"))
        self.assertEqual(said.code, 1, said)
        self.assertNotIn("greets", said.out)


class Lists(OnlineCase):
    def setUp(self) -> None:
        super().setUp()
        self.sink: SmtpSink = self.start_sink("proxy-v2")
        self.dns = self.start_dns()
        # RFC 5782 §5: a list has 127.0.0.2 and not 127.0.0.1.
        self.good = self.dns.zone("good.test", {"127.0.0.2": ["127.0.0.2"]})
        self.other = self.dns.zone("other.test", {"127.0.0.2": ["127.0.0.2"]})
        self.dnsbl: Settings = {
            "dnsbl": {"sites": ["good.test", "other.test"], "resolvers": [self.dns.resolver]}
        }

    def test_lists_that_answer(self) -> None:
        said = self.check(self.sink.config, self.dnsbl)
        self.assertEqual(said.code, 0, said)
        self.assertIn("try: list good.test: ok", said.out)
        self.assertIn("try: list other.test: ok", said.out)

    def test_a_list_that_is_dead_is_named_and_the_backend_is_asked_all_the_same(self) -> None:
        self.other.mood = Mood.SERVFAIL
        said = self.assert_fails("dnsbl other.test", self.sink.config, self.dnsbl)
        self.assertIn("it takes the address of the client", said.out)
        self.assertIn("try: list good.test: ok", said.out)
        self.assertNotIn("try: list other.test: ok", said.out)

    def test_lists_are_asked_though_the_backend_is_bad(self) -> None:
        gone = {"kind": "proxy-v2", "address": f"127.0.0.1:{refused_port()}"}
        said = self.assert_fails("Connection refused", gone, self.dnsbl)
        self.assertIn("try: list good.test: ok", said.out)


class Usage(OnlineCase):
    def test_a_configuration_that_cannot_be_used(self) -> None:
        said = self.assert_fails("unknown key", {"kind": "plain", "adress": "127.0.0.1:25"})
        self.assertNotIn("greets", said.out)

    def test_wrong_usage(self) -> None:
        self.assertEqual(run_command("check", "--online", "--nonsense").returncode, 2)
        self.assertEqual(run_command("check", "--online", "--groups", "mail").returncode, 2)


if __name__ == "__main__":
    main()
