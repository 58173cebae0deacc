# SPDX-License-Identifier: Apache-2.0
"""CPU time and memory of a front end: all its processes, those that ended too."""

import dataclasses
import os
import re
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
# It writes the log for all of Postfix; others write theirs themselves, or leave it to syslog.
LOGGERS = frozenset({"postlogd"})


@dataclasses.dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    name: str
    seconds: float  # of its own
    ended_seconds: float  # of its children that have ended


def read_process(pid: int) -> Process | None:
    """None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, _, rest = text.partition("(")[2].rpartition(") ")
    fields = rest.split()
    user, system, ended_user, ended_system = (int(fields[n]) / TICKS for n in (11, 12, 13, 14))
    return Process(pid, int(fields[1]), name, user + system, ended_user + ended_system)


def tree(root: int) -> list[Process]:
    """A process and its living descendants."""
    everyone = [read_process(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()]
    children: dict[int, list[Process]] = {}
    for process in everyone:
        if process is not None:
            children.setdefault(process.parent, []).append(process)
    first = read_process(root)
    assert first is not None, f"process {root} has ended"
    found = [first]
    for process in found:
        found.extend(children.get(process.pid, []))
    return found


@dataclasses.dataclass(frozen=True)
class Usage:
    """CPU seconds up to now. Only differences mean something."""

    seconds: float
    logging_seconds: float
    processes: int

    def since(self, before: "Usage") -> "Usage":
        return Usage(
            self.seconds - before.seconds,
            self.logging_seconds - before.logging_seconds,
            self.processes,
        )


def usage(roots: Iterable[int]) -> Usage:
    """A process that ends moves from its own row to its parent's, so the sum stays right."""
    processes = [process for root in roots for process in tree(root)]
    loggers = [p for p in processes if p.name in LOGGERS]
    others = [p for p in processes if p.name not in LOGGERS]
    return Usage(
        sum(p.seconds + p.ended_seconds for p in others),
        sum(p.seconds + p.ended_seconds for p in loggers),
        len(others),
    )


def pss_octets(roots: Iterable[int], without: frozenset[str] = frozenset()) -> int:
    """Proportional set size: pages that several processes share are counted once in all."""
    return sum(
        _pss_of(process.pid)
        for root in roots
        for process in tree(root)
        if process.name not in LOGGERS | without
    )


def _pss_of(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.M)
    return int(found[1]) * 1024 if found else 0
