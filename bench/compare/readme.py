# SPDX-License-Identifier: Apache-2.0
"""The short tables that stand in a README, between two comments."""

from collections.abc import Sequence

from run import Sample
from table import (
    ADDED_P50,
    ADDED_P99,
    ALLOWED_RATE,
    CPU,
    LISTED_THROUGH,
    MEMORY,
    MEMORY_PER_CLIENT,
    P99,
    PROCESSES,
    RATE,
    figure,
    grouped,
    number,
    table,
)
from targets import Result

BEGIN, END = "<!-- performance -->", "<!-- /performance -->"
PEERS = {
    "postscreen": "postscreen",
    "haproxy": "HAProxy",
    "fendmail-pass": "fendmail, fd hand-off",
    "fendmail-proxy": "fendmail, relay",
    "fendmail-pass-2w": "2 workers, fd",
    "fendmail-proxy-2w": "2 workers, relay",
}
# Rows beside CPU time: title, quantity, the items of which it is shown.
MORE = (
    ("connections/s, measured", RATE, ("known",)),
    ("connections/s that CPU time allows", ALLOWED_RATE, ("known",)),
    ("added latency, p50 ms", ADDED_P50, ("known, 1,000/s",)),
    ("added latency, p99 ms", ADDED_P99, ("known, 1,000/s",)),
    ("KiB per waiting client", MEMORY_PER_CLIENT, ("hold",)),
    ("memory, MB", MEMORY, ("clean, DNS 100 ms", "listed, DNS 100 ms")),
    ("processes", PROCESSES, ("clean, DNS 100 ms", "listed, DNS 100 ms")),
    ("listed let through, %", LISTED_THROUGH, ("listed", "listed, DNS 100 ms", "mix, rbldnsd", "burst", "loss")),
    ("time to verdict of good clients, p99 ms", P99, ("burst", "loss")),
)


# With fewer clients than half of the usual number, one that is slow by chance shows in a median.
HALF = 0.5


def about_line(about: dict) -> str:
    """When, where and what was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in _programs(about["versions"]))
    line = (
        f"{about['date']}, {about['cores']} × {about['cpu']}, Linux {about['kernel']}; "
        f"{versions}; medians of up to {about['rounds']} rounds"
    )
    if about["problems"]:
        line += f"; {len(about['problems'])} runs FAILED"
    if HALF <= about["scale"] < 1:
        line += f", {about['scale']:g} times the usual number of clients"
    elif about["scale"] < HALF:
        line += f". {about['scale']:g} TIMES AS MANY CLIENTS AS IT TAKES: THESE FIGURES SAY NOTHING"
    return line


def _programs(versions: dict[str, str]) -> list[tuple[str, str]]:
    """One entry for all peers of one program."""
    found: dict[str, str] = {}
    for peer, version in versions.items():
        program = peer.partition("-")[0]
        found[program] = version.removeprefix(f"{program} ")
    return list(found.items())


def tables(samples: Sequence[Sample], found: Sequence[Result], about: dict) -> str:
    """Medians: CPU time of each scenario, some more, and the targets."""
    groups = grouped(samples)
    peers = [p for p in PEERS if any(p in of for of in groups.values())]

    def row(title: str, item: str, quantity) -> list[str]:
        figures = (figure(groups.get(item, {}).get(p, ()), quantity) for p in peers)
        return [title, *("" if f is None else number(f.median) for f in figures)]

    rows = [row(item, item, CPU) for item in groups]
    rows += [row(f"{item}: {t}", item, q) for t, q, items in MORE for item in items]
    body = [cells for cells in rows if any(cells[1:])]
    head = ["CPU µs per connection", *(PEERS[p] for p in peers)]
    of_targets = [
        [r.target.title, r.reached, r.limit, r.verdict] for r in found if r.value is not None
    ]
    text = f"{about_line(about)}.\n\n{table([head, *body])}"
    if of_targets:
        text += f"\n{table([['target', 'reached', 'wanted', ''], *of_targets])}"
    return text


def replaced(text: str, by: str) -> str:
    """`text` with `by` between the two comments."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"there is no {BEGIN} with {END} behind it"
    return f"{before}{BEGIN}\n\n{by.strip()}\n\n{END}{after}"
