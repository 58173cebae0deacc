#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What systemd is told (sd_notify(3)); the test stands in for systemd."""

import shutil
import signal
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.network import accepts


class Notify(FendmailCase):
    def setUp(self) -> None:
        super().setUp()
        path = self.directory("systemd") / "notify"
        self.systemd = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.systemd.bind(str(path))
        self.systemd.settimeout(20)
        self.fendmail = self.make_fendmail(self.start_sink().config)
        self.fendmail.before_command = [shutil.which("env") or "env", f"NOTIFY_SOCKET={path}"]

    def told(self) -> dict[str, str]:
        lines = self.systemd.recv(4096).decode("utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def start(self) -> Fendmail:
        return self.enterContext(self.fendmail)

    def test_is_ready_when_it_listens(self) -> None:
        fendmail = self.start()
        told = self.told()
        self.assertEqual(told["READY"], "1")
        self.assertEqual(told["STATUS"], f"serving on 127.0.0.1:{fendmail.address[1]}")
        self.assertTrue(accepts(fendmail.address))

    def test_says_that_it_stops(self) -> None:
        fendmail = self.start()
        self.told()
        fendmail.stop()
        self.assertEqual(self.told(), {"STOPPING": "1", "STATUS": "0 sessions may finish"})

    def test_is_ready_again_after_a_reload_good_or_bad(self) -> None:
        fendmail = self.start()
        self.told()
        wrong: Settings = {"greet": {"wait": "soon"}}
        right: Settings = {"greet": {"wait": "1s"}}
        for change, status in ((wrong, "; the configuration was not reloaded: "), (right, None)):
            fendmail.write_config(change)
            fendmail.reload()
            reloading = self.told()
            self.assertEqual(reloading["RELOADING"], "1")
            self.assertGreater(int(reloading["MONOTONIC_USEC"]), 0)
            again = self.told()
            self.assertEqual(again["READY"], "1")
            if status is None:
                self.assertNotIn(";", again["STATUS"])
            else:
                self.assertIn(status, again["STATUS"])
                self.assertIn("greet.wait", again["STATUS"])

    def watch(self, **environment: str) -> None:
        """systemd watches, in this way."""
        self.fendmail.before_command += [f"{name}={value}" for name, value in environment.items()]

    def test_gives_signs_of_life_until_its_end(self) -> None:
        self.watch(WATCHDOG_USEC="200000")
        self.fendmail.write_config({"server": {"stop_timeout": "30s"}})
        fendmail = self.start()
        self.assertEqual(self.told()["READY"], "1")
        for _ in range(3):
            self.assertEqual(self.told(), {"WATCHDOG": "1"})
        with fendmail.client() as client:  # a session that may finish
            client.expect_reply(220)
            client.expect("EHLO client.example.org", 250)
            fendmail.terminate()
            while "STOPPING" not in self.told():
                pass
            for _ in range(3):
                self.assertEqual(self.told(), {"WATCHDOG": "1"})
            client.expect("QUIT", 221)
        self.assertEqual(fendmail.child.wait(20), 0)

    def test_a_process_that_hangs_gives_none(self) -> None:
        self.watch(WATCHDOG_USEC="200000")
        fendmail = self.start()
        self.told()
        self.assertEqual(self.told(), {"WATCHDOG": "1"})
        fendmail.child.signal(signal.SIGSTOP)
        self.systemd.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            for _ in range(5):  # what was on its way
                self.told()
        self.systemd.settimeout(20)
        fendmail.child.signal(signal.SIGCONT)
        self.assertEqual(self.told(), {"WATCHDOG": "1"})

    def test_gives_none_where_it_is_not_watched(self) -> None:
        self.watch(WATCHDOG_USEC="20000", WATCHDOG_PID="1")
        self.start()
        self.told()
        self.systemd.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            self.told()

    def test_nobody_who_listens_is_no_trouble(self) -> None:
        self.systemd.close()
        self.start()


if __name__ == "__main__":
    main()
