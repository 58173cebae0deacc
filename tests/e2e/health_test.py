#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""/livez answers within a probe's second, whatever others do to its port."""

import contextlib
import resource
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, run_command
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.network import Address, free_ports

PROBE_LIMIT = 1.0  # Kubernetes' timeoutSeconds, by default
CONNECTIONS = 1000


class Health(FendmailCase):
    def start(self) -> Address:
        fendmail = self.make_fendmail(self.start_sink("proxy-v2").config, {"greet": {"wait": "0s"}})
        address = ("127.0.0.1", free_ports(1)[0])
        fendmail.settings["admin"]["listen"] = f"{address[0]}:{address[1]}"
        fendmail.write_config({})
        self.fendmail: Fendmail = self.enterContext(fendmail)
        wanted = CONNECTIONS + 200
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        return address

    def probe(self, address: Address, source: str = "127.0.0.9") -> bytes:
        with socket.socket() as client:
            client.settimeout(PROBE_LIMIT)
            client.bind((source, 0))
            client.connect(address)
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while got := client.recv(4096):
                answer += got
            return answer

    def hold(self, address: Address, sources: int, first_words: bytes) -> None:
        """That many connections that never finish a request."""
        for number in range(CONNECTIONS):
            client = self.enterContext(socket.socket())
            client.settimeout(5)
            client.bind((f"127.0.9.{1 + number % sources}", 0))
            client.connect(address)
            if first_words:
                # It may have been pushed out already.
                with contextlib.suppress(OSError):
                    client.sendall(first_words)

    def assert_alive(self, address: Address) -> None:
        for source in ("127.0.0.9", "127.0.9.1"):
            self.assertTrue(self.probe(address, source).startswith(b"HTTP/1.1 200 "), source)
        done = run_command("healthcheck", "-c", str(self.fendmail.config_path))
        self.assertEqual((done.returncode, done.stdout), (0, "ready\n"), done.stderr)

    def test_among_connections_that_say_nothing_or_half_of_it(self) -> None:
        for sources in (1, 5, 250):
            for words in (b"", b"G", b"GET /livez HTTP/1.1\r\nHost: localh"):
                with self.subTest(sources=sources, words=words):
                    address = self.start()
                    self.hold(address, sources, words)
                    for _ in range(5):
                        self.assert_alive(address)

    def test_while_others_connect_and_drip_without_end(self) -> None:
        address = self.start()
        ended = threading.Event()

        def annoy(source: str) -> None:
            held: list[socket.socket] = []
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    client = socket.socket()
                    held.append(client)
                    client.settimeout(1)
                    client.bind((source, 0))
                    client.connect(address)
                    for one in held[-20:]:
                        with contextlib.suppress(OSError):
                            one.send(b"x")
                if len(held) > 100:
                    held.pop(0).close()
            for client in held:
                client.close()

        threads = [threading.Thread(target=annoy, args=(f"127.0.8.{n}",)) for n in range(1, 5)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                self.assert_alive(address)
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def test_a_request_that_never_ends_is_not_waited_for(self) -> None:
        address = self.start()
        with socket.create_connection(address, timeout=10) as client:
            begun = time.monotonic()
            client.sendall(b"GET /livez HTTP/1.1\r\n")
            self.assertEqual(client.recv(4096), b"")
            self.assertLess(time.monotonic() - begun, 9)


if __name__ == "__main__":
    main()
