#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fendmail migrate: access lists, with Postfix's own tables asked about every edge."""

import ipaddress
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.migration import EXAMPLES_FOLDER, make_old
from fendmail_test.process import require_program


class Rules:
    """access.rules of a fendmail.toml: the first that matches decides."""

    def __init__(self, directory: Path) -> None:
        self._rules = []
        text = (directory / "fendmail.toml").read_text("utf-8")
        for rule in tomllib.loads(text)["access"]["rules"]:
            decision, _, what = rule.partition(" ")
            if what.startswith("file:"):
                lines = (directory / what[5:]).read_text("ascii").splitlines()
                nets = [line for line in lines if line and not line.startswith("#")]
            else:
                nets = [what]
            self._rules.append((decision, [ipaddress.ip_network(net) for net in nets]))

    def networks(self):
        return [net for _, nets in self._rules for net in nets]

    def decide(self, client) -> str:
        for decision, nets in self._rules:
            if any(client in net for net in nets if net.version == client.version):
                return decision
        return "none"


class AccessLists(Case):
    """Example 05, with Postfix's own tables asked about every edge."""

    EXAMPLE = EXAMPLES_FOLDER / "05-nested-access"
    # Its access list up to pcre:, which cannot be translated: nothing behind it is active.
    ORDER = ("cidr:{ {198.18.0.0/15 reject}, {192.0.2.250/31 dunno} }", "permit_mynetworks",
             "inline:{ {203.0.113.5 = permit}, 203.0.113.6=reject }", "hash:single-addresses",
             "cidr:access.cidr", "cidr:long.cidr")  # fmt: skip
    NOT_MINE = ("10.9.9.0/24", "192.0.2.64/26")
    MINE = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "192.0.2.128/25", "192.0.2.0/24",
            "2001:db8:1::/48")  # fmt: skip

    def setUp(self) -> None:
        self.tables = self.directory("tables")
        for name in ("single-addresses", "access.cidr", "long.cidr"):
            shutil.copy(self.EXAMPLE / name, self.tables)
        (self.tables / "main.cf").write_text("compatibility_level = 3.6\n", "ascii")
        make_old(self.tables / "main.cf")
        self.postmap("hash:single-addresses")

    def postmap(self, *arguments: str, keys: str = "") -> str:
        command = [require_program("postmap", "postfix"), "-c", str(self.tables), *arguments]
        done = subprocess.run(
            command, input=keys, capture_output=True, text=True, timeout=60, cwd=self.tables,
            check=False,
        )  # fmt: skip
        # With "-q -" the exit code only says that not all keys were found.
        self.assertNotRegex(done.stderr, r"fatal|error")
        return done.stdout

    def answers(self, table: str, clients: list[str]) -> dict[str, str]:
        out = self.postmap("-q", "-", table, keys="".join(f"{client}\n" for client in clients))
        return dict(line.split("\t", 1) for line in out.splitlines())

    def is_mine(self, client) -> bool:
        def within(nets) -> bool:
            return any(client in ipaddress.ip_network(net) for net in nets)

        # In the order of main.cf: both exclusions stand before the networks that they cut.
        if client in ipaddress.ip_network("192.0.2.128/25"):
            return True
        return within(self.MINE) and not within(self.NOT_MINE)

    def evaluate(self, words: list[str], client, tables, nested: bool = False) -> str:
        """The outcome, "next" for none, "stop" for the end of the whole search."""
        for word in words:
            if word.lower() in ("permit", "reject"):
                return word.lower()
            if word == "dunno":
                return "next" if nested else "stop"
            if word == "permit_mynetworks":
                if self.is_mine(client):
                    return "permit"
            elif word in tables:
                found = tables[word].get(str(client))
                if found is None:
                    continue
                inner = self.evaluate(re.split(r"[,\s]+", found), client, tables, True)
                if inner != "next":
                    return inner
            elif word != "dunno-for-all":
                return "stop"
        return "next"

    def test_every_edge_decides_as_in_postfix(self) -> None:
        rules = Rules(self.EXAMPLE / "expected")
        clients = sorted(
            {
                str(address)
                for net in rules.networks() + [ipaddress.ip_network(net) for net in self.MINE]
                for at in (net.network_address, net.broadcast_address)
                for address in self.around(at)
            }
        )
        self.assertGreater(len(clients), 300)
        tables = {
            word: self.answers(word, clients)
            for word in self.ORDER
            if ":" in word
        }
        self.assertTrue(all(tables.values()), "a table answers nothing")
        seen = set()
        for text in clients:
            client = ipaddress.ip_address(text)
            wanted = self.evaluate(list(self.ORDER), client, tables)
            wanted = "none" if wanted in ("stop", "next") else wanted
            seen.add(wanted)
            self.assertEqual(rules.decide(client), wanted, text)
        self.assertEqual(seen, {"permit", "reject", "none"})

    def test_mapped_networks_mean_what_postmap_says(self) -> None:
        example = EXAMPLES_FOLDER / "33-mapped-networks"
        shutil.copy(example / "access.cidr", self.tables / "mapped.cidr")
        clients = ["10.1.1.1", "11.1.1.1", "192.0.2.1", "198.51.100.1", "2001:db8::1", "fe80::1"]
        answers = self.answers("cidr:mapped.cidr", clients)
        rules = Rules(example / "expected")
        for client in clients:
            with self.subTest(client):
                wanted = answers.get(client, "none")
                self.assertEqual(rules.decide(ipaddress.ip_address(client)), wanted)
        self.assertEqual(set(answers), {"198.51.100.1", "2001:db8::1", "fe80::1"})

    @staticmethod
    def around(address):
        """The address and its neighbours, where there are any."""
        for step in (-1, 0, 1):
            number = int(address) + step
            if 0 <= number < 2**address.max_prefixlen:
                yield type(address)(number)


if __name__ == "__main__":
    main()
