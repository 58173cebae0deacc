#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The test bed of lists without fendmail: name servers with small buffers, and a bad network.

When these fail, the tests of bursts and of lossy lists say nothing about fendmail.
"""

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test import four_lists
from fendmail_test.bad_network import BadNetwork
from fendmail_test.case import Case, main
from fendmail_test.dns_client import ask
from fendmail_test.dns_server import query_name
from fendmail_test.network import Address, datagrams_dropped
from fendmail_test.rbldnsd import Rbldnsd, dataset
from fendmail_test.unbound import Unbound
from fendmail_test.waiting import wait_until

LISTED, UNLISTED = "127.128.0.1", "127.1.0.1"
LISTED_NAME = query_name(LISTED, "zen.test")
# The kernel's default receive buffer of 212,992 octets, which unbound has, holds about 277 small
# questions; rbldnsd asks for one that holds about 157.
BUFFER_MIN, BUFFER_MAX = 100, 400
BURST = 1_000
QUIET_SECONDS = 1.0  # nothing more comes
IDS = range(80)  # the buffer of rbldnsd holds them all, half of them twice


def question(name: str, number: int) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!HHHHHH", number, 0x100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, 1, 1)


class NameServers(Case):
    def setUp(self) -> None:
        self.rbldnsd = self.enterContext(Rbldnsd(four_lists.datasets(), logs_queries=False))

    def test_unbound_says_what_rbldnsd_says(self) -> None:
        unbound = self.enterContext(Unbound(self.rbldnsd.address))
        for server in (self.rbldnsd, unbound):
            self.assertEqual(ask(server.address, LISTED_NAME), (0, ["127.0.0.4"]))
            self.assertEqual(ask(server.address, query_name(UNLISTED, "zen.test")), (3, []))

    def test_their_buffers_hold_some_hundred_questions(self) -> None:
        """A burst of more is what these tests are about."""
        unbound = self.enterContext(Unbound(self.rbldnsd.address))
        for server in (self.rbldnsd, unbound):
            with self.subTest(type(server).__name__):
                server.pause()
                before = datagrams_dropped(server.address)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
                    asker.connect(server.address)
                    for number in range(BURST):
                        asker.send(question(LISTED_NAME, number))
                    held = BURST - (datagrams_dropped(server.address) - before)
                server.resume()
                self.assertIn(held, range(BUFFER_MIN, BUFFER_MAX))

    def test_rbldnsd_takes_other_texts_while_it_runs(self) -> None:
        self.assertEqual(ask(self.rbldnsd.address, query_name(UNLISTED, "zen.test"))[1], [])
        self.rbldnsd.replace(0, dataset("zen.test", "127.0.0.4", [UNLISTED]))
        wait_until(
            lambda: ask(self.rbldnsd.address, query_name(UNLISTED, "zen.test"))[1], "the new text"
        )


class Network(Case):
    """Each question has another id, and whatever comes back has the id of its question."""

    def setUp(self) -> None:
        self.rbldnsd = self.enterContext(Rbldnsd(four_lists.datasets(), logs_queries=False))

    @contextlib.contextmanager
    def network(self, **conditions: float) -> Iterator[BadNetwork]:
        named = {name.replace("_", "-"): value for name, value in conditions.items()}
        with BadNetwork(self.rbldnsd.address, named) as network:
            yield network

    def ids_of_answers(self, server: Address) -> list[int]:
        """Of all that come back, in the order in which they come."""
        found = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            asker.connect(server)
            for number in IDS:
                asker.send(question(LISTED_NAME, number))
            asker.settimeout(QUIET_SECONDS)
            with contextlib.suppress(TimeoutError):
                while True:
                    found.append(struct.unpack("!H", asker.recv(4096)[:2])[0])
        return found

    def test_a_good_one_carries_everything_once_and_in_order(self) -> None:
        with self.network() as network:
            self.assertEqual(self.ids_of_answers(network.address), list(IDS))
            counted = network.stop()
        self.assertEqual(counted["questions"], len(IDS))
        self.assertEqual(counted["answers"], len(IDS))
        self.assertEqual(counted["about_ipv6"], 0)

    def test_questions_and_answers_are_lost(self) -> None:
        for condition, counter in (
            ("lose_questions", "questions_lost"), ("lose_answers", "answers_lost"),
        ):  # fmt: skip
            with self.subTest(condition), self.network(**{condition: 30}) as network:
                found = self.ids_of_answers(network.address)
                self.assertEqual(len(IDS) - len(found), network.stop()[counter])
                self.assertIn(len(found), range(len(IDS) // 2, len(IDS) * 9 // 10))

    def test_answers_are_late(self) -> None:
        with self.network(delay=150) as network:
            begun = time.monotonic()
            ask(network.address, LISTED_NAME)
            self.assertGreaterEqual(time.monotonic() - begun, 0.15)

    def test_some_come_twice_and_some_out_of_order(self) -> None:
        with self.network(duplicate=50) as network:
            found = self.ids_of_answers(network.address)
            self.assertEqual(sorted(set(found)), list(IDS))
            self.assertGreater(len(found), len(IDS) * 1.5)
        with self.network(reorder=50) as network:
            found = self.ids_of_answers(network.address)
            self.assertEqual(sorted(found), list(IDS))
            self.assertNotEqual(found, list(IDS))

    def test_a_slow_resolver_takes_no_more_than_its_rate(self) -> None:
        with self.network(rate=200) as network:
            found = self.ids_of_answers(network.address)
            counted = network.stop()
        self.assertEqual(len(found), len(IDS) - counted["over_rate"])
        self.assertLess(len(found), len(IDS) / 2)

    def test_questions_about_ipv6_clients_are_counted(self) -> None:
        with self.network() as network:
            ask(network.address, query_name("2001:db8::1", "zen.test"))
            ask(network.address, LISTED_NAME)
            self.assertEqual(network.stop()["about_ipv6"], 1)

    def test_other_conditions_hold_from_now_on(self) -> None:
        with self.network() as network:
            address = network.address
            self.assertEqual(len(self.ids_of_answers(address)), len(IDS))
            network.become({"lose-questions": 100})
            self.assertEqual(network.address, address)
            self.assertEqual(self.ids_of_answers(address), [])


if __name__ == "__main__":
    main()
