#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Medians, ratios, tables and targets: what compare says is what it measured."""

import json
import sys
import xml.etree.ElementTree as tree
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path += [str(TOP / "tests" / "support"), str(TOP / "bench" / "compare")]

import readme
import targets
from fendmail_test.case import Case, main
from plan import phases
from plot import svg
from run import Sample, failures
from table import (
    ADDED_P50,
    ADDED_P99,
    CPU,
    LISTED_THROUGH,
    RATE,
    as_json,
    figure,
    grouped,
    markdown,
    number,
    ratios,
    rows,
    with_added_latency,
)
from targets import Ceiling, Ratio, Result, results

FD = "fendmail-pass"
ABOUT = {
    "date": "2026-01-02 03:04 UTC", "cpu": "Some CPU", "cores": "2", "kernel": "6.1",
    "versions": {"postscreen": "3.7.1", "fendmail-pass": "fendmail 0.1.0",
                 "fendmail-proxy": "fendmail 0.1.0"},
    "rounds": 3, "scale": 1.0, "problems": [],
}  # fmt: skip


def sample(item: str, peer: str, number_: int = 0, **values) -> Sample:
    return Sample(item, peer, number_, 100, 1.0, **values)


def of_rounds(item: str, peer: str, field: str, values: list[float]) -> list[Sample]:
    return [sample(item, peer, n, **{field: value}) for n, value in enumerate(values)]


class Figures(Case):
    def test_numbers_have_three_digits(self) -> None:
        for value, text in (
            (0, "0"), (0.0812, "0.08"), (1, "1"), (1.5, "1.50"), (9.999, "10.00"), (12.34, "12.3"),
            (99.96, "100.0"), (123.4, "123"), (16000.0, "16,000"), (-0.32, "-0.32"),
        ):  # fmt: skip
            with self.subTest(value):
                self.assertEqual(number(value), text)

    def test_a_figure_is_the_median_with_the_spread(self) -> None:
        for values, want in (
            ([3.0], (3, 3, 3)),
            ([1.0, 100.0, 2.0], (2, 1, 100)),
            ([1.0, 2.0, 3.0, 100.0], (2.5, 1, 100)),
        ):
            with self.subTest(values):
                found = figure(of_rounds("known", FD, "cpu_us", values), CPU)
                assert found is not None
                self.assertEqual((found.median, found.smallest, found.largest), want)

    def test_who_was_not_measured_has_no_figure(self) -> None:
        self.assertIsNone(figure([], CPU))
        self.assertIsNone(figure([sample("known", FD)], CPU))
        self.assertIsNone(figure([sample("known", FD, listed_through=0, listed=0)], LISTED_THROUGH))

    def test_a_share_of_zero_is_a_figure(self) -> None:
        found = figure([sample("listed", FD, listed_through=0, listed=50)], LISTED_THROUGH)
        assert found is not None
        self.assertEqual(found.median, 0)

    def test_groups_keep_the_order_of_the_first_round(self) -> None:
        samples = [sample("b", "x", 1), sample("b", "y", 0), sample("a", "x", 0), sample("b", "x")]
        self.assertEqual(list(grouped(samples)), ["b", "a"])
        self.assertEqual(list(grouped(samples)["b"]), ["y", "x"])
        self.assertEqual([s.round for s in grouped(samples)["b"]["x"]], [0, 1])

    def test_ratios_are_those_of_medians_and_of_fendmail_to_others(self) -> None:
        by_peer = {
            FD: of_rounds("known", FD, "cpu_us", [10, 20, 60]),
            "postscreen": of_rounds("known", "postscreen", "cpu_us", [50, 40, 30]),
            "fendmail-proxy": of_rounds("known", "fendmail-proxy", "cpu_us", [80]),
            "direct": of_rounds("known", "direct", "rate", [5]),
        }
        want = {f"{FD}/postscreen": 0.5, "fendmail-proxy/postscreen": 2.0}
        self.assertEqual(ratios(by_peer, CPU), want)

    def test_added_latency_is_that_beyond_direct_in_the_same_round(self) -> None:
        samples = with_added_latency([
            sample("known", "direct", 0, p50_us=1000, p99_us=5000),
            sample("known", FD, 0, p50_us=1500, p99_us=4000),
            sample("known", "direct", 1, p50_us=100, p99_us=200),
            sample("known", FD, 1, p50_us=150, p99_us=300),
            sample("clean", FD, 0, p50_us=9, p99_us=9),
        ])  # fmt: skip
        added = [(ADDED_P50.of(s), ADDED_P99.of(s)) for s in samples]
        none = (None, None)
        self.assertEqual(added, [none, (0.5, -1.0), none, (0.05, 0.1), none])

    def test_a_row_for_each_item_and_peer_and_a_column_for_what_anyone_has(self) -> None:
        samples = [*of_rounds("known", FD, "cpu_us", [10, 20, 30]),
                   *of_rounds("known", "postscreen", "cpu_us", [40])]  # fmt: skip
        head, ours, theirs = rows(samples)
        self.assertEqual(head, ["scenario", "front end", CPU.title, "CPU ratio"])
        self.assertEqual(ours, ["known", FD, "20 (10–30)", "0.50 × postscreen"])
        self.assertEqual(theirs, ["known", "postscreen", "40 (40–40)", ""])
        lines = markdown(samples).splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual(len({len(line) for line in lines}), 1, lines)

    def test_json_gives_the_samples_back(self) -> None:
        samples = [sample("known", FD, cpu_us=1.5, failures={"reset": 2})]
        text = json.loads(json.dumps(as_json(samples)))
        self.assertEqual([Sample(**each) for each in text["samples"]], samples)
        self.assertEqual(text["summary"]["known"]["peers"][FD]["failed"]["median"], 2)

    def test_a_client_without_a_verdict_is_a_failure(self) -> None:
        group = {"failures": {"reset": 2, "timeout": 0}, "unexpected": 1}
        self.assertEqual(failures([group, group], 3), {"missed": 3, "reset": 4, "unexpected": 2})
        self.assertEqual(failures([{"failures": {"reset": 0}, "unexpected": 0}], 0), {})


class Targets(Case):
    def check(self, target: targets.Target, samples: list[Sample], value, verdict: str) -> None:
        found = results(samples, [target])[0]
        self.assertEqual((found.value, found.verdict), (value, verdict))

    def test_a_ratio_is_that_of_medians(self) -> None:
        at_most = Ratio("t", CPU, "{}", "known", FD, "postscreen", 0.5)
        at_least = Ratio("t", RATE, "{}", "known", FD, "postscreen", 0.5, at_least=True)
        theirs = [40.0, 1.0, 50.0]
        for target, field, ours, value, verdict in (
            (at_most, "cpu_us", [1.0, 20.0, 99.0], 0.5, "reached"),
            (at_most, "cpu_us", [21.0], 0.525, "MISSED"),
            (at_least, "rate", [20.0], 0.5, "reached"),
            (at_least, "rate", [19.0], 0.475, "MISSED"),
        ):
            with self.subTest(field=field, ours=ours):
                samples = of_rounds("known", FD, field, ours)
                samples += of_rounds("known", "postscreen", field, theirs)
                self.check(target, samples, value, verdict)

    def test_a_ratio_may_be_to_another_item(self) -> None:
        target = Ratio("t", CPU, "{}", "many", FD, FD, 1.1, their_item="few")
        samples = of_rounds("many", FD, "cpu_us", [12.0]) + of_rounds("few", FD, "cpu_us", [10.0])
        self.check(target, samples, 1.2, "MISSED")

    def test_without_one_side_nothing_is_said(self) -> None:
        target = Ratio("t", CPU, "{}", "known", FD, "postscreen", 0.5)
        for samples in (
            [],
            of_rounds("known", FD, "cpu_us", [1.0]),
            of_rounds("known", "postscreen", "cpu_us", [1.0]),
            of_rounds("clean", FD, "cpu_us", [1.0])
            + of_rounds("known", "postscreen", "cpu_us", [1.0]),
            of_rounds("known", FD, "cpu_us", [1.0])
            + of_rounds("known", "postscreen", "cpu_us", [-1.0]),
        ):
            with self.subTest(samples):
                self.check(target, samples, None, "not measured")

    def test_a_ceiling_holds_in_every_round_and_item(self) -> None:
        target = Ceiling("t", LISTED_THROUGH, "{}", ("a", "b"), FD, 0)
        clean = [sample("a", FD, n, listed_through=0, listed=100) for n in range(9)]
        self.check(target, clean, 0, "reached")
        through = sample("b", FD, 0, listed_through=1, listed=100)
        self.check(target, [*clean, through], 1, "MISSED")
        self.check(target, [], None, "not measured")

    def test_every_target_is_measured_by_the_plan(self) -> None:
        items = [each for phase in phases() for item in phase.items
                 for each in (item, *item.meanwhile)]  # fmt: skip
        peers = {item.name: item.peers for item in items}
        for target in targets.TARGETS:
            with self.subTest(target.title):
                if isinstance(target, Ceiling):
                    for item in target.items:
                        self.assertIn(target.ours, peers[item])
                else:
                    self.assertIn(target.ours, peers[target.item])
                    self.assertIn(target.theirs, peers[target.their_item or target.item])

    def test_text_says_what_was_reached_and_what_was_wanted(self) -> None:
        known = Ratio("known", CPU, "CPU {} × postscreen", "known", FD, "postscreen", 0.6)
        more = Ratio("2 workers", RATE, "rate {} ×", "known", FD, "postscreen", 1.5, at_least=True)
        found = [Result(known, 0.58), Result(more, 1.2), Result(more, None)]
        self.assertEqual(
            targets.as_text(found),
            "- known: CPU 0.58 × postscreen (at most 0.6): reached\n"
            "- 2 workers: rate 1.20 × (at least 1.5): MISSED\n"
            "- not measured: 1 of 3 targets\n",
        )
        self.assertEqual([r["reached"] for r in targets.as_json(found)], [True, False, None])


class Pages(Case):
    def test_the_text_between_the_comments_is_replaced(self) -> None:
        for old in ("", "old\n", f"{'x' * 70}\n| a |\n"):
            with self.subTest(old):
                page = f"# Title\n{readme.BEGIN}\n{old}{readme.END}\nafter\n"
                want = f"# Title\n{readme.BEGIN}\n\nnew\n\n{readme.END}\nafter\n"
                self.assertEqual(readme.replaced(page, "new\n"), want)
                self.assertEqual(readme.replaced(want, "new\n"), want)

    def test_a_page_without_the_comments_is_refused(self) -> None:
        for page in ("", readme.BEGIN, readme.END, f"{readme.END} {readme.BEGIN}"):
            with self.subTest(page), self.assertRaises(AssertionError):
                readme.replaced(page, "new")

    def test_our_readme_has_the_comments(self) -> None:
        readme.replaced((TOP / "README.md").read_text(encoding="utf-8"), "new")

    def test_the_short_tables_have_date_machine_versions_figures_and_targets(self) -> None:
        samples = [*of_rounds("known", FD, "cpu_us", [10, 20, 30]),
                   *of_rounds("known", "postscreen", "cpu_us", [40])]  # fmt: skip
        target = Ratio("known", CPU, "CPU {} × postscreen", "known", FD, "postscreen", 0.6)
        lines = readme.tables(samples, results(samples, [target]), ABOUT).splitlines()
        self.assertEqual(
            [" ".join(line.split()) for line in lines if "---" not in line],
            [
                "2026-01-02 03:04 UTC, 2 × Some CPU, Linux 6.1; postscreen 3.7.1, fendmail 0.1.0; "
                "medians of up to 3 rounds.",
                "",
                "| CPU µs per connection | postscreen | fendmail, fd hand-off |",
                "| known | 40 | 20 |",
                "",
                "| target | reached | wanted | |",
                "| known | CPU 0.50 × postscreen | at most 0.6 | reached |",
            ],
        )

    def test_runs_that_failed_are_not_hidden(self) -> None:
        self.assertNotIn("FAILED", readme.about_line(ABOUT))
        self.assertIn("; 2 runs FAILED", readme.about_line({**ABOUT, "problems": ["a", "b"]}))

    def test_a_run_with_few_clients_says_that_it_means_nothing(self) -> None:
        self.assertNotIn("NOTHING", readme.about_line(ABOUT))
        self.assertIn("NOTHING", readme.about_line({**ABOUT, "scale": 0.01}))

    def test_the_plot_is_xml_with_a_bar_for_each_peer(self) -> None:
        samples = [*of_rounds("a & <b>", FD, "cpu_us", [10, 30]), sample("a & <b>", "direct"),
                   *of_rounds("a & <b>", "postscreen", "cpu_us", [40])]  # fmt: skip
        root = tree.fromstring(svg(samples, "2 × <CPU>"))
        named = {e.text for e in root.iter("{http://www.w3.org/2000/svg}text")}
        self.assertLessEqual({"a & <b>", FD, "postscreen", "20", "40"}, named)
        self.assertNotIn("direct", named)


if __name__ == "__main__":
    main()
