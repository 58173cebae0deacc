# SPDX-License-Identifier: Apache-2.0
"""Three blocklists and an allowlist as many sites have them, for clients of 127.0.0.0/8."""

from .fendmail import Fendmail, Settings
from .rbldnsd import dataset
from .storm import MANY, Sources

# Not 127.64.0.0/10, of which fendmail asks to see whether a list lists everybody.
CLEAN_NETWORK = "127.0.0.0/10"
LISTED_NETWORK = "127.128.0.0/10"  # on all three blocklists
WELCOME_NETWORK = "127.192.0.0/16"
TEST_ENTRY = "127.0.0.2"  # every list has it (RFC 5782 §5)
ZONES = {
    "zen.test": ("127.0.0.4", LISTED_NETWORK),
    "barracuda.test": ("127.0.0.2", LISTED_NETWORK),
    "spamcop.test": ("127.0.0.2", LISTED_NETWORK),
    "allow.test": ("127.0.5.1", WELCOME_NETWORK),
}
SITES = ["zen.test=127.0.0.[2..11]*3", "barracuda.test*2", "spamcop.test*2", "allow.test*-4"]
THRESHOLD, ALLOW_THRESHOLD = 3, -1


def suspensions(fendmail: Fendmail, after: int = 0) -> list[str]:
    """What it said of lists whose answers no longer count."""
    return [found[0] for found in fendmail.log.matches(r"^.*suspended: .*$", after)]


def datasets() -> list[tuple[str, str, str]]:
    """For rbldnsd."""
    return [
        (zone, "ip4set", dataset(zone, answer, [network, TEST_ENTRY]))
        for zone, (answer, network) in ZONES.items()
    ]


def clean_sources(stride: int = 256) -> Sources:
    return Sources(CLEAN_NETWORK, stride)


def listed_sources(stride: int = 256) -> Sources:
    return Sources(LISTED_NETWORK, stride)


def settings(resolvers: list[str], greet_wait: int) -> Settings:
    """Of fendmail in front of these lists; nothing but lists and the greet wait holds a client."""
    wait = f"{greet_wait}s"
    return {
        "greet": {"wait": wait, "wait_under_stress": wait},
        "store": {"kind": "memory"},
        "dnsbl": {
            "sites": SITES,
            "threshold": THRESHOLD,
            "allow_threshold": ALLOW_THRESHOLD,
            "resolvers": resolvers,
        },
        "limits": {"screening": MANY, "handing_off": MANY},
    }
