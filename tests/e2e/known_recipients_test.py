#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hosts that take our mail, as the log of a mail server tells: known at once, through rotations."""

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.balancer import BalancedClient
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import CLIENT, FendmailCase, Stopwatch
from fendmail_test.identity import proxy_v2_header
from fendmail_test.smtp_client import make_message
from fendmail_test.waiting import wait_until

BALANCER = "127.9.0.1"
HOST = "203.0.113.77"
HOST6 = "2001:db8:5::77"
STRANGER = "203.0.113.66"
# Any client that is screened at all waits longer than a test.
SCREENED: Settings = {"greet": {"wait": "30s", "wait_under_stress": "30s"}}


def sent(host: str, program: str = "postfix/smtp", to: str = "user@example.org") -> bytes:
    return (
        f"Nov 30 07:50:31 mx {program}[123]: 4F1A2B3C4D: to=<{to}>, "
        f"relay=mx.example.org[{host}]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, "
        "status=sent (250 2.0.0 Ok: queued as 1234)\n"
    ).encode()


def sent_by_exim(host: str) -> bytes:
    return (
        "2026-11-30 07:50:31 1tHabc-0001AbCdEfG-2Hij => user@example.org R=dnslookup "
        f'T=remote_smtp H=mx.example.org [{host}] X=TLS1.3:x:256 CV=yes C="250 ok"\n'
    ).encode()


class RecipientsCase(FendmailCase):
    def setUp(self) -> None:
        self.log = self.directory("mta") / "mail.log"
        self.log.touch()
        self.sink = self.start_sink("proxy-v2")

    def settings(self, **known) -> list[Settings]:
        return [
            {
                "proxy_protocol": {"trusted": ["127.9.0.0/16"]},
                "known_recipients": {"logs": [str(self.log)]} | known,
            },
            SCREENED,
        ]

    def start(self, *settings: Settings, **known) -> Fendmail:
        fendmail = self.start_fendmail(
            self.sink.config, *self.settings(**known), *settings
        )
        self.api = Admin(fendmail.socket_path)
        # What is written before is left out.
        fendmail.expect_log("known recipients: (following|cannot follow)")
        return fendmail

    def append(self, octets: bytes) -> None:
        with self.log.open("ab") as log:
            log.write(octets)

    def known(self) -> int:
        return self.api.get("status")["known_recipients"]

    def wait_for_known(self, count: int) -> None:
        wait_until(lambda: self.known() == count, lambda: f"{self.known()} known, not {count}")

    def is_let_in(self, fendmail: Fendmail, host: str) -> bool:
        """Whether it is greeted without a wait."""
        server = ("2001:db8::25" if ":" in host else "192.0.2.25", 25)
        header = proxy_v2_header((host, 41001), server)
        with BalancedClient(fendmail.address, BALANCER, (host, 41001), header) as client:
            if client.is_silent_for(0.3):
                return False
            first = client.read_line()
            return first.startswith(b"220 ")

    def wait_until_let_in(self, fendmail: Fendmail, host: str) -> None:
        wait_until(lambda: self.is_let_in(fendmail, host), f"{host} is known")


class Permitted(RecipientsCase):
    def test_a_host_that_took_a_mail_is_let_in(self) -> None:
        fendmail = self.start(skip="all")
        fendmail.expect_log(rf"known recipients: following {re.escape(str(self.log))}$")
        self.assertFalse(self.is_let_in(fendmail, HOST))
        self.append(sent(HOST) + sent_by_exim(HOST6))
        self.wait_for_known(2)
        self.wait_until_let_in(fendmail, HOST)
        self.wait_until_let_in(fendmail, HOST6)
        self.assertFalse(self.is_let_in(fendmail, STRANGER))
        fendmail.expect_log(
            rf"KNOWN RECIPIENT \[{re.escape(HOST)}\]:\d+ mx\.example\.org$"
        )
        fendmail.expect_log(rf"ALLOWLISTED \[{re.escape(HOST)}\]:\d+$")
        with BalancedClient(fendmail.address, BALANCER, (HOST, 41001)) as client:
            client.expect_reply(220)
            client.expect("EHLO mx.example.org", 250)
            client.send_mail(make_message("one"))
            client.expect("QUIT", 221)
        metrics = self.api.ask("GET", "/metrics")
        self.assertIn("fendmail_known_recipients 2", str(metrics))

    def test_access_rules_come_first(self) -> None:
        fendmail = self.start(
            {"access": {"rules": [f"reject {HOST}"], "action": "drop"}}, skip="all"
        )
        self.append(sent(HOST) + sent(HOST6))
        self.wait_until_let_in(fendmail, HOST6)
        with BalancedClient(fendmail.address, BALANCER, (HOST, 41001)) as client:
            client.expect_reply(521)

    def test_what_strangers_write_lets_no_one_in(self) -> None:
        fendmail = self.start(skip="all")
        evil = (
            f"x@y>, relay=evil[{STRANGER}]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, "
            "status=sent (250 ok)"
        )
        self.append(sent(HOST6, to=f"{evil}@evil.example"))
        self.append(sent(STRANGER, "postfix/smtpd"))
        self.append(b"Nov 30 07:50:31 mx sshd[1]: Invalid user " + sent(STRANGER))
        # Loopback, private addresses, and one of this machine are never known.
        self.append(sent("127.0.0.1") + sent("10.0.0.1") + sent("172.17.0.1"))
        self.append(sent(HOST))
        self.wait_until_let_in(fendmail, HOST)
        self.assertEqual(self.known(), 1)

    def test_they_survive_a_restart(self) -> None:
        fendmail = self.start(skip="all")
        self.append(sent(HOST))
        self.wait_for_known(1)
        fendmail.stop()
        # What was written meanwhile is not read.
        self.append(sent(HOST6))
        fendmail.start()
        self.assertTrue(self.is_let_in(fendmail, HOST))
        fendmail.log.wait_for("known recipients: following", count=2)
        self.assertEqual(self.known(), 1)
        kept = (fendmail.store_path.parent / "known-recipients").read_text()
        self.assertRegex(kept, rf"^{re.escape(HOST)} \d+ mx\.example\.org\n$")

    def test_they_are_known_for_a_time(self) -> None:
        fendmail = self.make_fendmail(self.sink.config, *self.settings(skip="all", ttl="1h"))
        kept = fendmail.store_path.parent / "known-recipients"
        kept.write_text(f"{HOST} 1000 mx.example.org\n{HOST6} 99999999999 mx.example.org\n")
        self.enterContext(fendmail)
        self.api = Admin(fendmail.socket_path)
        self.assertTrue(self.is_let_in(fendmail, HOST6))
        self.assertFalse(self.is_let_in(fendmail, HOST))

    def test_a_reload_turns_it_off_and_on(self) -> None:
        fendmail = self.start(skip="all")
        self.append(sent(HOST))
        self.wait_until_let_in(fendmail, HOST)
        fendmail.write_config({"known_recipients": {"logs": []}})
        fendmail.reload()
        wait_until(lambda: not self.is_let_in(fendmail, HOST), "it is not known any more")
        fendmail.write_config({"known_recipients": {"logs": [str(self.log)]}})
        fendmail.reload()
        self.wait_until_let_in(fendmail, HOST)
        # The log is followed again as well.
        wait_until(lambda: fendmail.log.count("known recipients: following") == 2, "following")
        self.append(sent(HOST6))
        self.wait_until_let_in(fendmail, HOST6)


class SparedDeepTests(RecipientsCase):
    def test_its_deep_tests_are_not_due(self) -> None:
        fendmail = self.start(
            {"greet": {"wait": "1s"}, "bare_newline": {"enable": True}, "deep": {"after": "retry"}}
        )
        self.append(sent(HOST))
        self.wait_for_known(1)
        wait_until(
            lambda: self.is_told_as_known(fendmail), "the worker knows it as well"
        )
        with BalancedClient(fendmail.address, BALANCER, (HOST, 41001)) as client:
            greeting = client.expect_reply(220)
            self.assert_has_teaser(greeting)
            client.expect("EHLO mx.example.org", 250)
            client.send_mail(make_message("one"))
        with BalancedClient(fendmail.address, BALANCER, (STRANGER, 41001)) as client:
            client.expect_reply(220)
            client.expect("EHLO mx.example.org", 250)
            client.expect("MAIL FROM:<a@b.example>", 250)
            client.expect("RCPT TO:<user@example.test>", 450)

    def is_told_as_known(self, fendmail: Fendmail) -> bool:
        with BalancedClient(fendmail.address, BALANCER, (HOST, 41001)):
            pass
        return fendmail.log.count("KNOWN RECIPIENT") > 0


class Following(RecipientsCase):
    def nth(self, n: int) -> str:
        return f"198.51.{100 + n // 250}.{n % 250 + 1}"

    def test_rename_and_create(self) -> None:
        self.start()
        old = self.log.open("ab")
        self.addCleanup(old.close)
        for n in range(3):
            os.write(old.fileno(), sent(self.nth(10 * n)))
            self.wait_for_known(3 * n + 1)
            self.log.rename(self.log.with_suffix(f".{n}"))
            # Its writer has not noticed yet.
            os.write(old.fileno(), sent(self.nth(10 * n + 1)))
            self.wait_for_known(3 * n + 2)
            fresh = self.log.open("ab")
            self.addCleanup(fresh.close)
            os.write(fresh.fileno(), sent(self.nth(10 * n + 2)))
            self.wait_for_known(3 * n + 3)
            old = fresh

    def test_the_old_file_is_read_beside_the_new_one(self) -> None:
        self.start()
        with self.log.open("ab") as old:
            self.log.rename(self.log.with_suffix(".1"))
            self.log.write_bytes(sent(self.nth(1)))
            self.wait_for_known(1)
            os.write(old.fileno(), sent(self.nth(2)))
            self.wait_for_known(2)
            self.append(sent(self.nth(3)))
            self.wait_for_known(3)

    def test_copy_and_truncate(self) -> None:
        self.start()
        self.append(sent(self.nth(1)) * 20)
        self.wait_for_known(1)
        os.truncate(self.log, 0)
        self.append(sent(self.nth(2)))
        self.wait_for_known(2)

    def test_a_line_in_pieces(self) -> None:
        self.start()
        whole = sent(self.nth(1))
        for at in range(0, len(whole), 60):
            self.append(whole[at : at + 60])
        self.append(whole[:-1])
        self.wait_for_known(1)
        # Neither a line without its end nor one without its start tells anything.
        self.append(b" and more\n" + b"x" * 20000 + sent(self.nth(2)) + sent(self.nth(3)))
        self.wait_for_known(2)

    def test_a_file_that_comes_later(self) -> None:
        self.log.unlink()
        fendmail = self.start()
        fendmail.expect_log(
            r"warning: known recipients: cannot follow \S+: No such file or directory; tried again"
        )
        self.log.write_bytes(sent(self.nth(1)))
        self.wait_for_known(1)
        self.assertEqual(fendmail.log.count("cannot follow"), 1)

    def test_what_is_no_file_is_told_and_holds_nothing_up(self) -> None:
        self.log.unlink()
        os.mkfifo(self.log)
        fendmail = self.start()
        fendmail.expect_log(r"cannot follow \S+: it is not a regular file; tried again")
        self.log.unlink()
        self.log.touch()
        fendmail.expect_log("known recipients: following")
        self.append(sent(self.nth(1)))
        self.wait_for_known(1)

    def test_a_burst_of_lines_leaves_others_their_turn(self) -> None:
        fendmail = self.start(skip="all")
        block = b"".join(sent(self.nth(n)) for n in range(500))
        self.append(block * 400)  # 200,000 lines
        slowest = 0.0
        while self.known() < 500:
            watch = Stopwatch()
            self.api.get("status")
            self.is_let_in(fendmail, HOST)
            slowest = max(slowest, watch.seconds())
        self.append(sent(HOST))
        self.wait_until_let_in(fendmail, HOST)
        self.assertLess(slowest, 5.0)


class Checked(RecipientsCase):
    def test_check_tells_which_files_are_followed(self) -> None:
        missing = self.log.with_name("missing.log")
        fendmail = self.make_fendmail(
            self.sink.config,
            {"known_recipients": {"logs": [str(self.log), str(missing)]}},
        )
        fendmail.write_config()
        checked = run_command("check", "-c", str(fendmail.config_path))
        self.assertIn(
            f"known recipients: {self.log} is followed; hosts that took mail skip deep tests for "
            "30d\n", checked.stdout,
        )
        self.assertIn(f"{missing} cannot be followed: No such file or directory", checked.stderr)

    def test_off_by_default(self) -> None:
        fendmail = self.start_fendmail(self.sink.config)
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assertEqual(Admin(fendmail.socket_path).get("status")["known_recipients"], 0)
        self.assertEqual(fendmail.log.count("known recipients"), 0)


if __name__ == "__main__":
    main()
