# SPDX-License-Identifier: Apache-2.0
"""Which scenario runs against whom, under which conditions, and how much of it."""

import dataclasses
from collections.abc import Sequence

from peers import Conditions

FENDMAILS = ("fendmail-pass", "fendmail-proxy")
# The same with two workers. All else has one thread, as postscreen has.
TWO_WORKERS = ("fendmail-pass-2w", "fendmail-proxy-2w")
SCREENS = ("postscreen", "fendmail-pass")
RELAYS = ("direct", "haproxy", "fendmail-proxy")
EVERYONE = ("direct", "postscreen", "haproxy", *FENDMAILS)
WAITING = (100, 1_000, 15_000)
# postscreen takes longer to take a client in the more of them wait. fendmail allows 5 minutes.
LONGEST_WAIT = 290  # seconds
SPREAD = 64  # four clients of each /24
SMOKE_SCALE = 0.01
SMOKE_WAIT = 8  # seconds


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
    at_once: bool = False  # all in one moment, whatever `rate` and `concurrency` say
    # From one address to the next. Bots of a wave, and good senders, are not all neighbours.
    stride: int = 1
    # With these, `clients` are held and what the others cost meanwhile is the result.
    meanwhile: Sequence["Item"] = ()


@dataclasses.dataclass(frozen=True)
class Phase:
    """What can be measured without changing any settings."""

    name: str
    conditions: Conditions
    items: Sequence[Item]
    is_fresh: bool = False  # every run needs a front end that has done nothing yet
    most_rounds: int = 1_000


@dataclasses.dataclass(frozen=True)
class Run:
    """One item against one peer, once."""

    item: Item
    peer: str
    round: int


def _waiting(count: int) -> Item:
    """Known clients and pregreeters, while others wait; few, because some cost much then."""
    known = f"known, {count:,} waiting"
    pregreet = f"pregreet, {count:,} waiting"
    meanwhile = (
        Item(known, "known", SCREENS, 4_000, must_be_known=True),
        Item(pregreet, "pregreet", SCREENS, 400),
    )
    return Item(f"{count:,} waiting", "hold", SCREENS, count, meanwhile=meanwhile)


def phases() -> Sequence[Phase]:
    """Greet waits are short where clients only pass through: that costs nobody CPU, but time."""
    return (
        Phase(
            "local",
            Conditions(greet_wait=2),
            (
                Item("known", "known", EVERYONE + TWO_WORKERS, 10_000, must_be_known=True),
                Item("known, 1,000/s", "known", EVERYONE, 2_000, 1_000, must_be_known=True),
                Item("mail-4k", "mail-4k", RELAYS, 4_000, must_be_known=True),
                Item("mail-10m", "mail-10m", RELAYS, 50, concurrency=4, must_be_known=True),
                Item("clean", "clean", SCREENS, 1_600, rate=400),
                Item("listed", "listed", SCREENS, 1_600, rate=400),
                Item("pregreet", "pregreet", SCREENS, 1_600, rate=400),
                Item("mix", "mix", SCREENS, 1_600, rate=400),
            ),
        ),
        Phase(
            "rbldnsd",
            Conditions(greet_wait=2, has_rbldnsd=True),
            (Item("mix, rbldnsd", "mix", SCREENS, 1_600, rate=400),),
        ),
        Phase(
            "slow-dns",
            Conditions(greet_wait=2, dns_delay=100),
            (
                Item("clean, DNS 100 ms", "clean", SCREENS, 2_400, rate=400),
                Item("listed, DNS 100 ms", "listed", SCREENS, 2_400, rate=400),
            ),
        ),
        Phase(
            "burst",
            Conditions(greet_wait=2, has_rbldnsd=True),
            # As many listed as good ones; rbldnsd's receive buffer holds about 157 questions.
            (Item("burst", "both", SCREENS, 1_200, at_once=True, stride=SPREAD),),
        ),
        Phase(
            "loss",
            Conditions(greet_wait=2, dns_delay=30, dns_loss=10),
            (Item("loss", "both", SCREENS, 2_400, rate=400, stride=SPREAD),),
        ),
        Phase(
            "waiting",
            # Long enough for all that is measured before the first one's wait is over.
            Conditions(greet_wait=2, later_wait=LONGEST_WAIT),
            [_waiting(count) for count in WAITING],
            most_rounds=3,
        ),
        Phase(
            "hold",
            Conditions(greet_wait=LONGEST_WAIT),
            (Item("hold", "hold", SCREENS, 15_000),),
            # What an allocator keeps from the clients of the last round would hide those of this.
            is_fresh=True,
            most_rounds=3,
        ),
    )


def scaled(item: Item, scale: float) -> Item:
    """Fewer or more clients; the rate stays, because it is a condition and not an amount."""
    return dataclasses.replace(
        item,
        clients=max(10, round(item.clients * scale)),
        meanwhile=tuple(scaled(each, scale) for each in item.meanwhile),
    )


def smoked(phase: Phase) -> Phase:
    """The same with waits as long as few clients need."""
    was = phase.conditions
    conditions = dataclasses.replace(
        was,
        greet_wait=min(SMOKE_WAIT, was.greet_wait),
        later_wait=min(SMOKE_WAIT, was.later_wait),
    )
    return dataclasses.replace(phase, conditions=conditions)


def chosen(only: Sequence[str], scale: float, is_smoke: bool) -> list[Phase]:
    """What is left of the plan; ValueError when `only` names what it does not have."""
    known = [item.name for phase in phases() for item in phase.items]
    if unknown := set(only) - set(known):
        raise ValueError(f"no scenario {', '.join(sorted(unknown))}; there are: {known}")
    found = []
    for phase in map(smoked, phases()) if is_smoke else phases():
        wanted = [item for item in phase.items if not only or item.name in only]
        items = [scaled(item, scale) for item in wanted]
        if items:
            found.append(dataclasses.replace(phase, items=items))
    return found


def runs(phase: Phase, rounds: int, only: Sequence[str] = ()) -> list[Run]:
    """Peers take turns at each item, and another one begins in each round."""
    found = []
    for number in range(min(rounds, phase.most_rounds)):
        for item in phase.items:
            peers = [peer for peer in item.peers if not only or peer in only]
            turn = number % len(peers) if peers else 0
            found += [Run(item, peer, number) for peer in peers[turn:] + peers[:turn]]
    return found
