# SPDX-License-Identifier: Apache-2.0
"""A log file that another process writes."""

import re
from pathlib import Path

from .waiting import wait_until


class LogFile:
    """Searches a log file that grows; a file that does not exist yet is empty."""

    def __init__(self, path: Path):
        self.path = path

    def text(self) -> str:
        if not self.path.exists():
            return ""
        return self.path.read_text(encoding="utf-8", errors="backslashreplace")

    def mark(self) -> int:
        """The present end: give it as `after` to look only at what comes later."""
        return len(self.text())

    def tail(self, lines: int = 60) -> str:
        """The last lines, with the file's name on top."""
        return "\n".join([f"--- {self.path}", *self.text().splitlines()[-lines:]])

    def matches(self, pattern: str, after: int = 0) -> list[re.Match[str]]:
        """All matches, in order. `^` and `$` match at lines."""
        return list(re.finditer(pattern, self.text()[after:], re.MULTILINE))

    def count(self, pattern: str, after: int = 0) -> int:
        return len(self.matches(pattern, after))

    def wait_for(
        self, pattern: str, timeout: float = 10.0, after: int = 0, count: int = 1
    ) -> re.Match[str]:
        """Waits until the pattern is there `count` times and returns that match."""

        def nth_match() -> re.Match[str] | None:
            found = self.matches(pattern, after)
            return found[count - 1] if len(found) >= count else None

        return wait_until(
            nth_match, lambda: f"{count} × /{pattern}/ in\n{self.tail()}", timeout
        )
