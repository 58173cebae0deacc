# SPDX-License-Identifier: Apache-2.0
"""Which scenario runs against whom, under which conditions, and how much of it."""

import dataclasses
from collections.abc import Sequence

from peers import Conditions

FENDMAILS = ("fendmail-pass", "fendmail-proxy")
SCREENS = ("postscreen", "fendmail-pass")
RELAYS = ("direct", "haproxy", "fendmail-proxy")
EVERYONE = ("direct", "postscreen", "haproxy", *FENDMAILS)


@dataclasses.dataclass(frozen=True)
class Item:
    """One row of the plan. `clients` and `rate` are for a scale of 1."""

    name: str
    storm: str  # scenario of the load client
    peers: Sequence[str]
    clients: int
    rate: int = 0  # arrivals per second; 0 = closed loop
    concurrency: int = 64
    must_be_known: bool = False


@dataclasses.dataclass(frozen=True)
class Phase:
    """What can be measured without starting anything again."""

    name: str
    conditions: Conditions
    items: Sequence[Item]


def phases(workers: int) -> Sequence[Phase]:
    """Greet waits are short where clients only pass through: that costs nobody CPU, but time."""
    return (
        Phase(
            "local",
            Conditions(greet_wait=2, workers=workers),
            (
                Item("known", "known", EVERYONE, 20_000, must_be_known=True),
                Item("mail-4k", "mail-4k", RELAYS, 5_000, must_be_known=True),
                Item("mail-10m", "mail-10m", RELAYS, 50, concurrency=4, must_be_known=True),
                Item("clean", "clean", SCREENS, 4_000, rate=400),
                Item("listed", "listed", SCREENS, 4_000, rate=400),
                Item("pregreet", "pregreet", SCREENS, 4_000, rate=400),
                Item("mix", "mix", SCREENS, 4_000, rate=400),
            ),
        ),
        Phase(
            "slow-dns",
            Conditions(greet_wait=2, dns_delay=100, workers=workers),
            (
                Item("clean, DNS 100 ms", "clean", SCREENS, 4_000, rate=400),
                Item("listed, DNS 100 ms", "listed", SCREENS, 4_000, rate=400),
            ),
        ),
        Phase(
            "hold",
            Conditions(greet_wait=200, workers=workers),
            (Item("hold", "hold", SCREENS, 15_000),),
        ),
    )


def scaled(item: Item, scale: float) -> Item:
    """Fewer or more clients; the rate stays, because it is a condition and not an amount."""
    return dataclasses.replace(item, clients=max(10, round(item.clients * scale)))
