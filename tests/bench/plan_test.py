#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What compare runs, in which order, and how long it believes that this takes."""

import dataclasses
import sys
from itertools import pairwise
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path += [str(TOP / "tests" / "support"), str(TOP / "bench" / "compare")]

from fendmail_test.case import Case, main
from peers import Conditions
from plan import Item, Phase, chosen, phases, runs, scaled
from progress import PREPARE_SECONDS, Progress, clock, expected
from stage import Sources

TWO = Phase(
    "two",
    Conditions(greet_wait=2),
    [Item("a", "clean", ("x", "y", "z"), 1000, rate=100), Item("b", "clean", ("y",), 50, rate=100)],
)


class Plan(Case):
    def test_another_peer_begins_in_each_round(self) -> None:
        found = [(run.round, run.item.name, run.peer) for run in runs(TWO, 2)]
        self.assertEqual(found, [
            (0, "a", "x"), (0, "a", "y"), (0, "a", "z"), (0, "b", "y"),
            (1, "a", "y"), (1, "a", "z"), (1, "a", "x"), (1, "b", "y"),
        ])  # fmt: skip

    def test_a_phase_may_have_fewer_rounds(self) -> None:
        few = dataclasses.replace(TWO, most_rounds=2)
        for rounds, want in ((1, 4), (2, 8), (5, 8)):
            self.assertEqual(len(runs(few, rounds)), want)

    def test_only_the_peers_that_were_asked_for_run(self) -> None:
        found = [(run.item.name, run.peer) for run in runs(TWO, 1, ["z", "x"])]
        self.assertEqual(found, [("a", "x"), ("a", "z")])

    def test_no_name_means_two_things(self) -> None:
        names = [each.name for phase in phases() for item in phase.items
                 for each in (item, *item.meanwhile)]  # fmt: skip
        self.assertEqual(len(names), len(set(names)), names)

    def test_what_is_chosen_keeps_its_phase(self) -> None:
        found = chosen(["hold", "known"], 1, is_smoke=False)
        self.assertEqual([[item.name for item in phase.items] for phase in found],
                         [["known"], ["hold"]])  # fmt: skip
        self.assertEqual(len(chosen([], 1, is_smoke=False)), len(phases()))

    def test_an_unknown_name_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "no scenario hodl; there are: .*'hold'"):
            chosen(["hold", "hodl"], 1, is_smoke=False)

    def test_scale_is_for_clients_and_not_for_rates(self) -> None:
        inner = Item("inner", "known", ("x",), 2_000)
        outer = Item("outer", "hold", ("x",), 100, rate=400, meanwhile=(inner,))
        found = scaled(outer, 0.05)
        self.assertEqual((found.clients, found.rate, found.meanwhile[0].clients), (10, 400, 100))

    def test_a_burst_comes_in_one_moment_and_from_many_networks(self) -> None:
        (burst,) = (item for phase in phases() for item in phase.items if item.name == "burst")
        self.assertTrue(burst.at_once)
        self.assertEqual((burst.rate, burst.clients), (0, 1_200))
        self.assertGreaterEqual(burst.clients * burst.stride, 256 * 256)

    def test_a_smoke_run_waits_less_but_waits(self) -> None:
        for phase in chosen([], 0.01, is_smoke=True):
            self.assertIn(phase.conditions.longest_wait, range(2, 9))

    def test_clients_that_are_held_wait_longer_than_what_is_measured_meanwhile(self) -> None:
        for phase in phases():
            for item in phase.items:
                if item.storm == "hold":
                    self.assertGreaterEqual(phase.conditions.longest_wait, 60)

    def test_no_address_is_given_out_twice(self) -> None:
        sources = Sources("127.1.0.254", "127.1.1.3")
        self.assertEqual([sources.take(2), sources.take(3)], ["127.1.0.254", "127.1.1.0"])
        spread = Sources("127.1.0.1", "127.2.0.0")
        self.assertEqual([spread.take(2, 256), spread.take(1)], ["127.1.0.1", "127.1.2.1"])
        with self.assertRaisesRegex(AssertionError, "no more addresses"):
            sources.take(1)


class Time(Case):
    def test_a_burst_is_expected_to_take_its_greet_wait_longer_than_a_run_without(self) -> None:
        burst = Item("a", "both", ("x",), 1_200, at_once=True)
        for wait in (2, 6):
            phase = Phase("burst", Conditions(greet_wait=wait), [burst])
            alone = expected(dataclasses.replace(burst, at_once=False), phase)
            self.assertAlmostEqual(expected(burst, phase), alone + wait)

    def test_what_is_left_shrinks_to_nothing(self) -> None:
        of_phase = runs(TWO, 2)
        progress = Progress([(TWO, of_phase)])
        left = [progress.seconds_left()]
        for run in of_phase:
            progress.done(run, 1.0)
            left.append(progress.seconds_left())
        self.assertEqual(left[-1], 0)
        self.assertEqual(left, sorted(left, reverse=True))

    def test_a_run_is_expected_to_take_as_long_as_the_last_time(self) -> None:
        of_phase = runs(TWO, 2)
        progress = Progress([(TWO, of_phase)])
        for run in of_phase[:4]:
            progress.done(run, 7.0)
        self.assertEqual(progress.seconds_left(), 4 * 7.0)

    def test_the_first_run_of_a_phase_pays_for_its_beginning(self) -> None:
        first = runs(TWO, 1)
        progress = Progress([(TWO, first)])
        left = [progress.seconds_left()]
        for run in first:
            progress.done(run, 1.0)
            left.append(progress.seconds_left())
        took = [before - after for before, after in pairwise(left)]
        self.assertAlmostEqual(took[0] - PREPARE_SECONDS, took[1])
        self.assertAlmostEqual(took[1], took[2])

    def test_a_clock_shows_minutes_and_seconds(self) -> None:
        for seconds, text in ((0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3600, "60:00")):
            self.assertEqual(clock(seconds), text)


if __name__ == "__main__":
    main()
