# SPDX-License-Identifier: Apache-2.0
"""The real fendmail binary under test."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .logs import LogFile
from .network import LOOPBACK4, Address, parse_address, to_text
from .process import Child, environment
from .smtp_client import SmtpClient
from .waiting import wait_until

START_TIMEOUT = 30.0
STOP_TIMEOUT = 30.0
HOSTNAME = "mx.example.test"
# In each of the three log formats.
LISTENING = (
    r"(?:listening on |\"event\":\"listening\".*\"address\":\"|event=listening .*address=)"
    r"\"?([\d.]+:\d+|\[[\da-f.:]+\]:\d+)"
)

Settings = dict[str, dict[str, Any]]

DEFAULTS: Settings = {
    "server": {"listen": [f"{LOOPBACK4}:0"], "hostname": HOSTNAME, "workers": 2},
    "access": {"rules": []},
    "greet": {"wait": "1s"},
    # Its default is a fixed port, for which tests side by side would fight.
    "admin": {"listen": ""},
}


def binary() -> Path:
    """The program named by the environment variable FENDMAIL."""
    named = os.environ.get("FENDMAIL")
    if not named:
        raise AssertionError("set FENDMAIL to the path of the fendmail binary")
    path = Path(named).resolve()
    if not os.access(path, os.X_OK):
        raise AssertionError(f"FENDMAIL={named}: no such program")
    return path


def is_sanitized(*by: str) -> bool:
    """Whether one of these sanitizers ("asan", "tsan"; none named: any) keeps books of its own, so
    that a figure of memory says nothing about the program."""
    octets = binary().read_bytes()
    return any(f"__{name}_init".encode() in octets for name in by or ("asan", "tsan"))


def run_command(
    *arguments: str,
    cwd: Path | None = None,
    timeout: float = 30.0,
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs `fendmail ARGUMENTS` to its end, with these variables besides the environment's."""
    return subprocess.run(
        [str(binary()), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(variables),
        timeout=timeout,
        check=False,
    )


def to_toml(settings: Settings) -> str:
    """Strings, numbers, booleans and lists are written alike in JSON and TOML."""
    return "\n".join(
        "\n".join([f"[{section}]", *(f"{k} = {_value(v)}" for k, v in keys.items()), ""])
        for section, keys in settings.items()
    )


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{json.dumps(k)} = {_value(v)}" for k, v in value.items())
        return f"{{ {pairs} }}"
    return json.dumps(value, ensure_ascii=False)


def merged(*layers: Settings) -> Settings:
    """Later layers win, key by key."""
    result: Settings = {}
    for layer in layers:
        for section, keys in layer.items():
            result[section] = {**result.get(section, {}), **keys}
    return result


class Fendmail:
    """`fendmail run` on ports the kernel chose, with its store and log in `directory`.

    As a context manager it starts the program and, at the end, stops it with SIGTERM and demands
    exit code 0, no internal error in its log and nothing from a sanitizer.
    """

    def __init__(self, directory: Path, *settings: Settings):
        self.directory = directory
        self.config_path = directory / "fendmail.toml"
        self.store_path = directory / "clients.lmdb"
        self.socket_path = directory / "admin.sock"
        self.log = LogFile(directory / "fendmail.log")
        self.listening: list[Address] = []
        self._base = merged(
            DEFAULTS,
            {
                "store": {"path": str(self.store_path)},
                "log": {"target": f"file:{self.log.path}"},
                "admin": {"socket": str(self.socket_path)},
            },
        )
        self.settings = merged(self._base, *settings)
        # Of its environment, besides what the tests have.
        self.variables: dict[str, str] = {}
        # A program that ends by executing its arguments, to start fendmail within limits.
        self.before_command: list[str] = []
        # Another file than the program under test, or None.
        self.program: Path | None = None
        self._child: Child | None = None
        self._starts = 0

    def __enter__(self) -> "Fendmail":
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is not None or self._child is None or not self._child.is_running():
            self.kill()
        else:
            self.stop()
        if kind is None:
            self.assert_healthy()

    @property
    def address(self) -> Address:
        """The first address it listens on."""
        return self.listening[0]

    @property
    def child(self) -> Child:
        assert self._child is not None, "fendmail was not started"
        return self._child

    @property
    def logs(self) -> Sequence[LogFile]:
        """All that can explain a failure."""
        started = [] if self._child is None else [self._child.stdout, self._child.stderr]
        return [self.log, *started]

    # ── life ─────────────────────────────────────────────────────────────────────────────────

    def write_config(self, *settings: Settings) -> None:
        """Writes the configuration, with changes that stay."""
        self.settings = merged(self.settings, *settings)
        self.config_path.write_text(to_toml(self.settings), encoding="utf-8")

    def start(self) -> None:
        """Starts it and waits until it listens on all its addresses."""
        self.write_config()
        self._starts += 1
        mark = self.log.mark()
        name = f"fendmail-{self._starts}"
        command = [*self.before_command, self.program or binary(), "run", "-c", self.config_path]
        self._child = Child(command, self.directory, name, self.variables)
        wanted = len(self.settings["server"]["listen"])
        def is_up() -> bool:
            assert self.child.is_running(), (
                f"fendmail ended with {self.child.exit_code()} at its start:\n"
                f"{self.child.output()}\n{self.log.tail()}"
            )
            return self.log.count(LISTENING, mark) >= wanted

        wait_until(is_up, lambda: f"'listening on' in {self.log.tail()}", START_TIMEOUT)
        self.listening = [parse_address(m[1]) for m in self.log.matches(LISTENING, mark)[:wanted]]

    def stop(self) -> None:
        """SIGTERM, and exit code 0 within a bounded time."""
        code = self.child.stop(STOP_TIMEOUT)
        assert code == 0, f"fendmail ended with {code}:\n{self.child.output()}\n{self.log.tail()}"

    def terminate(self) -> None:
        """SIGTERM, without waiting for the end."""
        self.child.signal(signal.SIGTERM)

    def reload(self) -> None:
        """SIGHUP."""
        self.child.signal(signal.SIGHUP)

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self._child is not None:
            self._child.kill()

    def assert_healthy(self) -> None:
        """No internal error logged, no sanitizer's report."""
        assert not self.log.matches(r"internal error"), self.log.tail()
        for run_number in range(1, self._starts + 1):
            errors = LogFile(self.directory / f"fendmail-{run_number}.err")
            assert not errors.matches(r"Sanitizer|runtime error|Assertion|terminate called"), (
                errors.tail(200)
            )

    # ── use ──────────────────────────────────────────────────────────────────────────────────

    def client(
        self, source: str | None = None, timeout: float = 15.0, listener: int = 0
    ) -> SmtpClient:
        """A connection to it."""
        return SmtpClient(self.listening[listener], source, timeout)

    def expect_log(self, pattern: str, timeout: float = 10.0, after: int = 0) -> re.Match[str]:
        return self.log.wait_for(pattern, timeout, after)

    def __str__(self) -> str:
        return f"fendmail on {', '.join(to_text(a) for a in self.listening)}"
