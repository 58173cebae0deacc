#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sockets that a service manager opens and passes (sd_listen_fds(3)); a few lines stand in for it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings, binary
from fendmail_test.fendmail_case import NO_GREET_WAIT, FendmailCase
from fendmail_test.network import LOOPBACK4
from fendmail_test.process import run

# As many sockets of one address as are wanted, from descriptor 3 on, and then the program.
MANAGER = """
import os, socket, sys
host, count, v6_only, *command = sys.argv[1:]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
port = 0
opened = []
for _ in range(int(count)):
    one = socket.socket(family, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6_only))
    one.bind((host, port))
    one.listen(100)
    port = one.getsockname()[1]
    opened.append(one)
high = [os.dup2(one.fileno(), 100 + i) for i, one in enumerate(opened)]
for i, one in enumerate(high):
    os.dup2(one, 3 + i)
    os.close(one)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=count)
os.execv(command[0], command)
"""
SHARED = r"the kernel does not steer clients to workers by address"
OTHERS = r"opens other addresses than server\.listen names"
CLIENTS = [f"127.0.3.{number}" for number in range(1, 13)]


class PassedSockets(FendmailCase):
    def make(self, host: str, count: int, *settings: Settings, v6_only: bool = True) -> Fendmail:
        fendmail = self.make_fendmail(self.start_sink().config, NO_GREET_WAIT, *settings)
        fendmail.before_command = manager(host, count, v6_only)
        return fendmail

    def serve(self, fendmail: Fendmail) -> None:
        for number, client in enumerate(CLIENTS):
            self.assert_delivers(fendmail, client, f"mail {number}")

    def test_one_socket_is_shared_by_all_workers_and_that_is_told(self) -> None:
        fendmail = self.enterContext(self.make(LOOPBACK4, 1))
        self.serve(fendmail)
        fendmail.expect_log(SHARED)

    def test_a_socket_for_each_worker_is_steered(self) -> None:
        fendmail = self.enterContext(self.make(LOOPBACK4, 2))
        self.serve(fendmail)
        self.assertEqual(fendmail.log.count(SHARED), 0)

    def test_more_sockets_than_workers_are_all_served(self) -> None:
        fendmail = self.enterContext(self.make(LOOPBACK4, 5))
        self.serve(fendmail)
        fendmail.expect_log(SHARED)

    def test_what_is_passed_is_in_force_and_a_configuration_that_differs_is_told(self) -> None:
        fendmail = self.enterContext(self.make("127.0.0.7", 1))
        self.assertEqual(fendmail.address[0], "127.0.0.7")
        fendmail.expect_log(OTHERS)

    def test_a_reload_keeps_them(self) -> None:
        fendmail = self.enterContext(self.make(LOOPBACK4, 2))
        fendmail.reload()
        fendmail.expect_log("reloaded configuration")
        self.serve(fendmail)

    def test_an_ipv6_socket_that_takes_ipv4_too_is_refused(self) -> None:
        fendmail = self.make("::", 1, {"log": {"target": "stderr"}}, v6_only=False)
        fendmail.write_config()
        command = [*fendmail.before_command, *run_arguments(fendmail)]
        with self.assertRaisesRegex(AssertionError, "BindIPv6Only=ipv6-only in the .socket unit"):
            run(command)

    def test_the_descriptors_of_another_process_are_not_taken(self) -> None:
        fendmail = self.make_fendmail(self.start_sink().config, NO_GREET_WAIT)
        fendmail.before_command = ["env", "LISTEN_PID=1", "LISTEN_FDS=1"]
        self.enterContext(fendmail)
        self.serve(fendmail)
        self.assertEqual(fendmail.log.count(OTHERS), 0)


def manager(host: str, count: int, v6_only: bool) -> list[str]:
    return [sys.executable, "-c", MANAGER, host, str(count), str(int(v6_only))]


def run_arguments(fendmail: Fendmail) -> list[str]:
    return [str(binary()), "run", "-c", str(fendmail.config_path)]


if __name__ == "__main__":
    main()
