#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The temporary allowlist survives restarts, kill -9 and a damaged file."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail
from fendmail_test.fendmail_case import CLIENT, OTHER, TEASER, FendmailCase
from fendmail_test.waiting import wait_until


def fingerprint(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


class StoreCase(FendmailCase):
    def setUp(self) -> None:
        self.sink = self.start_sink()

    def pass_and_wait_for_commit(self, fendmail: Fendmail, source: str) -> None:
        """A client becomes known, and the file shows that it was written."""
        before = fingerprint(fendmail.store_path)
        self.become_known(fendmail, source)
        wait_until(lambda: fingerprint(fendmail.store_path) != before, "a write to the store")
        # A commit writes its pages, then the page that makes them valid: wait for quiet.
        last = [fingerprint(fendmail.store_path)]
        quiet = [0]

        def is_quiet() -> bool:
            now = fingerprint(fendmail.store_path)
            quiet[0] = quiet[0] + 1 if now == last[0] else 0
            last[0] = now
            return quiet[0] >= 25

        wait_until(is_quiet, "the end of the write", timeout=20)

    def assert_known(self, fendmail: Fendmail, source: str) -> None:
        with fendmail.client(source) as client:
            self.assert_has_no_teaser(self.read_greeting(client))
            self.wait_for_pass(fendmail, client, "OLD")

    def assert_unknown(self, fendmail: Fendmail, source: str) -> None:
        with fendmail.client(source) as client:
            self.assertEqual(client.read_line(), TEASER)


class Restart(StoreCase):
    def test_orderly_stop_writes_what_is_pending(self) -> None:
        fendmail = self.start_fendmail(self.sink.config)
        self.become_known(fendmail, CLIENT)
        fendmail.stop()
        fendmail.start()
        self.assert_known(fendmail, CLIENT)
        self.assert_unknown(fendmail, OTHER)

    def test_kill_loses_no_committed_pass(self) -> None:
        fendmail = self.start_fendmail(self.sink.config)
        self.pass_and_wait_for_commit(fendmail, CLIENT)
        fendmail.kill()
        fendmail.start()
        self.assert_known(fendmail, CLIENT)
        self.assertEqual(fendmail.log.count("moved to"), 0)

    def test_kill_at_any_time_leaves_a_file_that_opens(self) -> None:
        fendmail = self.start_fendmail(self.sink.config)
        self.pass_and_wait_for_commit(fendmail, CLIENT)
        for round_number in range(5):
            clients = [fendmail.client(f"127.0.{round_number + 20}.{n}") for n in range(1, 41)]
            for client in clients[: 8 * round_number + 1]:
                self.read_greeting(client)
            fendmail.kill()
            for client in clients:
                client.close()
            fendmail.start()
            self.assert_known(fendmail, CLIENT)
        self.assertEqual(fendmail.log.count("moved to"), 0)

    def test_failures_are_never_written(self) -> None:
        fendmail = self.start_fendmail(self.sink.config, {"greet": {"action": "drop"}})
        self.pass_and_wait_for_commit(fendmail, OTHER)
        with fendmail.client(CLIENT) as client:
            client.send(b"EHLO early\r\n")
            client.read_to_end()
        fendmail.stop()
        fendmail.start()
        self.assert_known(fendmail, OTHER)
        self.assert_unknown(fendmail, CLIENT)

    def test_without_a_store_every_client_is_tested(self) -> None:
        fendmail = self.start_fendmail(self.sink.config, {"store": {"kind": "none"}})
        self.become_known(fendmail, CLIENT)
        self.assert_unknown(fendmail, CLIENT)
        self.assertFalse(fendmail.store_path.exists())


class Damage(StoreCase):
    def assert_was_moved_aside(self, fendmail: Fendmail, octets: bytes) -> None:
        """A fendmail that was started on this file goes on with an empty one."""
        moved = fendmail.expect_log(
            r"warning: client store \S+ is unusable \(.*\): moved to (\S+) and started empty"
        )
        self.assertEqual(Path(moved[1]).read_bytes(), octets)
        self.assert_unknown(fendmail, CLIENT)
        self.become_known(fendmail, OTHER)
        self.assert_known(fendmail, OTHER)

    def test_no_database_at_all(self) -> None:
        for octets in (os.urandom(65536), b"this is not LMDB\n", bytes(8192)):
            with self.subTest(octets=octets[:16]):
                fendmail = self.make_fendmail(self.sink.config)
                fendmail.store_path.write_bytes(octets)
                with fendmail:
                    self.assert_was_moved_aside(fendmail, octets)

    def test_truncated(self) -> None:
        fendmail = self.start_fendmail(self.sink.config)
        # Enough clients for several pages, so that the cut hits what is in use.
        clients = [fendmail.client(f"127.0.{n // 50 + 30}.{n % 50 + 1}") for n in range(150)]
        for client in clients:
            self.read_greeting(client)
            client.close()
        fendmail.stop()
        part = fendmail.store_path.read_bytes()[: 4096 * 2 + 100]
        fendmail.store_path.write_bytes(part)
        fendmail.start()
        self.assert_was_moved_aside(fendmail, part)

    def test_empty_file_is_a_new_one(self) -> None:
        fendmail = self.make_fendmail(self.sink.config)
        fendmail.store_path.touch()
        with fendmail:
            self.become_known(fendmail, CLIENT)
            self.assertEqual(fendmail.log.count("moved to"), 0)


if __name__ == "__main__":
    main()
