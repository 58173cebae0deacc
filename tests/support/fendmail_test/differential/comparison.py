# SPDX-License-Identifier: Apache-2.0
"""Two observations side by side: what is alike, what differs on purpose, what nobody explains."""

import dataclasses
from collections.abc import Sequence

from .observation import Observation
from .rules import Rule

# An alignment of two lists costs as much as it leaves unexplained. Two unexplained items that
# stand at the same place are one difference, rather than two.
_EXPLAINED, _ONE_SIDE, _BOTH_SIDES = 0.001, 1.0, 1.5


@dataclasses.dataclass(frozen=True)
class Row:
    """Two items at the same place; None is nothing. `rule` explains them when they differ."""

    postscreen: str | None
    fendmail: str | None
    rule: Rule | None = None

    @property
    def is_alike(self) -> bool:
        return self.postscreen == self.fendmail

    @property
    def is_unexplained(self) -> bool:
        return not self.is_alike and self.rule is None


@dataclasses.dataclass
class Comparison:
    """One client in one configuration; `tables` by what is compared and where."""

    config: str
    client: str
    tables: dict[tuple[str, str], list[Row]] = dataclasses.field(default_factory=dict)

    @property
    def intended(self) -> int:
        return sum(row.rule is not None for rows in self.tables.values() for row in rows)

    @property
    def unexplained(self) -> int:
        return sum(row.is_unexplained for rows in self.tables.values() for row in rows)

    def __str__(self) -> str:
        """Side by side, whatever has a difference that nobody explains, or all when none has."""
        lines = [f"=== {self.client or '(no client)'} in {self.config}"]
        for (what, where), rows in self.tables.items():
            if self.unexplained and not any(row.is_unexplained for row in rows):
                continue
            lines.append(f"  {what}, {where}:")
            lines.extend(_row_text(row) for row in rows)
        return "\n".join(lines)


def compare(
    config: str, client: str, postscreen: Observation, fendmail: Observation, rules: Sequence[Rule]
) -> Comparison:
    """Aligns everything that was observed; marks each rule that was needed."""
    result = Comparison(config, client)
    for what, where in sorted(postscreen.items.keys() | fendmail.items.keys(), key=_in_order):
        usable = [rule for rule in rules if rule.applies_to(what, client, config)]
        left = postscreen.items.get((what, where), [])
        right = fendmail.items.get((what, where), [])
        rows = _align(left, right, usable)
        for row in rows:
            if row.rule is not None:
                row.rule.uses.add((client, config))
        result.tables[what, where] = rows
    return result


def _in_order(key: tuple[str, str]) -> tuple[int, str]:
    return ("reply", "end", "log", "memory", "config").index(key[0]), key[1]


def _align(left: Sequence[str], right: Sequence[str], rules: Sequence[Rule]) -> list[Row]:
    """The cheapest way to write two lists side by side."""
    best: dict[tuple[int, int], tuple[float, Row | None, tuple[int, int]]] = {}
    best[len(left), len(right)] = (0.0, None, (0, 0))
    for i in range(len(left), -1, -1):
        for j in range(len(right), -1, -1):
            choices = []
            for row, cost in _choices(left[i : i + 1], right[j : j + 1], rules):
                after = (i + (row.postscreen is not None), j + (row.fendmail is not None))
                choices.append((cost + best[after][0], row, after))
            if choices:
                best[i, j] = min(choices, key=lambda choice: choice[0])
    rows, at = [], (0, 0)
    while at != (len(left), len(right)):
        _, row, at = best[at]
        assert row is not None
        rows.append(row)
    return rows


def _choices(
    left: Sequence[str], right: Sequence[str], rules: Sequence[Rule]
) -> list[tuple[Row, float]]:
    """What can be written in one row, and what it costs."""
    found = []
    if left and right:
        if left[0] == right[0]:
            return [(Row(left[0], right[0]), 0.0)]
        found.append(_choice(left[0], right[0], rules, _BOTH_SIDES))
    if left:
        found.append(_choice(left[0], None, rules, _ONE_SIDE))
    if right:
        found.append(_choice(None, right[0], rules, _ONE_SIDE))
    return found


def _choice(
    left: str | None, right: str | None, rules: Sequence[Rule], otherwise: float
) -> tuple[Row, float]:
    rule = next((rule for rule in rules if rule.explains(left, right)), None)
    return Row(left, right, rule), otherwise if rule is None else _EXPLAINED


def _row_text(row: Row) -> str:
    if row.is_alike:
        return f"        {row.postscreen}"
    mark = "  ok" if row.rule is not None else "  !!"
    sides = [("postscreen", row.postscreen), ("fendmail  ", row.fendmail)]
    return "\n".join(f"  {mark}  {name}: {'(nothing)' if x is None else x}" for name, x in sides)
