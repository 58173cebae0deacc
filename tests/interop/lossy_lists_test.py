#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists behind a bad network: what is lost, late, doubled or out of order lets no bot through.

Between fendmail and a real rbldnsd stands a forwarder that does to each datagram what a case says.
1,000 listed clients and 1,000 good ones come at the same moment; no list may be suspended, since
all of them answer.
"""

import collections
import contextlib
import dataclasses
import sys
import unittest
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test import four_lists
from fendmail_test.bad_network import BadNetwork
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.rbldnsd import Rbldnsd
from fendmail_test.storm import Group, burst_of, pass_sink, play, print_table, raise_descriptors

CLIENTS = 1_000  # of each kind
CLIENTS_OF_SLOW = 500  # listed ones alone
GREET_WAIT = 2
HEAD = (
    "the resolver …", "questions", "lost", "over rate", "answers lost", "listed through", "other",
    "good refused", "other", "suspended", "listed p50 s", "p99 s", "max s", "good p50 s", "max s",
)  # fmt: skip

Conditions = Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Bad:
    """One case: the conditions of each resolver, in the order of the configuration."""

    name: str
    resolvers: Sequence[Conditions]
    has_good: bool = True


def _losing(percent: float, delay: int) -> Bad:
    conditions = {"lose-questions": percent, "lose-answers": percent, "delay": delay}
    return Bad(f"loses {percent} % of both, {delay} ms", [conditions])


LOSSES = [_losing(percent, delay) for percent in (1, 10, 30) for delay in (0, 30, 150)]
DISORDER = [
    Bad("loses 30 % of questions, 30 ms", [{"lose-questions": 30, "delay": 30}]),
    Bad("loses 30 % of answers, 30 ms", [{"lose-answers": 30, "delay": 30}]),
    Bad("reorders half of all, 30 ms", [{"reorder": 50, "reorder-by": 60, "delay": 30}]),
    Bad("doubles half of all, 30 ms", [{"duplicate": 50, "delay": 30}]),
    Bad(
        "does all of it, 150 ms",
        [{"lose-questions": 10, "lose-answers": 10, "duplicate": 20, "reorder": 20,
          "reorder-by": 60, "delay": 150}],
    ),
]  # fmt: skip
SLOW = [Bad("takes 200 a second", [{"rate": 200}], has_good=False)]
TWO = [
    Bad("is the first of two, and dead", [{"lose-questions": 100}, {"delay": 30}]),
    Bad("is the second of two, and dead", [{"delay": 30}, {"lose-questions": 100}]),
    Bad("is one of two, and loses 50 %", [{"lose-questions": 50, "delay": 30}, {"delay": 30}]),
]


@dataclasses.dataclass(frozen=True)
class Seen:
    bad: Bad
    listed: Group
    good: Group | None
    suspensions: Sequence[str]
    counted: Mapping[str, int]  # by all resolvers together

    @property
    def row(self) -> Sequence[object]:
        listed, good, counted = self.listed, self.good, self.counted
        return (
            self.bad.name, counted["questions"], counted["questions_lost"], counted["over_rate"],
            counted["answers_lost"], listed.let_through, listed.deferred + listed.failed,
            good.refused if good else "", good.deferred + good.failed if good else "",
            len(self.suspensions), listed.p50, listed.p99, listed.longest,
            good.p50 if good else "", good.longest if good else "",
        )  # fmt: skip


class LossyCase(FendmailCase):
    """Plays its cases one after another; the tests look at them from several sides."""

    CASES: Sequence[Bad] = ()
    seen: list[Seen]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        place = cls("test_no_listed_client_gets_through")
        cls.addClassCleanup(place.remove_directories)
        backend = cls.enterClassContext(pass_sink())
        rbldnsd = cls.enterClassContext(Rbldnsd(four_lists.datasets(), logs_queries=False))
        cls.seen = [cls._play(place, bad, backend, rbldnsd) for bad in cls.CASES]
        title = f"{CLIENTS:,} listed and as many good clients at once, greet wait {GREET_WAIT} s"
        print_table(title, HEAD, [seen.row for seen in cls.seen])

    @classmethod
    def _play(
        cls, place: FendmailCase, bad: Bad, backend: dict[str, str], rbldnsd: Rbldnsd
    ) -> Seen:
        counted: collections.Counter[str] = collections.Counter()
        clean, listed = four_lists.clean_sources(), four_lists.listed_sources()
        if bad.has_good:
            burst = burst_of("both", 2 * CLIENTS, clean, listed)
        else:
            burst = burst_of("listed", CLIENTS_OF_SLOW, listed=listed)
        with contextlib.ExitStack() as stack:
            enter = stack.enter_context
            networks = [enter(BadNetwork(rbldnsd.address, each)) for each in bad.resolvers]
            settings = four_lists.settings([n.resolver for n in networks], GREET_WAIT)
            with Fendmail(place.directory("run"), {"backend": backend}, settings) as fendmail:
                groups = play(burst, fendmail.address)
                suspensions = four_lists.suspensions(fendmail)
            for network in networks:
                counted.update(network.stop())
        return Seen(bad, groups["listed"], groups.get("clean"), suspensions, counted)

    def test_no_listed_client_gets_through(self) -> None:
        for seen in self.seen:
            with self.subTest(f"the resolver {seen.bad.name}"):
                self.assertEqual(seen.listed.let_through, 0)
                self.assertEqual(seen.listed.refused, seen.listed.came, str(seen.listed))

    def test_no_good_client_is_refused(self) -> None:
        for seen in self.seen:
            if seen.good is None:
                continue
            with self.subTest(f"the resolver {seen.bad.name}"):
                self.assertEqual(seen.good.let_through, CLIENTS, str(seen.good))

    def test_no_list_is_suspended(self) -> None:
        """All of them answer their tests, sooner or later."""
        for seen in self.seen:
            with self.subTest(f"the resolver {seen.bad.name}"):
                self.assertEqual(seen.suspensions, [])

    def test_what_the_case_says_has_happened(self) -> None:
        """Or nothing would have been shown."""
        for seen in self.seen:
            with self.subTest(f"the resolver {seen.bad.name}"):
                self.assertGreater(seen.counted["questions"], CLIENTS_OF_SLOW)
                for option, counter in COUNTERS.items():
                    if any(option in conditions for conditions in seen.bad.resolvers):
                        self.assertGreater(seen.counted[counter], 0, option)


# Which conditions the forwarder counts, and under which name.
COUNTERS = {
    "lose-questions": "questions_lost",
    "lose-answers": "answers_lost",
    "duplicate": "duplicates",
    "rate": "over_rate",
}


class Loss(LossyCase):
    """Loses questions and answers, near and far."""

    CASES = LOSSES


class Disorder(LossyCase):
    """Loses in one direction, reorders, doubles."""

    CASES = DISORDER


class SlowResolver(LossyCase):
    CASES = SLOW


class TwoResolvers(LossyCase):
    CASES = TWO


def load_tests(loader: unittest.TestLoader, _, __) -> unittest.TestSuite:
    """Without the base, which has tests as well."""
    chosen = (Loss, Disorder, SlowResolver, TwoResolvers)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in chosen)


if __name__ == "__main__":
    raise_descriptors()
    main()
