# SPDX-License-Identifier: Apache-2.0
"""The base of all test classes, and the main function of all test files."""

import shutil
import signal
import sys
import tempfile
import unittest
from pathlib import Path

from .logs import LogFile

# Postfix writes logs only below what maillog_file_prefixes names, and its users must get there.
SCRATCH = "/tmp"


def make_directory(purpose: str) -> Path:
    """A new directory that every user may enter."""
    path = Path(tempfile.mkdtemp(prefix=f"fendmail-{purpose}-", dir=SCRATCH))
    path.chmod(0o755)
    return path


class Case(unittest.TestCase):
    """A test whose logs are printed when it fails, and whose directories go away at the end."""

    maxDiff = None

    def __init__(self, method: str = "runTest"):
        super().__init__(method)
        self._directories: list[Path] = []
        self._logs: list[LogFile] = []

    def directory(self, purpose: str = "test") -> Path:
        """A directory that lives as long as this test."""
        path = make_directory(purpose)
        self._directories.append(path)
        return path

    def show_on_failure(self, *logs: LogFile) -> None:
        """Prints the ends of these logs if the test fails."""
        self._logs.extend(logs)

    def run(self, result: unittest.TestResult | None = None):
        before = _failures(result)
        try:
            return super().run(result)
        finally:
            if _Termination.asked and result is not None:
                result.stop()
            if _failures(result) > before:
                self._print_logs()
            self.remove_directories()
            self._logs.clear()

    def remove_directories(self) -> None:
        """Done after each test; whoever makes some outside a test does it himself."""
        for path in self._directories:
            shutil.rmtree(path)
        self._directories.clear()

    def _print_logs(self) -> None:
        print(f"\nlogs of {self.id()}:", file=sys.stderr)
        for log in self._logs:
            if log.text():
                print(log.tail(), file=sys.stderr)


def _failures(result: unittest.TestResult | None) -> int:
    return 0 if result is None else len(result.failures) + len(result.errors)


class _Termination:
    """SIGTERM fails the running test, whose servers are then stopped, and starts no other."""

    asked = False

    @classmethod
    def on_signal(cls, *_) -> None:
        cls.asked = True
        raise SystemExit("ended by SIGTERM")


def main() -> None:
    """Runs the tests of the file; a file or class without tests is a failure."""
    signal.signal(signal.SIGTERM, _Termination.on_signal)
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    if program.result.testsRun == 0:
        sys.exit("no test ran")
    if program.result.skipped:
        sys.exit("a test was skipped")
    sys.exit(0 if program.result.wasSuccessful() else 1)
