#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time and memory of process trees are read as the kernel means them."""

import os
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path += [str(TOP / "tests" / "support"), str(TOP / "bench" / "compare")]

from fendmail_test.case import Case, main
from fendmail_test.process import Child, run
from measure import TICKS, Usage, parse_pss, parse_stat, pss_octets, read_process, tree, usage

# Uses CPU time by the process's own clock, and not by that of the wall.
BURN = """
import threading, time
def burn(seconds):
    begun = time.thread_time()
    while time.thread_time() - begun < seconds: pass
"""
BURNS_HERE = BURN + "burn(0.1)"
BURNS_IN_A_THREAD = BURN + "t = threading.Thread(target=burn, args=(0.1,)); t.start(); t.join()"
BURNS_IN_A_CHILD = (
    "import subprocess, sys; subprocess.run([sys.executable, '-c', '''" + BURNS_HERE + "'''])"
)
AND_STAYS = "\nprint('burnt', flush=True)\nimport sys\nwhile True: time.sleep(60)"


def stat_line(pid: int, name: str, parent: int, times: tuple[int, int, int, int]) -> str:
    return f"{pid} ({name}) S {parent} {' '.join(['0'] * 9)} {' '.join(map(str, times))} 20 0 1\n"


class Stat(Case):
    def test_times_are_own_and_those_of_ended_children(self) -> None:
        for name in ("dnsblog", "a b", "a) S 7 (", "("):
            with self.subTest(name):
                found = parse_stat(stat_line(12, name, 3, (TICKS, 2 * TICKS, 4 * TICKS, TICKS)))
                self.assertEqual((found.pid, found.name, found.parent), (12, name, 3))
                self.assertEqual((found.seconds, found.ended_seconds), (3, 5))

    def test_usage_is_a_difference_but_processes_are_those_of_now(self) -> None:
        found = Usage(5.0, 2.0, 9).since(Usage(3.0, 0.5, 4))
        self.assertEqual(found, Usage(2.0, 1.5, 9))

    def test_a_process_that_is_gone_has_no_figures(self) -> None:
        child = Child([sys.executable, "-c", ""], self.directory(), "child")
        child.wait(10)
        self.assertIsNone(read_process(child.pid))

    def test_pss_is_in_octets(self) -> None:
        text = "00400000-7ffd ---p 00000000 00:00 0 [rollup]\nRss:  99 kB\nPss:   12 kB\nPss_Anon: 1 kB\n"
        self.assertEqual(parse_pss(text), 12 * 1024)
        self.assertEqual(parse_pss(""), 0)


class Processes(Case):
    def burn(self, program: str) -> float:
        before = usage([os.getpid()])
        run([sys.executable, "-c", program])
        return usage([os.getpid()]).since(before).seconds

    def test_children_that_ended_count_with_their_threads_and_children(self) -> None:
        for program in (BURNS_HERE, BURNS_IN_A_THREAD, BURNS_IN_A_CHILD):
            with self.subTest(program):
                self.assertGreaterEqual(self.burn(program), 0.1 - 2 / TICKS)

    def test_a_child_that_lives_counts_with_its_ended_threads(self) -> None:
        before = usage([os.getpid()])
        child = Child([sys.executable, "-c", BURNS_IN_A_THREAD + AND_STAYS], self.directory(), "c")
        self.addCleanup(child.stop)
        child.stdout.wait_for("burnt", 30)
        self.assertIn(child.pid, [process.pid for process in tree(os.getpid())])
        self.assertGreaterEqual(usage([os.getpid()]).since(before).seconds, 0.1)
        self.assertGreater(pss_octets([child.pid]), 100_000)

    def test_the_clock_of_a_process_is_finer_than_a_tick(self) -> None:
        begun = time.process_time()
        seen = set()
        while time.process_time() - begun < 3 / TICKS:
            process = read_process(os.getpid())
            assert process is not None
            seen.add(process.seconds)
        self.assertGreater(len(seen), 10)

    def test_a_logger_is_counted_apart(self) -> None:
        program = self.directory() / "postlogd"
        program.write_text(f"#!{sys.executable}\n{BURNS_HERE}{AND_STAYS}\n", encoding="ascii")
        program.chmod(0o755)
        before = usage([os.getpid()])
        child = Child([program], self.directory(), "postlogd")
        self.addCleanup(child.stop)
        child.stdout.wait_for("burnt", 30)
        used = usage([os.getpid()]).since(before)
        self.assertGreaterEqual(used.logging_seconds, 0.1)
        self.assertEqual(used.processes, 1)


if __name__ == "__main__":
    main()
