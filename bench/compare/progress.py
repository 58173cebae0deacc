# SPDX-License-Identifier: Apache-2.0
"""How far a comparison is, and how long the rest will take."""

from collections.abc import Iterable

from plan import Item, Phase, Run

CLOSED_LOOP_SECONDS = 3.0
HELD_PER_SECOND = 1_500
IDLE_SECONDS = 0.7  # after each run
PREPARE_SECONDS = 8.0  # peers start, and find out about their lists


def expected(item: Item, phase: Phase) -> float:
    """Seconds of one run, before anything is known."""
    rest = IDLE_SECONDS + (PREPARE_SECONDS if phase.is_fresh else 0)
    if item.storm == "hold":
        meanwhile = sum(expected(each, phase) for each in item.meanwhile)
        return rest + item.clients / HELD_PER_SECOND + IDLE_SECONDS + meanwhile
    if item.at_once:
        return rest + CLOSED_LOOP_SECONDS + phase.conditions.greet_wait
    if item.rate:
        return rest + item.clients / item.rate + phase.conditions.greet_wait
    return rest + CLOSED_LOOP_SECONDS


class Progress:
    """A run is expected to take as long as the same one took the last time."""

    def __init__(self, plan: Iterable[tuple[Phase, list[Run]]]):
        self._left: list[tuple[str, str, float]] = []
        self._seen: dict[tuple[str, str], float] = {}
        for phase, runs in plan:
            # What comes before the first run of a phase counts to it, but only once.
            first = 0.0 if phase.is_fresh else PREPARE_SECONDS
            for run in runs:
                guess = expected(run.item, phase)
                self._left.append((run.item.name, run.peer, guess + first))
                first = 0.0

    def done(self, run: Run, seconds: float) -> None:
        """The next run that was planned took so long, without the preparation of its phase."""
        item, peer, _ = self._left.pop(0)
        assert (item, peer) == (run.item.name, run.peer), "runs are done in the order of the plan"
        self._seen[item, peer] = seconds

    def seconds_left(self) -> float:
        return sum(self._seen.get((item, peer), guess) for item, peer, guess in self._left)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
