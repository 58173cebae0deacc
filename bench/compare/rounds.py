# SPDX-License-Identifier: Apache-2.0
"""Goes through the plan, round after round, and says on the way how far it is."""

import subprocess
import sys
import time
from collections.abc import Sequence

from peers import FendmailPeer, Peer
from plan import Phase, Run, runs
from progress import Progress, clock
from run import Runner, Sample
from stage import Tools, stage

# One run that fails is no reason to lose the others.
FAILURES = (AssertionError, OSError, subprocess.SubprocessError)


class Measurement:
    """Collects samples, versions of the peers, and what went wrong."""

    def __init__(self, tools: Tools, rounds: int):
        self.samples: list[Sample] = []
        self.versions: dict[str, str] = {}
        self.problems: list[str] = []
        self._tools = tools
        self._rounds = rounds
        self._begun = time.monotonic()

    def measure(self, phases: Sequence[Phase], peers: Sequence[str]) -> None:
        """All phases; with `peers` only those."""
        plan = [(phase, runs(phase, self._rounds, peers)) for phase in phases]
        self._progress = Progress(plan)
        self._say(f"about {clock(self._progress.seconds_left())} minutes")
        for phase, of_phase in plan:
            batches = [[run] for run in of_phase] if phase.is_fresh else [of_phase]
            for batch in batches:
                if batch:
                    self._try(phase.name, lambda p=phase, b=batch: self._batch(p, b))

    def _batch(self, phase: Phase, batch: Sequence[Run]) -> None:
        """Runs between which no peer is started again."""
        names = dict.fromkeys(run.peer for run in batch)
        begun = time.monotonic()
        with stage(self._tools, phase.conditions, names) as peers:
            chosen = [peers[name] for name in names]
            self.versions.update({peer.name: peer.version for peer in chosen if peer.version})
            runner = Runner(self._tools, phase.conditions)
            runner.prepare(chosen, [run.item for run in batch])
            for run in batch:
                if not phase.is_fresh:
                    begun = time.monotonic()
                what = f"{run.item.name}, {run.peer}"
                self._try(what, lambda r=run: self._take(runner.run(r, peers[r.peer])))
                self._progress.done(run, time.monotonic() - begun)
            self._complain(chosen)

    def _try(self, what: str, action) -> None:
        try:
            action()
        except FAILURES as error:
            self.problems.append(f"{what}: {error}")
            self._say(f"{what} FAILED: {error}")

    def _take(self, samples: Sequence[Sample]) -> None:
        self.samples += samples
        for sample in samples:
            self._tell(sample)

    def _complain(self, peers: Sequence[Peer]) -> None:
        """A list that fendmail does not believe in would make it look better than it is."""
        for peer in peers:
            if not isinstance(peer, FendmailPeer):
                continue
            if found := peer.log.matches(r"dnsbl.* suspended.*"):
                self.problems.append(f"{peer.name}: {len(found)} × {found[0][0]}")
                self._say(self.problems[-1])

    def _tell(self, sample: Sample) -> None:
        cpu = "" if sample.cpu_us is None else f"{sample.cpu_us:10.1f} µs CPU"
        where = f"{sample.round + 1}/{self._rounds} {sample.item}: {sample.peer}"
        failed = "".join(f", {count} {reason}" for reason, count in sample.failures.items())
        self._say(f"{where:46} {sample.seconds:6.1f} s {cpu}{failed}")

    def _say(self, what: str) -> None:
        passed = clock(time.monotonic() - self._begun)
        left = clock(self._progress.seconds_left())
        print(f"{passed:>6}, {left:>6} left  {what}", file=sys.stderr, flush=True)
