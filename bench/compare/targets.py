# SPDX-License-Identifier: Apache-2.0
"""What fendmail is to reach beside others, and whether it did: all targets are here."""

import dataclasses
from collections.abc import Sequence

from run import Sample
from table import (
    ALLOWED_RATE,
    CPU,
    LISTED_THROUGH,
    MEMORY,
    MEMORY_PER_CLIENT,
    P99,
    PROCESSES,
    RATE,
    Quantity,
    figure,
    grouped,
    number,
)

Groups = dict[str, dict[str, list[Sample]]]
# The time of one connection moves by some percent from run to run.
NOISE = 1.1


@dataclasses.dataclass(frozen=True)
class Ratio:
    """fendmail's median over another one's, in one item or in two."""

    title: str
    quantity: Quantity
    what: str  # with {} for the value
    item: str
    ours: str
    theirs: str
    limit: float
    at_least: bool = False
    their_item: str = ""  # the same unless it is named

    def value(self, groups: Groups) -> float | None:
        ours = _median(groups, self.item, self.ours, self.quantity)
        theirs = _median(groups, self.their_item or self.item, self.theirs, self.quantity)
        return ours / theirs if ours is not None and theirs and theirs > 0 else None


@dataclasses.dataclass(frozen=True)
class Ceiling:
    """The largest value of all rounds and items: what must not happen may not happen once."""

    title: str
    quantity: Quantity
    what: str
    items: Sequence[str]
    ours: str
    limit: float
    at_least: bool = False

    def value(self, groups: Groups) -> float | None:
        of_items = (figure(groups.get(i, {}).get(self.ours, ()), self.quantity) for i in self.items)
        found = [figure_.largest for figure_ in of_items if figure_ is not None]
        return max(found) if found else None


Target = Ratio | Ceiling


def _median(groups: Groups, item: str, peer: str, quantity: Quantity) -> float | None:
    found = figure(groups.get(item, {}).get(peer, ()), quantity)
    return None if found is None else found.median


SLOW = ("clean, DNS 100 ms", "listed, DNS 100 ms")
LISTED = ("listed", "mix", "mix, rbldnsd")
TO_POSTSCREEN = "CPU {} × postscreen"
TO_HAPROXY = "CPU {} × HAProxy"
ALLOWED = "rate that its CPU time allows {} × "
MEASURED = "rate measured, load client on the same cores, {} × "

FD, RELAY = "fendmail-pass", "fendmail-proxy"
FD_2, RELAY_2 = "fendmail-pass-2w", "fendmail-proxy-2w"

TARGETS: Sequence[Target] = (
    Ratio("known, fd hand-off", CPU, TO_POSTSCREEN, "known", FD, "postscreen", 0.6),
    Ratio("known, fd hand-off, 2 workers", ALLOWED_RATE, ALLOWED + "postscreen's",
          "known", FD_2, "postscreen", 1.5, at_least=True),
    Ratio("known, fd hand-off, 2 workers", RATE, MEASURED + "postscreen's",
          "known", FD_2, "postscreen", 1.5, at_least=True),
    Ratio("known, relay with PROXY v2", CPU, TO_HAPROXY, "known", RELAY, "haproxy", 0.8),
    Ratio("new clean, 4 lists, local DNS", CPU, TO_POSTSCREEN, "clean", FD, "postscreen", 0.2),
    Ratio("new clean, DNS 100 ms", CPU, TO_POSTSCREEN, SLOW[0], FD, "postscreen", 0.08),
    Ratio("listed, DNS 100 ms", CPU, TO_POSTSCREEN, SLOW[1], FD, "postscreen", 0.08),
    Ceiling("new and listed, DNS 100 ms", PROCESSES, "{} process", SLOW, FD, 1),
    Ceiling("new and listed, DNS 100 ms", MEMORY, "{} MB", SLOW, FD, 40),
    Ceiling("listed, DNS 100 ms", LISTED_THROUGH, "{} % let through", SLOW[1:], FD, 0),
    Ceiling("listed, 600 in one moment", LISTED_THROUGH, "{} % let through", ("burst",), FD, 0),
    Ceiling("listed, DNS loses 10 %", LISTED_THROUGH, "{} % let through", ("loss",), FD, 0),
    Ratio("burst of 600 listed and 600 good", CPU, TO_POSTSCREEN, "burst", FD, "postscreen", 0.2),
    Ratio("burst, slowest hundredth of the good", P99, "time to verdict {} × postscreen's",
          "burst", FD, "postscreen", 1.0),
    Ratio("DNS loses 10 %", CPU, TO_POSTSCREEN, "loss", FD, "postscreen", 0.2),
    Ceiling("listed, DNS at once", LISTED_THROUGH, "{} % let through", LISTED, FD, 0),
    Ratio("listed, full dialog", CPU, TO_POSTSCREEN, "listed", FD, "postscreen", 0.2),
    Ratio("pregreeter", CPU, TO_POSTSCREEN, "pregreet", FD, "postscreen", 0.25),
    Ratio("15,000 waiting", MEMORY_PER_CLIENT, "memory per client {} × postscreen",
          "hold", FD, "postscreen", 1.0),
    Ratio("4 KiB mail relayed", CPU, TO_HAPROXY, "mail-4k", RELAY, "haproxy", 0.9),
    Ratio("10 MB mail relayed", CPU, TO_HAPROXY, "mail-10m", RELAY, "haproxy", 1.0),
    Ratio("1 to 2 workers, fd hand-off", ALLOWED_RATE, ALLOWED + "that of 1 worker",
          "known", FD_2, FD, 1.7, at_least=True),
    Ratio("1 to 2 workers, relay", ALLOWED_RATE, ALLOWED + "that of 1 worker",
          "known", RELAY_2, RELAY, 1.7, at_least=True),
    Ratio("known, 15,000 waiting", CPU, "CPU {} × that with 100 waiting",
          "known, 15,000 waiting", FD, FD, NOISE, their_item="known, 100 waiting"),
    Ratio("pregreeter, 15,000 waiting", CPU, "CPU {} × that with 100 waiting",
          "pregreet, 15,000 waiting", FD, FD, NOISE, their_item="pregreet, 100 waiting"),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Result:
    target: Target
    value: float | None  # None when it was not measured

    @property
    def is_reached(self) -> bool | None:
        if self.value is None:
            return None
        if self.target.at_least:
            return self.value >= self.target.limit
        return self.value <= self.target.limit

    @property
    def verdict(self) -> str:
        return {None: "not measured", True: "reached", False: "MISSED"}[self.is_reached]

    @property
    def reached(self) -> str:
        """What was reached, in words."""
        return "" if self.value is None else self.target.what.format(number(self.value))

    @property
    def limit(self) -> str:
        return f"at {'least' if self.target.at_least else 'most'} {self.target.limit:g}"


def results(samples: Sequence[Sample], targets: Sequence[Target] = TARGETS) -> list[Result]:
    groups = grouped(samples)
    return [Result(target, target.value(groups)) for target in targets]


def as_text(found: Sequence[Result]) -> str:
    """A list in Markdown of all targets that were measured."""
    lines = [
        f"- {r.target.title}: {r.reached} ({r.limit}): {r.verdict}\n"
        for r in found if r.value is not None
    ]  # fmt: skip
    if missing := len(found) - len(lines):
        lines.append(f"- not measured: {missing} of {len(found)} targets\n")
    return "".join(lines)


def as_json(found: Sequence[Result]) -> list[dict]:
    return [
        {"target": r.target.title, "what": r.target.what, "value": r.value,
         "limit": r.target.limit, "at_least": r.target.at_least, "reached": r.is_reached}
        for r in found
    ]  # fmt: skip
