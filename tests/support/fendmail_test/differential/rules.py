# SPDX-License-Identifier: Apache-2.0
"""The file of intended differences.

    [[difference]]
    what = "log"                    reply, end, log, memory, or config: a log line of no client
    clients = ["07-*"]              names or patterns of names; all when left out
    configs = ["deep"]              likewise
    postscreen = 'regex'            the whole item on postscreen's side; left out: there is none
    fendmail = 'regex'              likewise; {1} is what the first group there has matched
    until = "3.10"                  Postfix's version from which on it need not be met
    sometimes = true                a race that postscreen may win: it need not be met in every run
    edges = [30]                    edge cases that it belongs to
    reason = "..."

    [[edge]]                        an edge case that cannot be seen from outside
    number = 50
    reason = "..."
    shown_by = ["tests/io/x_test.cpp"]   tests that show how fendmail deals with it
"""

import dataclasses
import fnmatch
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from ..postfix import version
from .observation import CONFIG, END, LOG, MEMORY, REPLY
from .script import BadScript

_KEYS = {"what", "clients", "configs", "postscreen", "fendmail", "until", "sometimes", "edges", "reason"}


@dataclasses.dataclass
class Rule:
    """One intended difference; `uses` are the clients and configurations where it was met."""

    what: str
    reason: str
    clients: tuple[str, ...] = ("*",)
    configs: tuple[str, ...] = ("*",)
    postscreen: str | None = None
    fendmail: str | None = None
    sometimes: bool = False
    edges: tuple[int, ...] = ()
    uses: set[tuple[str, str]] = dataclasses.field(default_factory=set)

    def applies_to(self, what: str, client: str, config: str) -> bool:
        return self.what == what and _is_one_of(client, self.clients) and _is_one_of(
            config, self.configs
        )

    def explains(self, postscreen: str | None, fendmail: str | None) -> bool:
        """Whether these two items, one of which may be missing, are this difference."""
        if (postscreen is None) != (self.postscreen is None):
            return False
        if (fendmail is None) != (self.fendmail is None):
            return False
        groups: tuple[str, ...] = ()
        if self.postscreen is not None and postscreen is not None:
            found = re.fullmatch(self.postscreen, postscreen, re.S)
            if found is None:
                return False
            groups = found.groups()
        if self.fendmail is None or fendmail is None:
            return True
        pattern = self.fendmail
        for number, group in enumerate(groups, 1):
            pattern = pattern.replace(f"{{{number}}}", re.escape(group or ""))
        return re.fullmatch(pattern, fendmail, re.S) is not None

    def unmet(self) -> list[str]:
        """The patterns of clients and configurations for which it explained nothing."""
        if self.sometimes:
            return []
        clients = [p for p in self.clients if not any(_is_one_of(c, [p]) for c, _ in self.uses)]
        configs = [p for p in self.configs if not any(_is_one_of(c, [p]) for _, c in self.uses)]
        return clients + configs

    def __str__(self) -> str:
        return (
            f"{self.what} of {' '.join(self.clients)} in {' '.join(self.configs)}: "
            f"{self.postscreen!r} -> {self.fendmail!r}"
        )


@dataclasses.dataclass(frozen=True)
class HiddenEdge:
    """An edge case that no client can see."""

    number: int
    reason: str
    shown_by: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Rules:
    """The whole file."""

    differences: Sequence[Rule]
    hidden_edges: Sequence[HiddenEdge]


def load_rules(path: Path) -> Rules:
    """Reads the file; a rule that is not complete is an error."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    differences = [_rule(path, table) for table in tables.get("difference", [])]
    return Rules(differences, [_hidden_edge(table) for table in tables.get("edge", [])])


def _hidden_edge(table: dict) -> HiddenEdge:
    return HiddenEdge(table["number"], table["reason"], tuple(table.get("shown_by", ())))


def _rule(path: Path, table: dict) -> Rule:
    unknown = table.keys() - _KEYS
    if unknown or not table.get("reason") or table.get("what") not in (
        REPLY, END, LOG, MEMORY, CONFIG
    ):  # fmt: skip
        raise BadScript(f"{path.name}: wrong or incomplete: {table}")
    if "postscreen" not in table and "fendmail" not in table:
        raise BadScript(f"{path.name}: it differs from nothing: {table}")
    for key in ("clients", "configs", "edges"):
        if key in table:
            table[key] = tuple(table[key])
    until = table.pop("until", None)
    if until is not None and version() >= tuple(map(int, until.split("."))):
        table["sometimes"] = True
    return Rule(**table)


def _is_one_of(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
