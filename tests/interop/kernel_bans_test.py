#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bans in the kernel: fendmail-nft beside fendmail, in a network of their own, read by the real nft."""

import json
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, binary, run_command
from fendmail_test.fendmail_case import CLIENT, OTHER, FendmailCase, log_name
from fendmail_test.private_network import enter_private_network, route_to_ourselves
from fendmail_test.process import Child, require_program, run
from fendmail_test.waiting import wait_until

BOT = "127.0.3.1"
HOUR = 3600
# The look at what the kernel has comes every minute.
LOOKED = 100.0


class KernelCase(FendmailCase):
    def setUp(self) -> None:
        self.sink = self.start_sink("proxy-v2")
        self.helper: Child | None = None
        self.nft = require_program("nft", "nftables")

    def tearDown(self) -> None:
        if self.helper is not None and self.helper.is_running():
            self.helper.stop()
        run([self.nft, "flush", "ruleset"])

    def start(self, **bans: object) -> Fendmail:
        self.place = self.directory("kernel") / "kernel-bans.sock"
        fendmail = self.start_fendmail(self.sink.config, {
            "greet": {"wait": "0s"},
            "bans": {"action": "defer", "kernel": "nftables", "kernel_after": 1,
                     "kernel_socket": str(self.place), "never": [OTHER], **bans},
        })
        self.api = Admin(fendmail.socket_path)
        self.port = fendmail.address[1]
        return fendmail

    def start_helper(self, *options: str, without_right: bool = False) -> Child:
        words = [binary().parent / "fendmail-nft", "--socket", self.place, *options]
        if "--port" not in options:
            words += ["--port", str(self.port)]
        if without_right:
            words = [require_program("setpriv", "util-linux"), "--bounding-set=-net_admin", *words]
        self.helper = Child(words, self.directory("helper"), "fendmail-nft")
        self.addCleanup(lambda helper=self.helper: self.show_on_failure(helper.stderr))
        return self.helper

    def ban(self, *who: str) -> None:
        for one in who:
            self.ban_for("1h", one)

    def ban_for(self, span: str, who: str) -> None:
        self.api.change("PUT", f"bans/{quote(who, safe='')}", {"for": span})

    def unban(self, who: str) -> None:
        self.api.change("DELETE", f"bans/{quote(who, safe='')}")

    def kernel(self) -> dict[str, int]:
        """Clients in its sets, and for how many seconds they stay there."""
        listed = json.loads(run([self.nft, "-j", "list", "ruleset"]))["nftables"]
        found = {}
        for one in listed:
            part = one.get("set", {})
            if not part.get("name", "").startswith("clients"):
                continue
            for element in part.get("elem", []):
                element = element["elem"]
                found[element["val"]] = element["expires"]
        return found

    def wait_for_kernel(self, *who: str, timeout: float = 20.0) -> dict[str, int]:
        def same() -> dict[str, int] | None:
            now = self.kernel()
            return now if sorted(now) == sorted(who) else None
        wait_until(lambda: same() is not None, lambda: f"{who}, not {self.kernel()}", timeout)
        return self.kernel()

    def is_dropped(self, source: str) -> bool:
        """Whether the kernel leaves an attempt to connect without an answer."""
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.bind((source, 0))
            client.settimeout(0.7)
            try:
                client.connect(("::1" if ":" in source else "127.0.0.1", self.port))
            except TimeoutError:
                return True
            return False

    def told(self) -> dict[str, object]:
        return self.api.get("bans")["kernel"]


class Bans(KernelCase):
    def test_a_banned_client_is_kept_off_by_the_kernel_and_nobody_else_is(self) -> None:
        fendmail = self.start()
        self.start_helper()
        self.ban(BOT)
        left = self.wait_for_kernel(BOT)[BOT]
        self.assertGreater(left, HOUR - 60)
        self.assertTrue(self.is_dropped(BOT))
        self.assertFalse(self.is_dropped("127.0.3.2"))
        self.assert_delivers(fendmail, CLIENT, "meanwhile")
        wait_until(lambda: self.told()["held"] == 1 and self.told()["dropped"] >= 1, "its figures")
        self.assertEqual(self.told()["trouble"], "")
        metrics = self.api.ask("GET", "/metrics")[1]
        self.assertIn("fendmail_kernel_bans_up 1\n", metrics)
        self.assertIn("fendmail_kernel_bans 1\n", metrics)
        self.assertRegex(metrics, r"fendmail_kernel_dropped_total [1-9]")
        status = run_command("status", "--socket", str(fendmail.socket_path)).stdout
        self.assertRegex(status, r"bans +1 clients and networks; in the kernel 1, [1-9]")

    def test_a_ban_that_is_taken_back_is_gone_at_once(self) -> None:
        self.start()
        self.start_helper()
        self.ban(BOT)
        self.wait_for_kernel(BOT)
        self.unban(BOT)
        self.wait_for_kernel()
        self.assertFalse(self.is_dropped(BOT))

    def test_connections_that_there_are_go_on(self) -> None:
        fendmail = self.start()
        self.start_helper()
        with fendmail.client(BOT) as client:
            client.expect_reply(220)
            self.ban(BOT)
            self.wait_for_kernel(BOT)
            client.expect("EHLO client.example.org", 250)
            client.expect("QUIT", 221)
        self.assertTrue(self.is_dropped(BOT))

    def test_only_from_the_ban_on_that_is_configured(self) -> None:
        fendmail = self.start(kernel_after=2, points={"pregreet": 10}, time="4s", max_time="8s")
        fendmail.write_config({"greet": {"wait": "1s"}})
        fendmail.reload()
        fendmail.expect_log("reloaded")
        self.start_helper()
        wait_until(lambda: self.told()["connected"], "the helper")
        for _ in range(2):
            with fendmail.client(BOT) as client:
                client.send(b"EHLO bot\r\n")
                fendmail.expect_log(rf"PREGREET \d+ after \S+ from {log_name(client)}")
            if fendmail.log.count(rf"BANNED {BOT} .*\(ban 2\)") == 0:
                fendmail.expect_log(rf"BANNED {BOT} for")
                fendmail.expect_log(rf"BAN of {BOT} is over")
                self.assertEqual(self.kernel(), {})
        fendmail.expect_log(rf"BANNED {BOT} .*\(ban 2\)")
        self.wait_for_kernel(BOT, timeout=4)

    def test_a_client_of_ipv6_is_its_network(self) -> None:
        route_to_ourselves("2001:db8:7::/48")
        self.place = self.directory("kernel") / "kernel-bans.sock"
        fendmail = self.start_fendmail(self.sink.config, {
            "server": {"listen": ["[::1]:0", "127.0.0.1:0"]},
            "greet": {"wait": "0s"},
            "bans": {"action": "drop", "kernel": "nftables", "kernel_after": 1,
                     "kernel_socket": str(self.place)},
        })
        self.api = Admin(fendmail.socket_path)
        self.port = fendmail.address[1]
        self.start_helper()
        self.ban("2001:db8:7:1::/64")
        self.wait_for_kernel("2001:db8:7:1::")
        self.assertTrue(self.is_dropped("2001:db8:7:1::25"))
        self.assertTrue(self.is_dropped("2001:db8:7:1:ffff::1"))
        self.assertFalse(self.is_dropped("2001:db8:7:2::25"))

    def test_who_is_permitted_later_is_let_through_by_the_kernel(self) -> None:
        fendmail = self.start()
        self.start_helper()
        self.ban(BOT)
        self.wait_for_kernel(BOT)
        self.api.change("PUT", f"permits/{BOT}", {"for": "1h"})
        self.wait_for_kernel()
        self.assert_delivers(fendmail, BOT, "permitted")

    def test_bans_that_are_only_told_are_not_in_the_kernel(self) -> None:
        fendmail = self.start()
        self.start_helper()
        self.ban(BOT)
        self.wait_for_kernel(BOT)
        fendmail.write_config({"bans": {"action": "ignore"}})
        fendmail.reload()
        self.wait_for_kernel()

    def test_off_takes_them_out(self) -> None:
        fendmail = self.start()
        self.start_helper()
        self.ban(BOT)
        self.wait_for_kernel(BOT)
        fendmail.write_config({"bans": {"kernel": "off"}})
        fendmail.reload()
        self.wait_for_kernel()


class Trouble(KernelCase):
    def test_what_is_flushed_behind_our_back_comes_back(self) -> None:
        self.start()
        helper = self.start_helper()
        self.ban(BOT, "127.0.3.2")
        self.wait_for_kernel(BOT, "127.0.3.2")
        for command in ("flush ruleset", "flush set inet fendmail clients4",
                        "flush chain inet fendmail input", "delete element inet fendmail clients4 "
                        "{ 127.0.3.2 }"):
            with self.subTest(command):
                run([self.nft, *command.split(" ")])
                wait_until(lambda: len(self.kernel()) == 2 and self.is_dropped(BOT),
                           lambda: f"both, not {self.kernel()}", LOOKED)
        self.assertIn("is made again", helper.stderr.tail())
        self.assertIn("the kernel has lost 2 bans", helper.stderr.tail())

    def test_a_timeout_that_somebody_has_changed_is_put_right(self) -> None:
        self.start()
        self.start_helper()
        self.ban(BOT)
        self.wait_for_kernel(BOT)
        run([self.nft, "delete", "element", "inet", "fendmail", "clients4", "{", BOT, "}"])
        run([self.nft, "add", "element", "inet", "fendmail", "clients4", "{", BOT, "timeout",
             "90s", "}"])
        wait_until(lambda: self.kernel().get(BOT, 0) > HOUR / 2, "an hour again", LOOKED)

    def test_a_ban_that_becomes_longer_is_longer_in_the_kernel(self) -> None:
        """Kernels before 6.12 leave an element that is added again its old timeout."""
        self.start()
        self.start_helper()
        self.ban(BOT)
        self.wait_for_kernel(BOT)
        self.ban_for("5h", BOT)
        wait_until(lambda: self.kernel().get(BOT, 0) > 4 * HOUR, "five hours")

    def test_a_full_set_keeps_off_whom_it_can_and_fendmail_the_rest(self) -> None:
        fendmail = self.start()
        self.start_helper("--size", "4")
        bots = [f"127.0.4.{n}" for n in range(1, 7)]
        self.ban(*bots)
        wait_until(lambda: len(self.kernel()) == 4, lambda: f"four, not {self.kernel()}")
        fendmail.expect_log("bans in the kernel: .* is full", 30)
        self.assertIn("is full", self.told()["trouble"])
        [free, *_] = [one for one in bots if one not in self.kernel()]
        with fendmail.client(free) as client:
            client.expect_reply(421)
        # Room for others: they take it, at the next look.
        held = sorted(self.kernel())
        for one in held[:2]:
            self.unban(one)
        self.wait_for_kernel(*(one for one in bots if one not in held[:2]), timeout=LOOKED)
        fendmail.expect_log("bans are in the kernel again", LOOKED)

    def test_without_the_right_it_says_so_and_mail_goes_on(self) -> None:
        fendmail = self.start()
        helper = self.start_helper(without_right=True)
        self.ban(BOT)
        fendmail.expect_log("warning: bans in the kernel: .*CAP_NET_ADMIN", 30)
        self.assertIn("CAP_NET_ADMIN", helper.stderr.tail())
        self.assertIn("fendmail_kernel_bans_up 0\n", self.api.ask("GET", "/metrics")[1])
        with fendmail.client(BOT) as client:
            client.expect_reply(421)
        self.assert_delivers(fendmail, CLIENT, "meanwhile")

    def test_a_helper_that_never_comes_is_told_of(self) -> None:
        fendmail = self.start()
        fendmail.expect_log("warning: bans in the kernel: fendmail-nft is not there", 60)
        self.assert_delivers(fendmail, CLIENT, "meanwhile")

    def test_a_helper_that_is_killed_leaves_what_ends_by_itself_and_finds_it_again(self) -> None:
        self.start()
        self.start_helper().signal(signal.SIGKILL)
        self.helper.wait(10)
        self.start_helper()
        self.ban(BOT)
        self.wait_for_kernel(BOT)
        self.helper.signal(signal.SIGKILL)
        self.helper.wait(10)
        self.assertIn(BOT, self.kernel())
        self.unban(BOT)
        self.ban("127.0.3.2")
        self.start_helper()
        self.wait_for_kernel("127.0.3.2")

    def test_a_helper_that_is_stopped_takes_its_table_away_and_no_other(self) -> None:
        self.start()
        run([self.nft, "add", "table", "inet", "admin"])
        self.start_helper()
        self.ban(BOT)
        self.wait_for_kernel(BOT)
        self.helper.signal(signal.SIGTERM)
        self.assertEqual(self.helper.wait(10), 0)
        self.assertEqual(run([self.nft, "list", "tables"]).strip(), "table inet admin")
        self.assertFalse(self.is_dropped(BOT))

    def test_a_restart_of_fendmail_lets_no_banned_client_in_between(self) -> None:
        fendmail = self.start()
        self.start_helper()
        self.ban(BOT)
        self.wait_for_kernel(BOT)
        fendmail.terminate()
        fendmail.child.wait(20)
        self.assertIn(BOT, self.kernel())
        fendmail.start()
        wait_until(lambda: self.told()["connected"] and self.told()["held"] == 1, "it is back")
        self.assertIn(BOT, self.kernel())

    def test_a_helper_that_stands_still_costs_fendmail_nothing(self) -> None:
        fendmail = self.start()
        helper = self.start_helper()
        wait_until(lambda: self.told()["connected"], "the helper")
        helper.signal(signal.SIGSTOP)
        try:
            self.ban(*(f"127.0.5.{n}" for n in range(1, 100)))
            self.assert_delivers(fendmail, CLIENT, "meanwhile")
            fendmail.expect_log("warning: bans in the kernel: fendmail-nft is not there", 90)
        finally:
            helper.signal(signal.SIGCONT)
        fendmail.expect_log("bans are in the kernel again", 60)
        self.assertEqual(len(self.kernel()), 99)

    def test_ports_that_it_does_not_keep_are_told(self) -> None:
        fendmail = self.start()
        self.start_helper("--port", "1")
        fendmail.expect_log(rf"bans in the kernel: .* add --port {self.port}", 60)


if __name__ == "__main__":
    enter_private_network()
    main()
