#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The units under a real systemd: the sandbox lets through what is needed, a process that hangs is
replaced, and with fendmail.socket no client is refused while fendmail is away."""

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.booted_debian import OWN, BootedDebian, HostCase
from fendmail_test.case import main

CONFIG = "/etc/fendmail/fendmail.toml"
SETTINGS = """\
[server]
hostname = "mx.example.org"
workers = 2
[access]
rules = []
[greet]
wait = "0s"
[log]
target = "file:/var/log/fendmail/fendmail.log"
"""
# Waits for the greeting and says goodbye: what it is told is printed.
CLIENT = "printf 'QUIT\\r\\n' | nc -w 20 -s 192.0.2.77 192.0.2.1 25"
DISTANT = "198.51.100.66"


class Service(HostCase):
    @contextlib.contextmanager
    def booted(self, title: str) -> Iterator[BootedDebian]:
        with BootedDebian(self, ["adduser"], title) as mx:
            mx.quiet("groupadd --force postdrop")
            self.install(mx)
            mx.put(CONFIG, SETTINGS)
            yield mx

    def pid(self, mx: BootedDebian) -> int:
        return int(mx.quiet("systemctl show -P MainPID fendmail"))

    def test_the_sandbox_is_on_and_lets_through_what_is_needed(self) -> None:
        with self.booted("sandboxed unit") as mx:
            mx.run("systemctl start fendmail")
            self.assertRegex(mx.run(CLIENT), r"(?m)^(220|421)")
            mx.wait("cat /var/log/fendmail/fendmail.log", "SUMMARY")
            mx.wait("ls -l /var/lib/fendmail", "clients.lmdb")
            self.assertIn("fendmail", mx.run("stat -c %U /run/fendmail"))
            status = mx.run(f"cat /proc/{self.pid(mx)}/status")
            self.assertRegex(status, r"(?m)^NoNewPrivs:\t1$")
            self.assertRegex(status, r"(?m)^Seccomp:\t2$")
            self.assertRegex(status, r"(?m)^CapEff:\t0*400$")  # CAP_NET_BIND_SERVICE
            log = mx.run("cat /var/log/fendmail/fendmail.log")
            self.assertNotRegex(log, r"warning: (?!backend)|error: ")
            metrics = mx.run("printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' | nc -w 20 127.0.0.1 8025")
            self.assertIn("fendmail_connections_total 1\n", metrics)
            self.assertIn("\nprocess_start_time_seconds 1", metrics)  # which /proc alone would not tell

    def test_a_process_that_hangs_is_replaced(self) -> None:
        with self.booted("watchdog") as mx:
            mx.run(
                "mkdir -p /etc/systemd/system/fendmail.service.d\n"
                "printf '[Service]\\nWatchdogSec=2s\\nRestartSec=100ms\\n'"
                " > /etc/systemd/system/fendmail.service.d/quick.conf\n"
                "systemctl daemon-reload && systemctl start fendmail"
            )
            before = self.pid(mx)
            mx.say("longer than the watchdog waits, all is well")
            mx.run("sleep 5; systemctl show -P NRestarts fendmail | grep -x 0")
            self.assertEqual(self.pid(mx), before)
            mx.say("it hangs")
            mx.run(f"kill -STOP {before}")
            mx.wait("systemctl show -P NRestarts fendmail", "^[1-9]")
            mx.wait("journalctl -o cat -u fendmail", "Watchdog timeout")
            mx.wait("systemctl is-active fendmail", "^active$")
            self.assertNotEqual(self.pid(mx), before)

    def upgrade(self, mx: BootedDebian) -> None:
        """The unit has another main process then, and is the same unit in every other way."""
        before = self.pid(mx)
        self.assertIn("serves now", mx.run("fendmail upgrade"))
        mx.wait(f"kill -0 {before} 2>&1", "No such process")
        after = self.pid(mx)
        self.assertNotEqual(after, before)
        self.assertIn("active", mx.run("systemctl is-active fendmail"))
        self.assertIn("serving on", mx.run("systemctl show -P StatusText fendmail"))
        self.assertEqual(mx.run("systemctl show -P NRestarts fendmail").strip(), "0")
        self.assertIn(f"{after}", mx.run("systemctl status fendmail"))
        self.assertRegex(mx.run(f"cat /proc/{after}/cgroup"), r"fendmail\.service")
        self.assertRegex(mx.run(f"cat /proc/{after}/status"), r"(?m)^Seccomp:\t2$")
        self.assertRegex(mx.run(CLIENT), r"(?m)^(220|421)")

    def test_an_upgrade_makes_another_process_the_service(self) -> None:
        with self.booted("upgrade") as mx:
            mx.run("systemctl start fendmail")
            self.upgrade(mx)
            mx.say("and again, by the one that took over")
            self.upgrade(mx)
            mx.say("a reload goes to it, a stop ends it")
            mx.run("systemctl reload fendmail")
            self.assertRegex(mx.run(CLIENT), r"(?m)^(220|421)")
            mx.say("a wrong configuration leaves the old one as it was")
            before = self.pid(mx)
            mx.run(f"echo '[nonsense]' >> {CONFIG}")
            told = mx.type("fendmail upgrade 2>&1; echo \"ended with $?\"")
            self.assertIn("this one goes on", told)
            self.assertIn("ended with 1", told)
            self.assertEqual(self.pid(mx), before)
            self.assertRegex(mx.run(CLIENT), r"(?m)^(220|421)")
            mx.run("systemctl stop fendmail")
            self.assertEqual(mx.run("systemctl show -P Result fendmail").strip(), "success")
            self.assertNotIn(":25 ", mx.run("ss -ltn"))

    def test_the_kernel_keeps_banned_clients_off_and_only_the_helper_may_tell_it_to(self) -> None:
        with self.booted("bans in the kernel") as mx:
            mx.put(CONFIG, f'{SETTINGS}[bans]\naction = "drop"\nkernel = "nftables"\n')
            mx.run("systemctl enable fendmail-nft")
            mx.say("it comes with fendmail")
            mx.run("systemctl start fendmail")
            mx.wait("systemctl is-active fendmail-nft", "^active$")
            mx.quiet("ip route add local 198.51.100.0/24 dev lo")  # clients that are not ourselves
            mx.run(f"fendmail bans add {DISTANT} --for 1h")
            mx.wait("fendmail status", "in the kernel 1, ")
            mx.run(f"printf 'QUIT\\r\\n' | timeout 3 nc -w 20 -s {DISTANT} {OWN} 25", status=124)
            self.assertRegex(mx.run(CLIENT), r"(?m)^(220|421)")
            mx.wait("fendmail status", "in the kernel 1, [1-9]")
            mx.say("the rights of both")
            helper = mx.quiet("systemctl show -P MainPID fendmail-nft").strip()
            self.assertRegex(mx.run(f"cat /proc/{helper}/status"), r"(?m)^CapEff:\t0*1000$")
            self.assertRegex(mx.run(f"cat /proc/{self.pid(mx)}/status"), r"(?m)^CapEff:\t0*400$")
            mx.say("an address of this host is known as such in the unit's sandbox")
            told = mx.type(f"fendmail bans add {OWN} --for 1h 2>&1")
            self.assertIn("is an address of this host", told)
            mx.say("taken back, and stopped")
            mx.run(f"fendmail bans remove {DISTANT}")
            mx.wait("fendmail status", "in the kernel 0, ")
            self.assertRegex(mx.run(CLIENT.replace("192.0.2.77", DISTANT)), r"(?m)^(220|421)")
            mx.run("systemctl stop fendmail-nft")
            self.assertEqual(mx.run("systemctl show -P Result fendmail-nft").strip(), "success")

    def test_an_upgrade_keeps_the_sockets_of_the_socket_unit(self) -> None:
        with self.booted("upgrade with sockets") as mx:
            mx.run("systemctl enable --now fendmail.socket && systemctl start fendmail")
            self.upgrade(mx)
            mx.run("systemctl restart fendmail")
            self.assertRegex(mx.run(CLIENT), r"(?m)^(220|421)")

    def test_with_the_socket_unit_clients_wait_instead_of_being_refused(self) -> None:
        with self.booted("socket activation") as mx:
            mx.run("systemctl enable --now fendmail.socket")
            self.assertRegex(mx.run("ss -ltnp"), r'0\.0\.0\.0:25 .*"systemd"')
            self.assertIn("systemd does, for a .socket unit", mx.type("fendmail check --as-service"))
            mx.say("the first client starts it")
            self.assertRegex(mx.run(CLIENT), r"(?m)^(220|421)")
            self.assertIn("active", mx.run("systemctl is-active fendmail"))
            log = mx.wait(
                "cat /var/log/fendmail/fendmail.log", "does not steer clients to workers by address"
            )
            self.assertNotIn("opens other addresses", log)

            mx.say("and no client is refused while it restarts")
            told = mx.run(
                f"(while [ ! -e /tmp/over ]; do {CLIENT} || echo REFUSED; done) >/tmp/told 2>&1 &\n"
                "for n in 1 2 3 4 5 6 7 8; do systemctl restart fendmail; done\n"
                "touch /tmp/over; wait; cat /tmp/told"
            )
            self.assertNotIn("REFUSED", told)
            self.assertGreater(len(re.findall(r"(?m)^(220|421)", told)), 5)

            mx.say("a start that fails is tried again until it succeeds; clients wait for that")
            mx.run(f"echo '[nonsense]' >> {CONFIG} && systemctl restart fendmail", status=1)
            mx.quiet(f"({CLIENT}) >/tmp/told 2>&1 &")
            mx.wait("systemctl show -P NRestarts fendmail", "^([6-9]|1.)$")
            mx.run(f"systemctl is-active fendmail.socket && sed -i '$d' {CONFIG}")
            mx.wait("systemctl is-active fendmail", "^active$")
            mx.wait("cat /tmp/told", "^(220|421)")

            mx.say("it needs no right to bind any more")
            mx.run(
                "mkdir -p /etc/systemd/system/fendmail.service.d\n"
                "printf '[Service]\\nAmbientCapabilities=\\nCapabilityBoundingSet=\\n'"
                " > /etc/systemd/system/fendmail.service.d/no-rights.conf\n"
                "systemctl daemon-reload && systemctl restart fendmail"
            )
            self.assertRegex(mx.run(CLIENT), r"(?m)^(220|421)")
            self.assertRegex(mx.run(f"cat /proc/{self.pid(mx)}/status"), r"(?m)^CapEff:\t0+$")
            mx.say("the port is given back only with the socket unit")
            mx.run("systemctl stop fendmail.socket fendmail.service")
            self.assertNotIn(":25 ", mx.run("ss -ltn"))


if __name__ == "__main__":
    main()
