#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The comparison of bench/compare in little: every kind of run works against every front end.

It says nothing about speed. The load client, sink and name server lie beside fendmail.
"""

import json
import os
import sys
import xml.etree.ElementTree as tree
from collections.abc import Sequence
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail import binary
from fendmail_test.process import Child, require_root

COMPARE = TOP / "bench" / "compare" / "compare.py"
TIMEOUT = 200
STOP_TIMEOUT = 60
PASS, PROXY = "fendmail-pass", "fendmail-proxy"
BOTH = {"postscreen", PASS}
RELAYS = {"direct", "haproxy", PROXY}
TWO_WORKERS = {f"{PASS}-2w", f"{PROXY}-2w"}


class SmokeCase(Case):
    """Runs some items; `measured` says which figures of whom must come out."""

    def smoke(self, items: Sequence[str], measured: dict[str, set[str]]) -> None:
        require_root("Postfix")
        self.results = self.directory("compare")
        readme = self.results / "README.md"
        readme.write_text("before\n<!-- performance -->\n<!-- /performance -->\nafter\n")
        command = [
            sys.executable, COMPARE, "--smoke", "--build", binary().parent,
            "--results", self.results, "--name", "smoke", "--readme", readme,
            *(part for name in items for part in ("--only", name)),
        ]  # fmt: skip
        child = Child(command, self.results, "compare", {"FENDMAIL": os.fspath(binary())})
        self.addCleanup(child.stop, STOP_TIMEOUT)
        self.show_on_failure(child.stderr)
        self.assertEqual(child.wait(TIMEOUT), 0)
        self.result = json.loads((self.results / "smoke.json").read_text(encoding="utf-8"))
        self.assertEqual(self.result["about"]["problems"], [])
        self.check_samples(self.result["samples"], measured)
        first = next(iter(measured))
        self.check_files(child.stdout.text(), readme.read_text(encoding="utf-8"), first)

    def check_files(self, printed: str, page: str, item: str) -> None:
        tree.parse(self.results / "smoke.svg")
        self.assertIn(printed.strip(), (self.results / "smoke.md").read_text(encoding="utf-8"))
        self.assertIn("- not measured: ", printed)
        end = r"\n\n<!-- /performance -->\nafter\n$"
        self.assertRegex(page, rf"(?s)^before\n.*\| {item} .*{end}")

    def check_samples(self, samples: list[dict], measured: dict[str, set[str]]) -> None:
        found: dict[str, set[str]] = {}
        for sample in samples:
            found.setdefault(sample["item"], set()).add(sample["peer"])
            with self.subTest(item=sample["item"], peer=sample["peer"]):
                self.assertEqual(sample["failures"], {})
                self.assertGreater(sample["clients"], 0)
                if sample["peer"] != "direct":
                    self.assertGreater(sample["cpu_us"], 0)
                    self.assertGreater(sample["memory"], 0)
                if sample["peer"].startswith("fendmail"):
                    self.assertEqual(sample["processes"], 1)
                    self.assertFalse(sample["listed_through"])
        self.assertEqual(found, measured)

    def value_of(self, target: str) -> float | None:
        """What was measured; whether it is good is not asked here."""
        return next(t["value"] for t in self.result["targets"] if t["target"] == target)


class CompareLoad(SmokeCase):
    """Closed loop, open loop and mails, with our own name server and with rbldnsd."""

    def test_every_front_end_takes_the_load(self) -> None:
        measured = {
            "known": RELAYS | BOTH | TWO_WORKERS,
            "mail-4k": RELAYS,
            "listed": BOTH,
            "mix, rbldnsd": BOTH,
        }
        self.smoke(list(measured), measured)
        for target in ("known, fd hand-off", "4 KiB mail relayed", "1 to 2 workers, relay"):
            value = self.value_of(target)
            assert value is not None, target
            self.assertGreater(value, 0)
        self.assertIsNone(self.value_of("pregreeter"))


class CompareBursts(SmokeCase):
    """All in one moment, and lists of which a tenth of the answers is lost."""

    def test_no_listed_client_comes_through_fendmail(self) -> None:
        self.smoke(["burst", "loss"], {"burst": BOTH, "loss": BOTH})
        for sample in self.result["samples"]:
            with self.subTest(item=sample["item"], peer=sample["peer"]):
                self.assertGreater(sample["listed"], 0)
                self.assertLess(sample["listed"], sample["clients"])
                self.assertGreater(sample["listed_p99_us"], 0)
                self.assertEqual(sample["rate"] is None, sample["item"] == "burst")


class CompareWaiting(SmokeCase):
    """Clients that wait: what they cost, and what others cost meanwhile."""

    def test_clients_wait_until_the_end(self) -> None:
        meanwhile = {"known, 100 waiting": BOTH, "pregreet, 100 waiting": BOTH}
        self.smoke(["100 waiting", "hold"], {**meanwhile, "hold": BOTH})
        for sample in self.result["samples"]:
            held = sample["item"] == "hold"
            self.assertEqual(sample["memory_per_client"] is not None, held, sample)


if __name__ == "__main__":
    main()
