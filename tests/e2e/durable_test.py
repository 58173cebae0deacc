#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What mail does not need does not keep it from starting: full, read-only and foreign disks, log
daemons that come later. It comes back by itself."""

import os
import re
import shutil
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, binary, run_command
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, OTHER, TEASER, FendmailCase
from fendmail_test.private_network import enter_private_network
from fendmail_test.process import Child, run
from fendmail_test.waiting import wait_until

UNAVAILABLE = r"warning: client store unavailable: "
RESTORED = r"client store \S+ works again after \d+ s; (\d+) records? waited in memory for it"


class DurableCase(FendmailCase):
    def setUp(self) -> None:
        self.sink = self.start_sink("proxy-v2")

    def make(self, store: Path, **log: object) -> Fendmail:
        fendmail = self.make_fendmail(self.sink.config)
        fendmail.store_path = store
        fendmail.settings["store"]["path"] = str(store)
        fendmail.settings["log"].update(log)
        fendmail.write_config()
        return fendmail

    def check(self, fendmail: Fendmail) -> str:
        """What `fendmail check` warns of; it can start all the same."""
        result = run_command("check", "-c", str(fendmail.config_path))
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stderr

    def tmpfs(self, size: str) -> Path:
        place = self.directory("disk")
        run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(place)])
        self.addCleanup(lambda: run(["umount", "--lazy", str(place)]))
        return place

    def become_known_at_once(self, fendmail: Fendmail, sources: list[str]) -> None:
        clients = [fendmail.client(source, timeout=60.0) for source in sources]
        for client in clients:
            self.read_greeting(client)
            client.close()

    def assert_known(self, fendmail: Fendmail, source: str) -> None:
        with fendmail.client(source) as client:
            self.assert_has_no_teaser(self.read_greeting(client))

    def assert_unknown(self, fendmail: Fendmail, source: str) -> None:
        with fendmail.client(source) as client:
            self.assertEqual(client.read_line(), TEASER)


def fill(directory: Path) -> Path:
    """Not an octet is left."""
    filler = directory / "filler"
    with filler.open("ab", buffering=0) as out:
        for size in (65536, 4096, 1):
            try:
                while True:
                    out.write(bytes(size))
            except OSError:
                pass
    return filler


class FullDisk(DurableCase):
    def test_first_start_runs_from_memory_until_there_is_room(self) -> None:
        disk = self.tmpfs("1m")
        filler = fill(disk)
        fendmail = self.make(disk / "clients.lmdb")
        self.assertIn("No space left on device", self.check(fendmail))
        with fendmail:
            told = fendmail.expect_log(UNAVAILABLE + r".*No space left on device; make room")
            self.assertIn(str(fendmail.store_path), told.string[told.start() : told.end()])
            self.become_known(fendmail, CLIENT)
            self.assert_known(fendmail, CLIENT)
            filler.unlink()
            self.assertEqual(fendmail.expect_log(RESTORED)[1], "1")
            self.assert_known(fendmail, CLIENT)
        self.assertEqual(fendmail.log.count("unavailable"), 1)
        self.assertEqual(fendmail.log.count("moved to"), 0)
        self.assertNotIn("store.path", self.check(fendmail))
        with fendmail:
            self.assert_known(fendmail, CLIENT)

    def test_a_good_store_is_not_called_damaged(self) -> None:
        disk = self.tmpfs("1m")
        fendmail = self.make(disk / "clients.lmdb")
        with fendmail:
            self.become_known(fendmail, CLIENT)
        # The lock file as an older version left it: full of holes.
        lock = Path(f"{fendmail.store_path}-lock")
        for has_lock_file in (True, False):
            with self.subTest(has_lock_file=has_lock_file):
                lock.unlink()
                if has_lock_file:
                    with lock.open("wb") as hollow:
                        hollow.truncate(32768)
                filler = fill(disk)
                octets = fendmail.store_path.read_bytes()
                before = fendmail.log.count("works again")
                fendmail.start()
                fendmail.expect_log(UNAVAILABLE + r".*No space left on device")
                self.become_known(fendmail, OTHER)
                self.assertEqual(fendmail.store_path.read_bytes(), octets)
                filler.unlink()
                fendmail.log.wait_for("works again", count=before + 1)
                self.assert_known(fendmail, CLIENT)
                self.assert_known(fendmail, OTHER)
                fendmail.stop()
        self.assertEqual(fendmail.log.count("moved to"), 0)
        self.assertEqual(list(disk.glob("*.damaged*")), [])

    def test_a_disk_that_fills_up_later_forgets_nobody(self) -> None:
        disk = self.tmpfs("1m")
        fendmail = self.make(disk / "clients.lmdb")
        with fendmail:
            self.become_known(fendmail, CLIENT)
            wait_until(lambda: fendmail.store_path.stat().st_size > 0, "the store")
            filler = fill(disk)
            # More than its first blocks hold.
            clients = [f"127.0.{2 + n // 200}.{n % 200 + 1}" for n in range(800)]
            self.become_known_at_once(fendmail, clients)
            fendmail.expect_log(UNAVAILABLE + r"cannot write .*No space left on device")
            for source in (CLIENT, clients[0], clients[-1]):
                self.assert_known(fendmail, source)
            filler.unlink()
            fendmail.expect_log(RESTORED)
            self.assertEqual(fendmail.log.count("unavailable"), 1)
        with fendmail:
            for source in (CLIENT, clients[0], clients[-1]):
                self.assert_known(fendmail, source)
        self.assertEqual(fendmail.log.count("moved to"), 0)


class Unusable(DurableCase):
    def assert_comes_back(self, fendmail: Fendmail, trouble: str, mend) -> None:
        """Starts with a store that cannot be used, tells so, and uses it once it can be."""
        self.assertRegex(self.check(fendmail), rf"warning: store\.path: .*{trouble}")
        with fendmail:
            fendmail.expect_log(UNAVAILABLE + rf".*{trouble}")
            self.become_known(fendmail, CLIENT)
            self.assert_known(fendmail, CLIENT)
            mend()
            self.assertEqual(fendmail.expect_log(RESTORED)[1], "1")
        with fendmail:
            self.assert_known(fendmail, CLIENT)
            self.assertEqual(fendmail.log.count("moved to"), 0)

    def test_read_only_file_system(self) -> None:
        disk = self.tmpfs("4m")
        fendmail = self.make(disk / "store" / "clients.lmdb")
        run(["mount", "-o", "remount,ro", str(disk)])
        self.assert_comes_back(
            fendmail,
            "Read-only file system",
            lambda: run(["mount", "-o", "remount,rw", str(disk)]),
        )

    def test_a_directory_that_is_mounted_later(self) -> None:
        place = self.directory("later") / "place"
        place.write_bytes(b"no directory")

        def mend() -> None:
            place.unlink()
            place.mkdir()

        self.assert_comes_back(self.make(place / "clients.lmdb"), "Not a directory", mend)

    def test_another_users_directory_and_file(self) -> None:
        for is_file in (False, True):
            with self.subTest(is_file=is_file):
                place = self.directory("foreign")
                run(["chmod", "a+rx", str(place), str(place.parent)])
                fendmail = self.make(place / "clients.lmdb")
                fendmail.settings["server"]["user"] = "nobody"
                # Its log must be writable for that user as well.
                run(["chmod", "a+rwx", str(fendmail.directory)])
                fendmail.write_config()
                if is_file:
                    shutil.chown(place, "nobody")
                    fendmail.store_path.write_bytes(b"")
                    fendmail.store_path.chmod(0o600)

                def mend(place: Path = place, store: Path = fendmail.store_path) -> None:
                    shutil.chown(place, "nobody")
                    if store.exists():
                        shutil.chown(store, "nobody")

                self.assert_comes_back(fendmail, "Permission denied", mend)

    def test_a_directory_has_the_name_of_the_store(self) -> None:
        place = self.directory("named") / "clients.lmdb"
        place.mkdir()
        self.assert_comes_back(self.make(place), "it is a directory", place.rmdir)


class Log(DurableCase):
    def test_a_file_that_cannot_be_written_yet(self) -> None:
        logs = self.directory("logs") / "later"
        fendmail = self.make(self.directory("store") / "clients.lmdb", target=f"file:{logs}/mail.log")
        self.assertIn("warning: log.target: ", self.check(fendmail))
        port = self.free_port()
        fendmail.write_config({"server": {"listen": [f"127.0.0.1:{port}"]}})
        child = self.run_child(fendmail)
        child.stderr.wait_for(r"cannot write the log to file:.*No such file or directory")
        child.stderr.wait_for(rf"listening on 127\.0\.0\.1:{port}")
        logs.mkdir()
        log = logs / "mail.log"

        def is_written() -> bool:
            with socket.create_connection(("127.0.0.1", port)):
                pass
            return log.exists() and "log lines lost between" in log.read_text()

        wait_until(is_written, "the log in its file")
        self.assertRegex(log.read_text(), r"the log goes to file:\S+ again after \d+ s")
        self.assertRegex(log.read_text(), r"warning: \d+ log lines lost between 20\S+Z and 20\S+Z: ")

    def test_syslog_that_comes_goes_and_comes_again(self) -> None:
        dev = self.directory("dev")
        run(["mount", "-t", "tmpfs", "tmpfs", str(dev)])
        self.addCleanup(lambda: run(["umount", "--lazy", str(dev)]))
        run(["mount", "--rbind", "/dev", "/mnt"])
        self.addCleanup(lambda: run(["umount", "--lazy", "/mnt"]))
        for name in ("null", "urandom", "random", "zero"):
            (dev / name).symlink_to(f"/mnt/{name}")
        run(["mount", "--bind", str(dev), "/dev"])
        self.addCleanup(lambda: run(["umount", "--lazy", "/dev"]))
        port = self.free_port()
        fendmail = self.make(self.directory("store") / "clients.lmdb", target="syslog")
        fendmail.write_config(
            {"server": {"listen": [f"127.0.0.1:{port}"]}, "log": {"ident": "postfix/postscreen"}},
            NO_GREET_WAIT,
        )
        self.assertRegex(self.check(fendmail), r"log\.target: /dev/log: No such file or directory")
        child = self.run_child(fendmail)
        child.stderr.wait_for(rf"listening on 127\.0\.0\.1:{port}")

        def connect() -> None:
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.recv(100)

        for _ in range(2):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
                daemon.bind("/dev/log")
                daemon.settimeout(15)
                connect()
                seen = ""
                while not (lost := re.search(r"<20>.*warning: (\d+) log lines? lost between", seen)):
                    seen = daemon.recv(8192).decode()
                    self.assertRegex(seen, r"^<\d+>\w{3} [ \d]\d \S+ postfix/postscreen\[\d+\]: ")
                self.assertGreater(int(lost[1]), 0)
            os.unlink("/dev/log")
            missing = child.stderr.count("CONNECT from")
            connect()
            child.stderr.wait_for("CONNECT from", count=missing + 1)

    def free_port(self) -> int:
        """In this network of our own nobody else takes it."""
        with socket.create_server(("127.0.0.1", 0)) as one:
            return one.getsockname()[1]

    def run_child(self, fendmail: Fendmail) -> Child:
        command = [str(binary()), "run", "-c", str(fendmail.config_path)]
        child = Child(command, self.directory("out"), "fendmail")
        self.addCleanup(lambda: self.show_on_failure(child.stderr))
        self.addCleanup(child.kill)
        return child


if __name__ == "__main__":
    enter_private_network()
    main()
