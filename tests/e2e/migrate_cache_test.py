#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fendmail migrate --cache."""

import os
import pwd
import stat
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import binary, run_command
from fendmail_test.fendmail_case import CLIENT, OTHER, TEASER, FendmailCase
from fendmail_test.migration import make_old
from fendmail_test.process import require_program, run


class Cache(FendmailCase):
    """Caches made by Postfix's own tools, in directories of the test."""

    def dump(self, text: str, kind: str = "btree") -> Path:
        """What `postmap -s` prints of a cache with these lines."""
        directory = self.directory("cache")
        (directory / "main.cf").write_text("compatibility_level = 3.6\n", "ascii")
        make_old(directory / "main.cf")
        (directory / "postscreen_cache").write_text(text, "ascii")
        postmap = [require_program("postmap", "postfix"), "-c", directory]
        run([*postmap, f"{kind}:postscreen_cache"], cwd=directory)
        shown = run([*postmap, "-s", f"{kind}:postscreen_cache"], cwd=directory)
        (directory / "dump").write_text(shown, "ascii")
        return directory / "dump"

    def import_dump(self, config: Path, dump: Path) -> subprocess.CompletedProcess[str]:
        return run_command("migrate", "--cache", str(dump), "--config", str(config))

    def assert_imported(self, done: subprocess.CompletedProcess[str], *counts: int) -> None:
        """Imported, known before, stale, bad."""
        self.assertEqual(done.returncode, 0, done.stderr)
        wanted = (
            r"^\S+clients\.lmdb: {} clients imported \({} of them were known\), {} past their "
            r"retention, {} bad lines\n$"
        )
        self.assertRegex(done.stdout, wanted.format(*counts))

    def assert_greets_at_once(self, fendmail, source: str) -> None:
        with fendmail.client(source) as client:
            self.assert_has_no_teaser(self.read_greeting(client))
            self.wait_for_pass(fendmail, client, "OLD")

    def test_known_clients_stay_known(self) -> None:
        now = int(time.time())
        dump = self.dump(
            f"{CLIENT}\t{now + 3600};{now + 3600};1;1;1\n"
            f"127.0.2.1 {now - 100};{now + 3600};1;1;1\n"
            f"127.0.2.2 {now - 9 * 86400};0;0;0;0\n"
            f"_LAST_CACHE_CLEANUP_COMPLETED_ {now}\n"
        )
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        self.assert_imported(self.import_dump(fendmail.config_path, dump), 2, 0, 1, 0)
        with fendmail:
            self.assert_greets_at_once(fendmail, CLIENT)
            # Its pregreet pass has expired.
            with fendmail.client("127.0.2.1") as client:
                self.assertEqual(client.read_line(), TEASER)
            with fendmail.client("127.0.2.2") as client:
                self.assertEqual(client.read_line(), TEASER)

    def test_passes_that_end_later_than_any_lasts_are_none(self) -> None:
        """The clock was ahead when they were given, or the TTL was longer."""
        now = int(time.time())
        dump = self.dump(
            f"{CLIENT}\t{now + 80000};1;1;1;1\n"  # greet.ttl is 1d
            f"127.0.2.1 {now + 90000};1;1;1;1\n"
            f"127.0.2.2 {now + 400 * 86400};1;1;1;{now + 86400}\n"
        )
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        done = self.import_dump(fendmail.config_path, dump)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"clients\.lmdb: 2 clients imported .* 1 past their retention")
        self.assertRegex(done.stdout, r"\n2 clients have passes that end later than any lasts here")
        with fendmail:
            self.assert_greets_at_once(fendmail, CLIENT)
            for source in ("127.0.2.1", "127.0.2.2"):
                with fendmail.client(source) as client:
                    self.assertEqual(client.read_line(), TEASER)

    def test_a_running_fendmail_sees_them_at_once(self) -> None:
        now = int(time.time())
        dump = self.dump(f"{OTHER} {now + 3600};{now + 3600}\n")
        fendmail = self.start_fendmail(self.start_sink().config)
        self.become_known(fendmail, CLIENT)
        self.assert_imported(self.import_dump(fendmail.config_path, dump), 1, 0, 0, 0)
        self.assert_greets_at_once(fendmail, OTHER)
        self.assert_greets_at_once(fendmail, CLIENT)

    def test_the_later_end_of_each_pass_stays(self) -> None:
        now = int(time.time())
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        early = self.dump(f"{CLIENT} {now + 3600};{now - 60};1;1;1\n{OTHER} {now + 9};1\n")
        late = self.dump(f"{CLIENT} {now - 60};{now + 3600};1;1;1\n")
        self.assert_imported(self.import_dump(fendmail.config_path, early), 2, 0, 0, 0)
        self.assert_imported(self.import_dump(fendmail.config_path, late), 1, 1, 0, 0)
        with fendmail:
            self.assert_greets_at_once(fendmail, CLIENT)

    def test_bad_lines_are_told_by_their_numbers_and_skipped(self) -> None:
        now = int(time.time())
        dump = self.directory() / "dump"
        lines = [f"{CLIENT} {now + 3600};1;1;1;1", "mx.example.org 1;1;1;1;1", "192.0.2.1 x"]
        dump.write_text("\n".join(lines + ["192.0.2.2"] * 30), "ascii")
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        done = self.import_dump(fendmail.config_path, dump)
        self.assert_imported(done, 1, 0, 0, 32)
        told = done.stderr.splitlines()
        self.assertEqual(told[0], "line 2: does not begin with an address: skipped")
        self.assertEqual(told[1], "line 3: holds something that is no time: skipped")
        self.assertEqual(told[20:], ["and 12 more bad lines"])

    def test_a_hundred_thousand_clients_take_seconds(self) -> None:
        now = int(time.time())
        text = "".join(
            f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\t{now + 3600};{now + 60};1;1;1\n"
            for n in range(100_000)
        )
        dump = self.directory() / "dump"
        dump.write_text(text, "ascii")
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        begun = time.monotonic()
        self.assert_imported(self.import_dump(fendmail.config_path, dump), 100_000, 0, 0, 0)
        # Under sanitizers and beside other tests as well.
        self.assertLess(time.monotonic() - begun, 25)

    def test_only_a_file_can_be_imported_into(self) -> None:
        dump = self.dump(f"{CLIENT} {int(time.time()) + 3600};1\n")
        for kind in ("memory", "none"):
            fendmail = self.make_fendmail(self.start_sink().config, {"store": {"kind": kind}})
            fendmail.write_config()
            done = self.import_dump(fendmail.config_path, dump)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f'store.kind is "{kind}"', done.stderr)

    def test_nothing_at_all_is_said_to_be_nothing(self) -> None:
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        arguments = ["migrate", "--cache", "-", "--config", str(fendmail.config_path)]
        done = subprocess.run(
            [str(binary()), *arguments],
            input="", capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("nothing came from standard input", done.stderr)
        # A cache that knows nobody yet.
        dump = self.directory() / "dump"
        dump.write_text(f"_LAST_CACHE_CLEANUP_COMPLETED_ {int(time.time())}\n", "ascii")
        self.assert_imported(self.import_dump(fendmail.config_path, dump), 0, 0, 0, 0)

    def test_what_holds_no_client_is_no_dump(self) -> None:
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        dump = self.directory() / "dump"
        dump.write_text("hello\n", "ascii")
        for path in (dump, dump.with_name("missing")):
            done = self.import_dump(fendmail.config_path, path)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertNotEqual(done.stderr, "")

    def test_root_leaves_a_store_that_its_owner_can_write(self) -> None:
        if os.geteuid() != 0:
            self.fail("needs root, as mail servers do")
        owner = pwd.getpwnam("postfix")
        dump = self.dump(f"{CLIENT} {int(time.time()) + 3600};1\n")
        dump.chmod(0o600)
        for how in ("directory", "server.user"):
            with self.subTest(how):
                store = self.directory("store")
                if how == "directory":
                    os.chown(store, owner.pw_uid, owner.pw_gid)
                else:
                    store.chmod(0o777)
                settings = {"store": {"path": str(store / "clients.lmdb")}}
                fendmail = self.make_fendmail(self.start_sink().config, settings)
                user = {"server": {"user": "postfix"}} if how == "server.user" else {}
                fendmail.write_config(user)
                self.assert_imported(self.import_dump(fendmail.config_path, dump), 1, 0, 0, 0)
                made = (store / "clients.lmdb").stat()
                self.assertEqual(made.st_uid, owner.pw_uid)
                self.assertEqual(stat.S_IMODE(made.st_mode) & 0o077, 0)


if __name__ == "__main__":
    main()
