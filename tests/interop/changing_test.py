#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upgrades and reloads under load: no client fails, no session is cut."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import CLIENT, FendmailCase
from fendmail_test.network import free_ports
from fendmail_test.storm import Group, helper, run_storm
from fendmail_test.waiting import wait_until

RATE = 1000
UPGRADES = 10
SETTINGS: Settings = {
    "server": {"workers": 2},
    "greet": {"wait": "0s"},
    "limits": {"screening": 10000, "clients_per_address": 10000},
    "log": {"summary": False},
}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return " Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (ProcessLookupError, FileNotFoundError):
        return False


class Load:
    """Clients that come at a rate while something else happens."""

    def __init__(self, fendmail: Fendmail, seconds: int):
        self.groups: dict[str, Group] = {}
        self._thread = threading.Thread(
            target=lambda: self.groups.update(run_storm(
                "known", fendmail.address,
                ["--rate", str(RATE), "--duration", str(seconds), "--sources", "64"])))  # fmt: skip
        self._thread.start()

    def is_running(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> tuple[int, dict[str, int]]:
        """@return how many came, and what failed"""
        self._thread.join()
        failures: dict[str, int] = {}
        for one in self.groups.values():
            for why, count in {**one.failures, "deferred": one.deferred}.items():
                if count:
                    failures[why] = failures.get(why, 0) + count
        return sum(one.came for one in self.groups.values()), failures


class ChangingCase(FendmailCase):
    def start(self) -> Fendmail:
        port = free_ports(1)[0]
        self.enterContext(helper("sink", "--proxy", f"127.0.0.1:{port}"))
        backend = {"kind": "proxy-v2", "address": f"127.0.0.1:{port}"}
        fendmail = self.make_fendmail(backend, SETTINGS)
        self.enterContext(fendmail)
        self.api = Admin(fendmail.socket_path)
        self.pids = [fendmail.child.pid]
        self.addCleanup(self.end_successors)
        return fendmail

    def end_successors(self) -> None:
        for pid in self.pids[1:]:
            if is_alive(pid):
                os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not any(is_alive(pid) for pid in self.pids[1:]), lambda: "an end", 60)


class Upgrades(ChangingCase):
    def test_ten_upgrades_while_clients_come(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as patient:
            patient.expect_reply(220)
            patient.expect("EHLO client.example.org", 250)
            load = Load(fendmail, 40)
            for _ in range(UPGRADES):
                done = run_command("upgrade", "--socket", str(fendmail.socket_path), timeout=90)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.pids.append(self.api.get("status")["pid"])
            self.assertTrue(load.is_running(), "the load ended before the last upgrade")
            came, failures = load.end()
            # The first process still has this one.
            self.assertTrue(is_alive(self.pids[0]))
            patient.expect("MAIL FROM:<a@b.example>", 250)
            patient.expect("QUIT", 221)
        print(f"{came} clients, {UPGRADES} upgrades, failures: {failures}", file=sys.stderr)
        self.assertEqual(failures, {})
        self.assertGreater(came, 10_000)
        self.assertEqual(len(set(self.pids)), UPGRADES + 1)
        wait_until(
            lambda: not any(is_alive(pid) for pid in self.pids[:-1]), lambda: f"{self.pids}", 60)


class Reloads(ChangingCase):
    def test_a_reload_every_tenth_of_a_second_while_clients_come(self) -> None:
        fendmail = self.start()
        load = Load(fendmail, 60)
        count = 0
        while load.is_running():
            self.assertTrue(self.api.change("POST", "reload")["ok"])
            count += 1
            time.sleep(0.1)  # the rate is what is tried, not an event
        came, failures = load.end()
        print(f"{came} clients, {count} reloads, failures: {failures}", file=sys.stderr)
        self.assertEqual(failures, {})
        self.assertGreater(came, 10_000)
        self.assertGreater(count, 200)


if __name__ == "__main__":
    main()
