#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The helpers themselves, without fendmail: a helper that lies makes every other test worthless."""

import ast
import re
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.dns_client import ask
from fendmail_test.dns_server import DnsServer, Mood, query_name
from fendmail_test.fendmail import merged, to_toml
from fendmail_test.identity import (
    Identity,
    proxy_v1_header,
    proxy_v2_header,
    send_passed,
)
from fendmail_test.logs import LogFile
from fendmail_test.process import Child, environment, run
from fendmail_test.sink import SmtpSink
from fendmail_test.smtp_client import ConnectionEnded, SmtpClient, dot_stuffed, make_message
from fendmail_test.waiting import wait_until

CLIENTS = (("192.0.2.77", 41001), ("2001:db8::77", 41002))
SERVERS = (("192.0.2.25", 25), ("2001:db8::25", 25))


def converse(client: SmtpClient, message_id: str) -> None:
    client.expect_reply(220)
    client.expect("EHLO client.example.org", 250)
    client.send_mail(make_message(message_id, "..two dots\r\n.one\r\n"))
    client.expect("QUIT", 221)


class Sink(Case):
    def test_plain_sink_keeps_a_mail_as_it_was(self) -> None:
        sink = self.enterContext(SmtpSink("plain"))
        with SmtpClient(sink.address, "127.0.0.9") as client:
            converse(client, "one")
        (mail,) = sink.wait_for_mails(1)
        self.assertEqual(mail.octets, make_message("one", "..two dots\r\n.one\r\n"))
        self.assertEqual(sink.sessions[0].client[0], "127.0.0.9")

    def test_proxy_sinks_read_the_headers(self) -> None:
        for kind, header in (("proxy-v1", proxy_v1_header), ("proxy-v2", proxy_v2_header)):
            for who, server in zip(CLIENTS, SERVERS, strict=True):
                with self.subTest(kind=kind, who=who), SmtpSink(kind) as sink:
                    with SmtpClient(sink.address) as client:
                        client.send(header(who, server))
                        converse(client, "one")
                    self.assertEqual((sink.sessions[0].client, sink.sessions[0].server),
                                     (who, server))

    def test_a_sink_that_wants_a_header_notes_its_absence(self) -> None:
        sink = self.enterContext(SmtpSink("proxy-v2"))
        with SmtpClient(sink.address) as client:
            client.send(b"EHLO client.example.org\r\n")
            with self.assertRaises(ConnectionEnded):
                client.read_reply()
        wait_until(lambda: sink.faults, "a fault")
        self.assertIn("bad PROXY v2 header", sink.faults[0])

    def test_pass_sink_takes_a_socket(self) -> None:
        sink = self.enterContext(SmtpSink("postfix-pass", self.directory()))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with SmtpClient(listener.getsockname()) as client:
                accepted, _ = listener.accept()
                with accepted:
                    path = sink.config["address"].removeprefix("unix:")
                    send_passed(path, accepted, Identity(CLIENTS[1], SERVERS[1]), 10)
                converse(client, "one")
        self.assertEqual(sink.sessions[0].client, CLIENTS[1])

    def test_xclient_sink_believes_it(self) -> None:
        sink = self.enterContext(SmtpSink("xclient"))
        with SmtpClient(sink.address) as client:
            client.expect_reply(220)
            client.expect("EHLO front.example.test", 250)
            client.expect("XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::77 PORT=41002", 220)
        self.assertEqual(sink.sessions[0].client, CLIENTS[1])

    def test_a_sink_may_hold_its_greeting(self) -> None:
        sink = self.enterContext(SmtpSink("plain"))
        sink.behaviour.may_greet.clear()
        with SmtpClient(sink.address) as client:
            self.assertTrue(client.is_silent_for(0.3))
            sink.behaviour.may_greet.set()
            client.expect_reply(220)


class Dns(Case):
    def test_names_of_queries(self) -> None:
        self.assertEqual(query_name("192.0.2.1", "bl.test"), "1.2.0.192.bl.test")
        self.assertEqual(query_name("::1", "bl.test"), "1." + "0." * 31 + "bl.test")

    def test_listed_not_listed_and_moods(self) -> None:
        server = self.enterContext(DnsServer())
        zone = server.zone("bl.test", {"127.0.0.2": ["127.0.0.4", "127.0.0.10"]})
        name = "2.0.0.127.bl.test"
        self.assertEqual(ask(server.address, name), (0, ["127.0.0.4", "127.0.0.10"]))
        self.assertEqual(ask(server.address, "3.0.0.127.bl.test"), (3, []))
        self.assertEqual(ask(server.address, "3.0.0.127.other.test"), (5, []))
        zone.mood = Mood.SERVFAIL
        self.assertEqual(ask(server.address, name), (2, []))
        zone.mood = Mood.SILENT
        with self.assertRaises(TimeoutError):
            ask(server.address, name, timeout=0.3)
        self.assertEqual(server.count("127.0.0.2", "bl.test"), 3)


class Registration(Case):
    def test_ctest_finds_every_class_with_tests(self) -> None:
        """tests/e2e/CMakeLists.txt looks for class lines; what it misses would never run."""
        tests = Path(__file__).resolve().parents[1]
        for folder in ("e2e", "interop"):
            for file in sorted((tests / folder).glob("*_test.py")):
                tree = ast.parse(file.read_text(encoding="utf-8"))
                for part in (node for node in tree.body if isinstance(node, ast.ClassDef)):
                    names = [f.name for f in part.body if isinstance(f, ast.FunctionDef)]
                    if any(name.startswith("test_") for name in names):
                        with self.subTest(file=file.name, part=part.name):
                            line = file.read_text(encoding="utf-8").splitlines()[part.lineno - 1]
                            self.assertRegex(line, r"^class [A-Za-z0-9]+\(.*Case\):$")
                            # A base class runs where a class that is found inherits from it.
                            heirs = re.findall(
                                rf"^class (\w+)\({part.name}\):$", file.read_text("utf-8"), re.M
                            )
                            found = [name for name in [part.name, *heirs] if name[-4:] != "Case"]
                            self.assertTrue(found, "taken for a base class")


class SmallParts(Case):
    def test_dots_are_stuffed(self) -> None:
        self.assertEqual(dot_stuffed(b"a\r\n.b\r\n"), b"a\r\n..b\r\n.\r\n")

    def test_settings_become_toml(self) -> None:
        settings = merged({"a": {"x": 1, "y": ["p"]}}, {"a": {"x": True}, "b": {"m": {"k.l": "v"}}})
        self.assertEqual(
            to_toml(settings), '[a]\nx = true\ny = ["p"]\n\n[b]\nm = { "k.l" = "v" }\n'
        )

    def test_a_log_is_searched_behind_a_mark(self) -> None:
        log = LogFile(self.directory() / "log")
        log.path.write_text("one\n", encoding="utf-8")
        mark = log.mark()
        with log.path.open("a", encoding="utf-8") as file:
            file.write("two\n")
        self.assertEqual(log.count("^(one|two)$"), 2)
        self.assertEqual(log.count("^(one|two)$", mark), 1)
        with self.assertRaisesRegex(AssertionError, "three"):
            log.wait_for("three", timeout=0.1)

    def test_a_child_that_ignores_sigterm_is_killed(self) -> None:
        ready = "trap '' TERM; echo ready; while :; do read -t 60 <> <(:) || :; done"
        child = Child(["bash", "-c", ready], self.directory(), "stubborn")
        child.stdout.wait_for("ready")
        with self.assertRaises(AssertionError):
            child.stop(timeout=0.3)
        self.assertFalse(child.is_running())

    def test_a_setting_of_the_callers_shell_reaches_no_program(self) -> None:
        """It would be a key of each configuration (FENDMAIL_GREET_WAIT and the like)."""
        asked = "import sys; sys.path.insert(0, sys.argv[1]); import fendmail_test, os; print(*os.environ)"
        support = Path(__file__).resolve().parents[1] / "support"
        variables = environment({"FENDMAIL_GREET_WAIT": "1s", "FENDMAIL": "kept"})
        seen = run([sys.executable, "-c", asked, support], env=variables).split()
        self.assertEqual([name for name in seen if name.startswith("FENDMAIL")], ["FENDMAIL"])

    def test_a_failed_command_is_a_failure(self) -> None:
        with self.assertRaisesRegex(AssertionError, "ended with 3"):
            run(["bash", "-c", "exit 3"])


if __name__ == "__main__":
    main()
