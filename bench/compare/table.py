# SPDX-License-Identifier: Apache-2.0
"""What all rounds say together: medians, spread, and ratios to the peers."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence

from run import Sample

DIRECT = "direct"  # the backend without a front end


@dataclasses.dataclass(frozen=True)
class Figure:
    """One quantity over all rounds."""

    median: float
    smallest: float
    largest: float

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(self.smallest)}–{number(self.largest)})"


def number(value: float) -> str:
    """Three significant digits, no exponent; what is whole stays so."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


@dataclasses.dataclass(frozen=True)
class Quantity:
    title: str
    of: Callable[[Sample], float | None]


def _thousandth(value: float | None) -> float | None:
    return None if value is None else value / 1000


CPU = Quantity("CPU µs/connection", lambda s: s.cpu_us)
RATE = Quantity("connections/s", lambda s: s.rate)
ALLOWED_RATE = Quantity("CPU allows/s", lambda s: s.allowed_rate)
P99 = Quantity("p99 ms", lambda s: _thousandth(s.p99_us))
ADDED_P50 = Quantity("added p50 ms", lambda s: _thousandth(s.added_p50_us))
ADDED_P99 = Quantity("added p99 ms", lambda s: _thousandth(s.added_p99_us))
MEMORY_PER_CLIENT = Quantity(
    "PSS KiB/waiting client",
    lambda s: None if s.memory_per_client is None else s.memory_per_client / 1024,
)
MEMORY = Quantity("PSS MB", lambda s: s.memory / 1e6 or None)
PROCESSES = Quantity("processes", lambda s: s.processes or None)
LISTED_THROUGH = Quantity(
    "listed let through %",
    lambda s: None if s.listed_through is None or not s.listed else 100 * s.listed_through / s.listed,
)
QUANTITIES = (
    CPU,
    Quantity("logger's CPU µs", lambda s: s.logging_us or None),
    RATE,
    ALLOWED_RATE,
    Quantity("p50 ms", lambda s: _thousandth(s.p50_us)),
    P99,
    Quantity("listed p50 ms", lambda s: _thousandth(s.listed_p50_us)),
    Quantity("listed p99 ms", lambda s: _thousandth(s.listed_p99_us)),
    ADDED_P50,
    ADDED_P99,
    MEMORY_PER_CLIENT,
    MEMORY,
    PROCESSES,
    LISTED_THROUGH,
    Quantity("failed", lambda s: s.failed or None),
)


def with_added_latency(samples: Sequence[Sample]) -> list[Sample]:
    """What a front end adds: its percentile less that without one, of the same item and round."""
    direct = {(s.item, s.round): s for s in samples if s.peer == DIRECT}

    def less(value: int | None, other: int | None) -> int | None:
        return None if value is None or other is None else value - other

    found = []
    for sample in samples:
        without = direct.get((sample.item, sample.round))
        if without is not None and sample is not without:
            sample = dataclasses.replace(
                sample,
                added_p50_us=less(sample.p50_us, without.p50_us),
                added_p99_us=less(sample.p99_us, without.p99_us),
            )
        found.append(sample)
    return found


def figure(samples: Sequence[Sample], quantity: Quantity) -> Figure | None:
    values = [v for s in samples if (v := quantity.of(s)) is not None]
    return Figure(statistics.median(values), min(values), max(values)) if values else None


def grouped(samples: Sequence[Sample]) -> dict[str, dict[str, list[Sample]]]:
    """By item, then by peer, in the order of the first round."""
    found: dict[str, dict[str, list[Sample]]] = {}
    for sample in sorted(samples, key=lambda s: s.round):
        found.setdefault(sample.item, {}).setdefault(sample.peer, []).append(sample)
    return found


def ratios(by_peer: dict[str, list[Sample]], quantity: Quantity) -> dict[str, float]:
    """Each fendmail's median over each peer's: "fendmail-pass/postscreen"."""
    medians = {
        peer: found.median for peer, samples in by_peer.items()
        if (found := figure(samples, quantity)) is not None
    }  # fmt: skip
    return {
        f"{ours}/{peer}": medians[ours] / medians[peer]
        for ours in medians if ours.startswith("fendmail")
        for peer in medians if not peer.startswith("fendmail")
        if medians[peer]
    }  # fmt: skip


def rows(samples: Sequence[Sample]) -> list[list[str]]:
    """One row for each item and peer; a column for each quantity that anyone has."""
    used = [q for q in QUANTITIES if figure(samples, q) is not None]
    head = ["scenario", "front end", *(q.title for q in used), "CPU ratio"]
    body = []
    for item, by_peer in grouped(samples).items():
        to_peers = ratios(by_peer, CPU)
        for peer, of_peer in by_peer.items():
            cells = [str(figure(of_peer, q) or "") for q in used]
            mine = [
                f"{number(value)} × {pair.partition('/')[2]}"
                for pair, value in to_peers.items() if pair.startswith(f"{peer}/")
            ]  # fmt: skip
            body.append([item, peer, *cells, ", ".join(mine)])
    return [head, *body]


def table(lines: Sequence[Sequence[str]]) -> str:
    """Markdown; the first line is the head."""
    head, *body = lines
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]

    def row(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    return "\n".join([row(head), row(["-" * w for w in widths]), *map(row, body)]) + "\n"


def markdown(samples: Sequence[Sample]) -> str:
    return table(rows(samples))


def as_json(samples: Sequence[Sample]) -> dict:
    """Medians, spread and ratios by item; then all samples as they were taken."""
    summary = {}
    for item, by_peer in grouped(samples).items():
        peers = {}
        for peer, of_peer in by_peer.items():
            figures = {q.title: figure(of_peer, q) for q in QUANTITIES}
            peers[peer] = {t: dataclasses.asdict(f) for t, f in figures.items() if f is not None}
        found = {q.title: r for q in QUANTITIES if (r := ratios(by_peer, q))}
        summary[item] = {"peers": peers, "ratios": found}
    return {"summary": summary, "samples": [dataclasses.asdict(s) for s in samples]}
