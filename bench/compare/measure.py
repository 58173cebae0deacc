# SPDX-License-Identifier: Apache-2.0
"""CPU time and memory of a front end: all its processes, those that ended too."""

import dataclasses
import os
import re
import time
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
    seconds: float  # of its own, in all its threads, those that ended too
    ended_seconds: float  # of its children that have ended


def parse_stat(text: str) -> Process:
    """What /proc/PID/stat says; times in steps of a tick (proc_pid_stat(5))."""
    pid, _, rest = text.partition(" (")
    # A name may hold anything, brackets too.
    name, _, rest = rest.rpartition(") ")
    fields = rest.split()
    user, system, ended_user, ended_system = (int(fields[n]) / TICKS for n in (11, 12, 13, 14))
    return Process(int(pid), int(fields[1]), name, user + system, ended_user + ended_system)


def cpu_clock(pid: int) -> int:
    """The number of a process's CPU clock, as clock_getcpuclockid(3) makes it on Linux."""
    return ~pid << 3 | 2


def read_process(pid: int) -> Process | None:
    """None when it is gone.

    Its own time comes from its CPU clock, in nanoseconds. /proc/PID/schedstat is as fine but
    leaves out all threads but the first, and those that have ended. Of children that have ended
    there are only ticks, summed up before they are rounded: so the error is one tick in all.
    """
    try:
        process = parse_stat(Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    try:
        return dataclasses.replace(process, seconds=time.clock_gettime(cpu_clock(pid)))
    except OSError:  # it ended just now
        return process


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
        return parse_pss(Path(f"/proc/{pid}/smaps_rollup").read_text("ascii", errors="replace"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def parse_pss(text: str) -> int:
    """Octets; 0 for a process that has no memory any more."""
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.M)
    return int(found[1]) * 1024 if found else 0
