#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Log formats and targets."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, binary
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, OTHER, FendmailCase, log_name
from fendmail_test.network import LOOPBACK4
from fendmail_test.process import require_root
from fendmail_test.smtp_client import SmtpClient

EVIL = b'EHLO "\\\x00\x1b\xff\xc3\xa4\r\n'


class StandardOutput(FendmailCase):
    def test_json_goes_to_standard_output_and_nothing_else_does(self) -> None:
        sink = self.start_sink("proxy-v2")
        path = self.directory("run") / "fendmail.toml"
        socket_path = path.with_name("admin.sock")
        path.write_text(
            f'[server]\nlisten = ["{LOOPBACK4}:0"]\n[admin]\nlisten = ""\n'
            f'socket = "{socket_path}"\n[store]\nkind = "none"\n'
            f'[backend]\nkind = "proxy-v2"\naddress = "{sink.config["address"]}"\n'
            '[log]\ntarget = "stdout"\nformat = "json"\n', encoding="utf-8")
        with subprocess.Popen([str(binary()), "run", "-c", str(path)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as running:
            try:
                first = json.loads(running.stdout.readline())
                self.assertEqual(first["event"], "started")
                while json.loads(running.stdout.readline())["event"] != "listening":
                    pass
            finally:
                running.send_signal(signal.SIGTERM)
            rest, errors = running.communicate(timeout=30)
        for line in rest.splitlines():
            json.loads(line)
        self.assertEqual((running.returncode, errors), (0, ""))


class Json(FendmailCase):
    def start(self) -> Fendmail:
        """`listening on` is not JSON: the address comes from the event."""
        self.sink = self.start_sink("proxy-v2")
        fendmail = self.make_fendmail(self.sink.config, {"log": {"format": "json"}})
        return self.enterContext(fendmail)

    def events(self, fendmail: Fendmail) -> list[dict[str, Any]]:
        """Each line of the log must be one JSON object."""
        return [json.loads(line) for line in fendmail.log.text().splitlines()]

    def test_every_line_parses_and_every_session_has_its_summary(self) -> None:
        fendmail = self.start()
        self.assert_delivers(fendmail, CLIENT, "one")
        with fendmail.client(OTHER) as client:
            client.send(EVIL)
            client.read_line()
            client.expect_reply(250)
            client.expect("QUIT", 221)
            bot = (client.address, client.port)
        fendmail.log.wait_for(r'"event":"session_ended"', count=2)
        fendmail.stop()

        events = self.events(fendmail)
        for event in events:
            self.assertIn("event", event)
            self.assertIn(event["level"], ("debug", "info", "warning", "error"))
            self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
        started = [e for e in events if e["event"] == "connected"]
        # Two workers may end their sessions in either order.
        ended = sorted(
            (e for e in events if e["event"] == "session_ended"), key=lambda e: e["session"]
        )
        self.assertEqual(len(started), 2)
        first, second = (e["session"] for e in ended)
        self.assertEqual(second, first + 1)
        clean, refused = ended
        self.assertEqual(clean["client"], CLIENT)
        self.assertEqual(clean["verdict"], "pass_new")
        self.assertGreater(clean["octets_in"], 0)
        self.assertGreaterEqual(clean["screening_seconds"], 0.9)
        self.assertEqual((refused["client"], refused["client_port"]), bot)
        self.assertEqual(refused["verdict"], "rejected")
        self.assertEqual(refused["reasons"], "pregreet")
        self.assertEqual(clean["backend"], self.sink.config["address"])
        self.assertEqual(refused["backend"], "")

    def test_all_events_of_one_client_have_the_number_of_its_session(self) -> None:
        fendmail = self.start()
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assert_delivers(fendmail, OTHER, "two")
        fendmail.log.wait_for(r'"event":"session_ended"', count=2)
        fendmail.stop()

        clients: dict[int, set[tuple[str, int]]] = {}
        for event in self.events(fendmail):
            if "client_port" in event:
                about = (event["client"], event["client_port"])
                clients.setdefault(event["session"], set()).add(about)
        first, second = sorted(clients)
        self.assertEqual(second, first + 1)
        for session, seen in clients.items():
            self.assertEqual(len(seen), 1, f"session {session}: {seen}")


class Logfmt(FendmailCase):
    def test_lines_are_pairs(self) -> None:
        fendmail = self.make_fendmail(self.start_sink().config, {"log": {"format": "logfmt"}})
        with fendmail:
            self.assert_delivers(fendmail, CLIENT, "one")
            fendmail.expect_log(
                r"event=session_ended .*client=127\.0\.1\.5 .*verdict=pass_new"
            )


class Targets(FendmailCase):
    def test_program_name_of_each_line(self) -> None:
        fendmail = self.start_fendmail(
            self.start_sink().config, {"log": {"ident": "postfix/postscreen"}}
        )
        with fendmail.client(CLIENT) as client:
            fendmail.expect_log(
                rf"postfix/postscreen\[{fendmail.child.pid}\]: CONNECT from {log_name(client)} to"
            )

    def test_summary_ends_each_session(self) -> None:
        fendmail = self.start_fendmail(self.start_sink("proxy-v2").config)
        self.assert_delivers(fendmail, CLIENT, "one")
        fendmail.expect_log(
            r"SUMMARY \[127\.0\.1\.5\]:\d+ session=\d+ verdict=pass_new phase=relay "
            r"ended_by=\w+ .*screening=1\.\d{3} .*total=\d+\.\d{3} in=\d+ out=\d+ backend=\S+$"
        )


# A private /dev with a log socket of our own: the C library knows only /dev/log.
IN_OWN_DEV = """
set -e
mkdir "$0"
for node in null urandom log; do touch "$0/$node"; done
mount --bind /dev/null "$0/null"
mount --bind /dev/urandom "$0/urandom"
mount --bind "$1" "$0/log"
mount --rbind "$0" /dev
shift
exec "$@"
"""


class Syslog(FendmailCase):
    def setUp(self) -> None:
        require_root("a mount namespace")
        self.scratch = self.directory("syslog")
        self.log_socket = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.log_socket.bind(str(self.scratch / "log"))
        self.log_socket.settimeout(15)

    def receive(self, pattern: str) -> re.Match[str]:
        """Waits for the message that matches; a time-out fails."""
        while True:
            message = self.log_socket.recv(8192).decode()
            if found := re.search(pattern, message):
                return found

    def test_messages_have_facility_ident_and_level(self) -> None:
        fendmail = self.make_fendmail(self.start_sink().config, NO_GREET_WAIT)
        fendmail.settings["log"].update(target="syslog", ident="postfix/postscreen")
        fendmail.write_config()
        unshare = ["unshare", "--mount", "sh", "-c", IN_OWN_DEV]
        own_dev = [str(self.scratch / "dev"), str(self.scratch / "log")]
        command = [str(binary()), "run", "-c", str(fendmail.config_path)]
        with subprocess.Popen([*unshare, *own_dev, *command]) as process:
            self.addCleanup(process.kill)
            port = int(self.receive(r"listening on 127\.0\.0\.1:(\d+)")[1])
            with SmtpClient((LOOPBACK4, port), CLIENT, 15.0) as client:
                client.expect_reply(220)
                # <22> is mail.info.
                self.receive(
                    rf"^<22>.* postfix/postscreen\[{process.pid}\]: CONNECT from "
                    rf"{log_name(client)} to \[127\.0\.0\.1\]:{port}"
                )
                client.expect("QUIT", 221)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(20), 0)


if __name__ == "__main__":
    main()
