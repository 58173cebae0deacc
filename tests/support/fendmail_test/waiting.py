# SPDX-License-Identifier: Apache-2.0
"""Waiting for something to become true, never longer than a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.02

Value = TypeVar("Value")


class Deadline:
    """A point in time that several waits share."""

    def __init__(self, seconds: float):
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._end - time.monotonic())

    def is_over(self) -> bool:
        return self.remaining() == 0.0


def wait_until(
    probe: Callable[[], Value], what: str | Callable[[], str], timeout: float = 10.0
) -> Value:
    """Calls `probe` until it returns something true and returns that.

    `what` names in the failure what was waited for; a callable is asked only then.
    """
    deadline = Deadline(timeout)
    while True:
        value = probe()
        if value:
            return value
        if deadline.is_over():
            text = what() if callable(what) else what
            raise AssertionError(f"waited {timeout:g} s in vain: {text}")
        time.sleep(min(POLL_SECONDS, deadline.remaining()))
