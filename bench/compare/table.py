# SPDX-License-Identifier: Apache-2.0
"""What all rounds say together: medians, spread, and ratios to the peers."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence

from run import Sample


@dataclasses.dataclass(frozen=True)
class Figure:
    """One quantity over all rounds."""

    median: float
    smallest: float
    largest: float

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(self.smallest)}–{number(self.largest)})"


def number(value: float) -> str:
    """Three significant digits, no exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


@dataclasses.dataclass(frozen=True)
class Quantity:
    title: str
    of: Callable[[Sample], float | None]


QUANTITIES = (
    Quantity("CPU µs/connection", lambda s: s.cpu_us),
    Quantity("logger's CPU µs", lambda s: s.logging_us or None),
    Quantity("connections/s", lambda s: s.rate),
    Quantity("p50 ms", lambda s: None if s.p50_us is None else s.p50_us / 1000),
    Quantity("p99 ms", lambda s: None if s.p99_us is None else s.p99_us / 1000),
    Quantity("PSS KiB/waiting client",
             lambda s: None if s.memory_per_client is None else s.memory_per_client / 1024),
    Quantity("PSS MB", lambda s: s.memory / 1e6 or None),
    Quantity("processes", lambda s: s.processes or None),
    Quantity("listed let through %",
             lambda s: None if s.listed_through is None else 100 * s.listed_through / s.listed),
    Quantity("failed", lambda s: s.failed or None),
)  # fmt: skip
CPU = QUANTITIES[0]


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
        for peer in medians if not ours == peer and not peer.startswith("fendmail")
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


def markdown(samples: Sequence[Sample]) -> str:
    head, *body = rows(samples)
    widths = [max(len(row[n]) for row in [head, *body]) for n in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    return "\n".join([line(head), line(["-" * w for w in widths]), *map(line, body)]) + "\n"


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
