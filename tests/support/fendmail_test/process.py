# SPDX-License-Identifier: Apache-2.0
"""Child processes that never outlive their test."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .logs import LogFile
from .waiting import wait_until

SBIN = ("/usr/sbin", "/sbin", "/usr/lib/postfix/sbin")


def require_program(name: str, package: str) -> str:
    """Path of a program; a test that needs it fails when it is missing."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *SBIN)))
    if found is None:
        raise AssertionError(
            f"{name} is missing: install Debian's package {package} (scripts/install-packages test)"
        )
    return found


def require_root(what: str) -> None:
    """Mail servers change their user and so must be started by root."""
    if os.geteuid() != 0:
        raise AssertionError(f"{what} can only be started by root; run the tests with sudo")


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """That of the tests, and these."""
    return {**os.environ, **(more or {})}


def run(command: Sequence[str | Path], timeout: float = 30.0, **options) -> str:
    """Runs a program to its end and returns what it printed; a failure shows that."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        text=True,
        errors="backslashreplace",
        check=False,
        **options,
    )
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


class Child:
    """A program that runs beside the test; its output goes to `directory`/`name`.{out,err}."""

    def __init__(
        self,
        command: Sequence[str | Path],
        directory: Path,
        name: str,
        variables: Mapping[str, str] | None = None,
    ):
        self.name = name
        self.stdout = LogFile(directory / f"{name}.out")
        self.stderr = LogFile(directory / f"{name}.err")
        with self.stdout.path.open("wb") as out, self.stderr.path.open("wb") as err:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(variables),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when one ended it."""
        return self._process.poll()

    def is_running(self) -> bool:
        return self.exit_code() is None

    def output(self) -> str:
        return f"{self.stdout.tail()}\n{self.stderr.tail()}"

    def signal(self, number: signal.Signals) -> None:
        assert self.is_running(), f"{self.name} ended by itself:\n{self.output()}"
        os.kill(self.pid, number)

    def wait(self, timeout: float) -> int:
        """The exit code, once the program has ended by itself."""
        wait_until(lambda: not self.is_running(), f"the end of {self.name}", timeout)
        return self._process.wait()

    def kill(self) -> None:
        """Ends it at once, if it still runs."""
        if self.is_running():
            self._process.kill()
        self._process.wait()

    def stop(self, timeout: float = 10.0) -> int:
        """Asks it to end and returns the exit code; kills it if it does not obey."""
        try:
            if self.is_running():
                self.signal(signal.SIGTERM)
            return self.wait(timeout)
        finally:
            self.kill()
