#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fendmail does what postscreen does, except where differences.toml says otherwise.

Both play the catalogue of tests/interop/differential side by side. A part of it by hand:
tests/interop/differential/play.py.
"""

import copy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.differential.comparison import compare
from fendmail_test.differential.observation import END, LOG, MEMORY, REPLY, Observation
from fendmail_test.differential.rules import Rule
from fendmail_test.differential.run import Result, compare_all
from fendmail_test.differential.script import BadScript, load_script
from fendmail_test.differential.servers import FENDMAIL, import_cache, parse_cache
from fendmail_test.differential.whole import Material, load_material, run_all
from fendmail_test.private_network import enter_private_network
from fendmail_test.tls import make_certificate

FOLDER = Path(__file__).parent / "differential"
HOSTNAME = "mx.example.test"
EDGE_CASES = set(range(1, 61))
CLIENTS_MIN = 80


def all_edges(material: Material) -> set[int]:
    """The edge cases that the catalogue or the file of differences names."""
    found = {edge for script in material.scripts for edge in script.edges}
    found |= {edge for config in material.configs for edge in config.edges}
    found |= {edge for rule in material.rules.differences for edge in rule.edges}
    return found | {edge.number for edge in material.rules.hidden_edges}


class Differential(Case):
    """One run of everything; the tests look at it from several sides."""

    material: Material
    result: Result

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        case = cls("test_nothing_differs_that_is_not_intended")
        directory = case.directory("differential")
        cls.addClassCleanup(case.remove_directories)
        make_certificate(directory, HOSTNAME)
        cls.material = load_material(FOLDER, directory)
        cls.result = run_all(cls.material, directory)

    def test_nothing_differs_that_is_not_intended(self) -> None:
        print(self.result.summary(), flush=True)
        failed = [str(c) for c in self.result.comparisons if c.unexplained]
        if failed:
            self.fail("\n".join(["unexplained differences:", *failed]))

    def test_postscreen_answers_as_the_catalogue_says(self) -> None:
        self.assertEqual(self.result.surprises, [])

    def test_every_intended_difference_was_met(self) -> None:
        stale = {
            f"differs no more: {rule}: {rule.unmet()}": rule.unmet()
            for rule in self.material.rules.differences
            if rule.unmet()
        }
        self.assertEqual(list(stale), [])

    def test_the_catalogue_is_large_enough(self) -> None:
        self.assertGreaterEqual(len(self.material.scripts), CLIENTS_MIN)

    def test_every_client_was_seen_by_both_sides(self) -> None:
        """So that no side is compared with an empty transcript."""
        for observer in self.result.observers.values():
            for client, seen in observer.clients.items():
                with self.subTest(client):
                    self.assertTrue(any(what == END for what, _ in seen.items))
        logs = [
            items
            for observer in self.result.observers.values()
            for seen in observer.clients.values()
            for (what, _), items in seen.items.items()
            if what == LOG
        ]
        self.assertGreater(len(logs), len(self.result.comparisons))

    def test_clients_that_postscreen_knows_can_be_brought_over(self) -> None:
        for name in ("early", "dnsbl", "deep", "all-tests", "haproxy"):
            with self.subTest(name):
                dump = self.result.cache_dumps[name]
                self.assertGreater(len(parse_cache(dump)), 1)
                self.assertEqual(import_cache(self.directory(), dump), parse_cache(dump))

    def test_an_altered_observation_is_reported(self) -> None:
        """Each kind of item, once altered and once left out, on fendmail's side only."""
        for what in (REPLY, END, LOG, MEMORY):
            for altered in ("altered", None):
                with self.subTest(what=what, altered=altered):
                    self.assertEqual(self._unexplained_after(what, altered), 1)

    def _unexplained_after(self, what: str, altered: str | None) -> int:
        """How many comparisons fail that did not, when one item of that kind is another."""
        observers = copy.deepcopy(self.result.observers)
        rules = copy.deepcopy(self.material.rules.differences)
        before = sum(c.unexplained > 0 for c in self.result.comparisons)
        seen = observers["early", FENDMAIL].clients["01-polite"]
        items = next(items for key, items in sorted(seen.items.items()) if key[0] == what)
        items[0:1] = [] if altered is None else [altered]
        return sum(c.unexplained > 0 for c in compare_all(observers, rules)) - before


class ComparisonCase(Case):
    def observation(self, *items: str) -> Observation:
        seen = Observation()
        for item in items:
            seen.add(LOG, "connection 1", item)
        return seen

    def unexplained(self, left: list[str], right: list[str], *rules: Rule) -> int:
        """Of postscreen's and fendmail's log lines."""
        seen = (self.observation(*left), self.observation(*right))
        return compare("early", "01-client", *seen, rules).unexplained


class Comparison(ComparisonCase):
    def test_equal_lists_have_no_difference(self) -> None:
        self.assertEqual(self.unexplained(["a", "b"], ["a", "b"]), 0)

    def test_altered_missing_and_additional_lines_are_reported(self) -> None:
        self.assertEqual(self.unexplained(["a", "b"], ["a", "c"]), 1)
        self.assertEqual(self.unexplained(["a", "b"], ["a"]), 1)
        self.assertEqual(self.unexplained(["a"], ["a", "b"]), 1)
        self.assertEqual(self.unexplained(["a", "b"], ["b", "a"]), 2)

    def test_rule_explains_a_line_of_one_side(self) -> None:
        rule = Rule(LOG, "a reason", fendmail="SUMMARY .*")
        self.assertEqual(self.unexplained(["a"], ["a", "SUMMARY x"], rule), 0)
        self.assertEqual(self.unexplained(["a", "SUMMARY x"], ["a"], rule), 1)

    def test_rule_explains_two_lines_at_one_place(self) -> None:
        rule = Rule(LOG, "a reason", postscreen="rank (\\d+)", fendmail="score {1}")
        self.assertEqual(self.unexplained(["a", "rank 5"], ["a", "score 5"], rule), 0)
        self.assertEqual(self.unexplained(["a", "rank 5"], ["a", "score 6"], rule), 1)
        self.assertEqual(self.unexplained(["a", "rank 5"], ["a"], rule), 1)

    def test_pattern_is_for_the_whole_line(self) -> None:
        rule = Rule(LOG, "a reason", fendmail="SUMMARY")
        self.assertEqual(self.unexplained([], ["SUMMARY x"], rule), 1)

    def test_rule_is_for_its_clients_and_configurations_only(self) -> None:
        for rule in (
            Rule(LOG, "a reason", clients=("02-*",), fendmail="x"),
            Rule(LOG, "a reason", configs=("deep",), fendmail="x"),
            Rule(REPLY, "a reason", fendmail="x"),
        ):
            self.assertEqual(self.unexplained([], ["x"], rule), 1)

    def test_rule_that_explains_nothing_is_unmet(self) -> None:
        rule = Rule(LOG, "a reason", clients=("01-*", "02-*"), fendmail="x")
        self.assertEqual(self.unexplained([], ["y"], rule), 1)
        self.assertEqual(rule.unmet(), ["01-*", "02-*", "*"])
        self.assertEqual(self.unexplained([], ["x"], rule), 0)
        self.assertEqual(rule.unmet(), ["02-*"])

    def test_rule_of_a_race_explains_what_it_says_and_need_not_be_met(self) -> None:
        rule = Rule(REPLY, "a reason", fendmail="521 .*", sometimes=True)
        self.assertEqual(self.unexplained([], ["450 x"], rule), 1)
        self.assertEqual(rule.unmet(), [])


class CatalogueCase(Case):
    def load(self, text: str) -> object:
        path = self.directory("script") / "x.client"
        path.write_text(text, encoding="ascii")
        return load_script(path)


class Catalogue(CatalogueCase):
    def test_every_edge_case_is_in_the_catalogue_or_in_the_differences(self) -> None:
        material = load_material(FOLDER, self.directory("tls"))
        self.assertEqual(all_edges(material), EDGE_CASES)

    def test_every_hidden_edge_case_says_why_and_names_a_test_that_exists(self) -> None:
        top = Path(__file__).resolve().parents[2]
        for edge in load_material(FOLDER, self.directory("tls")).rules.hidden_edges:
            with self.subTest(edge.number):
                self.assertGreater(len(edge.reason), 20)
                for name in edge.shown_by:
                    self.assertTrue((top / name).is_file(), name)

    def test_scripts_are_understood(self) -> None:
        script = self.load(
            "# What it\n# shows.\n# edge: 5, 28\n# configs: a b\n# source: 127.0.0.9\n\n"
            'b: connect backup\nsend "a\\r\\n\\x41\\\\" "x"*3\n'
        )
        self.assertEqual((script.shows, script.edges), ("What it shows.", {5, 28}))
        self.assertEqual((script.steps[0].session, script.steps[0].words), ("b", ("backup",)))
        self.assertEqual(script.steps[1].octets, b"a\r\nA\\xxx")

    def test_bad_scripts_are_refused(self) -> None:
        head = "# Shows.\n# configs: a\n# source: 127.0.0.9\n"
        for text in (
            "connect\n",
            "# Shows.\n# configs: a\nconnect\n",
            head,
            f"{head}conect\n",
            f"{head}send no string\n",
            f'{head}send ""\n',
        ):
            with self.subTest(text), self.assertRaises(BadScript):
                self.load(text)


if __name__ == "__main__":
    enter_private_network()
    main()
