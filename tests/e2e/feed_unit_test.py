#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What fendmail-feed@.service types, with a publisher of our own: real curl, no systemd."""

import http.server
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import binary
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.process import environment, require_program

UNIT = Path(__file__).resolve().parents[2] / "config" / "fendmail-feed@.service"


class Publisher(http.server.ThreadingHTTPServer):
    """Serves one text, with an ETag; answers 304 to whoever has it already."""

    text = b""
    status = 200

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def __enter__(self) -> "Publisher":
        self._thread = threading.Thread(target=self.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        tag = f'"{hash(self.server.text)}"'
        has_it = self.headers.get("If-None-Match") == tag
        status = 304 if has_it else self.server.status
        self.server.asked.append((self.path, status))
        self.send_response(status)
        self.send_header("ETag", tag)
        if status == 304:
            self.end_headers()
            return
        self.send_header("Content-Length", str(len(self.server.text)))
        self.end_headers()
        self.wfile.write(self.server.text)

    def log_message(self, *_) -> None:
        pass


def addresses(count: int) -> str:
    return "".join(f"45.0.{n // 250}.{n % 250}\n" for n in range(count))


class Renewal(FendmailCase):
    def setUp(self) -> None:
        require_program("curl", "curl")
        self.publisher = self.enterContext(Publisher())
        self.file = self.directory("feeds") / "bad.txt"
        self.cache = self.directory("cache")
        self.fendmail = self.make_fendmail(
            {"kind": "proxy-v2", "address": "127.0.0.1:1"},
            {"feed": {"bad": {"file": str(self.file)}}},
        )
        self.fendmail.write_config()
        # `fendmail feed install` of the unit, with the configuration of this test.
        programs = self.directory("bin")
        shim = programs / "fendmail"
        shim.write_text(
            f'#!/bin/sh\nfirst=$1 second=$2; shift 2\n'
            f'exec {binary()} "$first" "$second" -c {self.fendmail.config_path} "$@"\n'
        )
        shim.chmod(0o755)
        self.path = f"{programs}:{os.environ['PATH']}"

    def command(self) -> str:
        """ExecStart= as systemd would give it to the shell."""
        text = UNIT.read_text(encoding="utf-8")
        found = re.search(r"^ExecStart=/bin/sh -euc '(.*?)'$", text, re.M | re.S)
        self.assertIsNotNone(found)
        return found[1].replace("\\\n", " ").replace("%i", "bad").replace("%%", "%").replace(
            "$$", "$"
        )

    def run_unit(self, **variables: str) -> subprocess.CompletedProcess[str]:
        given = {
            "URL": f"http://127.0.0.1:{self.publisher.server_port}/bad.txt",
            "MAX_OCTETS": "100000",
            "UNPACK": "cat",
            "CURL_OPTIONS": "--proto =http --retry 0 --noproxy *",
            "CACHE_DIRECTORY": str(self.cache),
            "PATH": self.path,
            **variables,
        }
        return subprocess.run(
            ["/bin/sh", "-euc", self.command()],
            env=environment(given),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def publish(self, text: str | bytes, status: int = 200) -> None:
        self.publisher.text = text if isinstance(text, bytes) else text.encode()
        self.publisher.status = status

    def assert_runs(self, **variables: str) -> None:
        done = self.run_unit(**variables)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_new_file_comes_once_and_an_unchanged_one_is_only_noted(self) -> None:
        self.publish(addresses(100))
        self.assert_runs()
        self.assertEqual(self.file.read_text(), addresses(100))
        then = time.time() - 86400
        os.utime(self.file, (then, then))
        self.assert_runs()
        self.assertEqual([status for _, status in self.publisher.asked], [200, 304])
        self.assertGreater(self.file.stat().st_mtime, time.time() - 3600)
        self.publish(addresses(120))
        self.assert_runs()
        self.assertEqual(self.file.read_text(), addresses(120))
        self.assertEqual([each.name for each in self.cache.iterdir()], ["bad.etag"])

    def test_what_is_refused_is_asked_for_again(self) -> None:
        self.publish(addresses(100))
        self.assert_runs()
        for text, status in (
            ("<html>sorry</html>\n", 200),
            ("<html>sorry</html>\n", 502),
            (addresses(20), 200),
            (addresses(9000), 200),
        ):
            with self.subTest(text=text[:20], status=status):
                self.publish(text, status)
                for _ in range(2):
                    self.assertNotEqual(self.run_unit().returncode, 0)
                    self.assertEqual(self.publisher.asked[-1][1], status)
                self.assertEqual(self.file.read_text(), addresses(100))
        self.publish(addresses(110))
        self.assert_runs()
        self.assertEqual(self.file.read_text(), addresses(110))

    def test_a_file_that_is_away_comes_back_although_nothing_is_new(self) -> None:
        self.publish(addresses(100))
        self.assert_runs()
        self.file.unlink()
        self.assertNotEqual(self.run_unit().returncode, 0)
        self.assert_runs()
        self.assertEqual(self.file.read_text(), addresses(100))

    def test_packed_files_and_dates_in_addresses(self) -> None:
        require_program("gzip", "gzip")
        packed = subprocess.run(
            ["gzip", "-c"], input=addresses(10).encode(), capture_output=True, check=True
        ).stdout
        self.publish(packed)
        base = f"http://127.0.0.1:{self.publisher.server_port}"
        self.assert_runs(UNPACK="gzip -dc", URL=f"{base}/x-%Y-%m.gz")
        self.assertRegex(self.publisher.asked[-1][0], r"^/x-20\d\d-\d\d\.gz$")
        self.assertEqual(self.file.read_text(), addresses(10))


if __name__ == "__main__":
    main()
