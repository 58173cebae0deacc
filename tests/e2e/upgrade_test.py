#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A new process takes over from a running one, and no client notices."""

import os
import shutil
import signal
import socket
import stat
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings, binary, run_command
from fendmail_test.fendmail_case import CLIENT, OTHER, FendmailCase
from fendmail_test.network import free_ports
from fendmail_test.waiting import wait_until


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie has ended.
    return " Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii")


class UpgradeCase(FendmailCase):
    def start(self, *settings: Settings) -> Fendmail:
        self.sink = self.start_sink("proxy-v2")
        # A copy: an upgrade is a new file in the old one's place.
        self.program = self.directory("program") / "fendmail"
        shutil.copy2(binary(), self.program)
        fendmail = self.make_fendmail(
            self.sink.config, {"access": {"rules": []}, "greet": {"wait": "1s"}}, *settings
        )
        fendmail.program = self.program
        self.fendmail = self.enterContext(fendmail)
        self.api = Admin(fendmail.socket_path)
        self.addCleanup(self.end_successors)
        self.successors: list[int] = []
        return fendmail

    def end_successors(self) -> None:
        for pid in self.successors:
            if is_alive(pid):
                os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not any(is_alive(pid) for pid in self.successors), lambda: "an end")

    def upgrade(self) -> int:
        """@return the process that serves now"""
        done = run_command("upgrade", "--socket", str(self.fendmail.socket_path), timeout=90)
        self.assertEqual(done.returncode, 0, done.stderr)
        pid = self.api.get("status")["pid"]
        self.successors.append(pid)
        self.assertIn(f"process {pid} serves now", done.stdout)
        return pid

    def refuse_upgrade(self) -> str:
        done = run_command("upgrade", "--socket", str(self.fendmail.socket_path), timeout=90)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("this one goes on", done.stderr)
        self.assertEqual(self.api.get("status")["pid"], self.fendmail.child.pid)
        self.assert_delivers(self.fendmail, OTHER, "still served")
        return done.stderr

    def replace_program(self, script: str) -> None:
        fresh = self.program.with_suffix(".new")
        fresh.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        fresh.chmod(fresh.stat().st_mode | stat.S_IXUSR)
        fresh.rename(self.program)


class Upgrade(UpgradeCase):
    def test_a_session_goes_on_in_the_old_process_and_new_ones_meet_the_new_one(self) -> None:
        fendmail = self.start()
        old = fendmail.child.pid
        with fendmail.client(CLIENT) as waiting, fendmail.client(OTHER) as relayed:
            relayed.expect_reply(220)
            relayed.expect("EHLO client.example.org", 250)
            new = self.upgrade()
            self.assertNotEqual(new, old)
            self.assert_delivers(fendmail, "127.0.1.7", "new")
            self.assertTrue(is_alive(old))
            waiting.expect_reply(220)
            waiting.expect("QUIT", 221)
            relayed.expect("MAIL FROM:<a@b.example>", 250)
            relayed.expect("QUIT", 221)
        wait_until(lambda: not is_alive(old), lambda: "the old process still runs")
        self.assertTrue(is_alive(new))
        self.assert_delivers(fendmail, CLIENT, "after")

    def test_upgrades_can_follow_each_other(self) -> None:
        fendmail = self.start()
        seen = {fendmail.child.pid}
        for n in range(3):
            seen.add(self.upgrade())
            self.assert_delivers(fendmail, f"127.0.1.{10 + n}", "x")
        self.assertEqual(len(seen), 4)

    def test_the_number_of_workers_may_change(self) -> None:
        fendmail = self.start({"limits": {"clients_per_address": 2}})
        for workers in (3, 1, 4):
            text = fendmail.config_path.read_text(encoding="utf-8")
            lines = [line for line in text.splitlines() if not line.startswith("workers")]
            lines.insert(lines.index("[server]") + 1, f"workers = {workers}")
            fendmail.config_path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            self.upgrade()
            self.assertEqual(self.api.get("status")["workers"], workers)
            for n in range(8):
                self.assert_delivers(fendmail, f"127.0.{workers}.{n + 10}", "x")
            # A client's sessions are counted together, wherever the kernel brings them.
            with fendmail.client(CLIENT), fendmail.client(CLIENT), fendmail.client(CLIENT) as one:
                one.expect_reply(421)

    def test_tcp_admin_goes_along(self) -> None:
        port = free_ports(1)[0]
        self.start({"admin": {"listen": f"127.0.0.1:{port}"}})
        self.upgrade()
        self.assertEqual(Admin(port).ask("GET", "/readyz")[0], 200)

    def test_rules_and_passes_go_along(self) -> None:
        fendmail = self.start()
        self.become_known(fendmail, CLIENT)
        self.api.change("PUT", "denials/127.0.9.0/24", {"for": "1h"})
        wait_until(lambda: self.api.get("passes")["passes"], lambda: "passes")
        self.upgrade()
        self.assertEqual(len(self.api.get("denials")["denials"]), 1)
        self.assert_delivers(fendmail, CLIENT, "known")
        wait_until(
            lambda: self.api.get("sessions?verdict=pass_old")["sessions"], lambda: "pass_old"
        )

    def test_no_client_fails_while_upgrades_follow_each_other(self) -> None:
        fendmail = self.start({"greet": {"wait": "0s"}})
        failures: list[str] = []
        done = threading.Event()
        served = [0, 0]

        def clients(which: int) -> None:
            while not done.is_set():
                try:
                    with fendmail.client(f"127.0.2.{which + 1}") as client:
                        client.expect_reply(220)
                        client.expect("QUIT", 221)
                    served[which] += 1
                except BaseException as e:  # noqa: BLE001
                    failures.append(repr(e))

        threads = [threading.Thread(target=clients, args=(n,)) for n in range(2)]
        for one in threads:
            one.start()
        for _ in range(3):
            self.upgrade()
            time.sleep(0.2)
        done.set()
        for one in threads:
            one.join()
        self.assertEqual(failures, [])
        self.assertGreater(min(served), 20)


class Failing(UpgradeCase):
    def test_a_successor_that_crashes(self) -> None:
        self.start()
        self.replace_program("kill -SEGV $$")
        self.assertIn("was ended by signal 11", self.refuse_upgrade())

    def test_a_successor_that_ends_at_once(self) -> None:
        self.start()
        self.replace_program("exit 3")
        self.assertIn("exit code 3", self.refuse_upgrade())

    def test_a_successor_that_is_no_program(self) -> None:
        self.start()
        self.program.rename(self.program.with_suffix(".gone"))
        done = run_command("upgrade", "--socket", str(self.fendmail.socket_path))
        self.assertEqual(done.returncode, 1)
        self.assertIn("No such file", done.stderr)
        self.assert_delivers(self.fendmail, OTHER, "still served")

    def test_a_wrong_configuration_is_told(self) -> None:
        fendmail = self.start()
        good = fendmail.config_path.read_text(encoding="utf-8")
        fendmail.config_path.write_text(good + "\n[nonsense]\n", encoding="utf-8")
        self.assertIn("nonsense", self.refuse_upgrade())
        fendmail.config_path.write_text(good, encoding="utf-8")
        self.upgrade()

    def test_a_port_that_is_taken_is_told(self) -> None:
        fendmail = self.start()
        other = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        port = f"127.0.0.1:{other.getsockname()[1]}"
        text = fendmail.config_path.read_text(encoding="utf-8")
        fendmail.config_path.write_text(
            text.replace('listen = ["127.0.0.1:0"]', f'listen = ["127.0.0.1:0", "{port}"]'),
            encoding="utf-8")
        self.assertIn("another program listens there", self.refuse_upgrade())

    def test_a_successor_that_hangs_is_ended(self) -> None:
        self.start()
        self.replace_program("exec sleep 300")
        self.assertIn("was not ready in time", self.refuse_upgrade())

    def test_a_successor_that_asks_and_then_hangs(self) -> None:
        fendmail = self.start()
        asking = self.api.connection()
        self.addCleanup(asking.close)
        asking.request("POST", "/api/v1/takeover", headers={"Content-Type": "application/json"})
        answer = asking.getresponse()  # which holds the socket
        self.assert_delivers(fendmail, OTHER, "served")
        # Of two successors each would take itself for the one that serves.
        self.assertEqual(self.api.ask("POST", "/api/v1/takeover")[0], 409)
        answer.close()
        self.assert_delivers(fendmail, CLIENT, "and again")

    def test_over_tcp_no_socket_is_handed_over(self) -> None:
        port = free_ports(1)[0]
        token = self.directory("token") / "admin"
        token.write_text("0123456789abcdef", encoding="utf-8")
        token.chmod(0o600)
        self.start({"admin": {"listen": f"127.0.0.1:{port}", "admin_token_file": str(token)}})
        status, body = Admin(port, "0123456789abcdef").ask("POST", "/api/v1/takeover")
        self.assertEqual(status, 403, body)


if __name__ == "__main__":
    main()
