# SPDX-License-Identifier: Apache-2.0
"""A DNS server with blocklists that answers, lies, fails or keeps silent, as the test says."""

import dataclasses
import enum
import ipaddress
import socket
import struct
import threading

from .network import LOOPBACK4, Address, to_text

TYPE_A = 1
TYPE_SOA = 6
CLASS_IN = 1


class Mood(enum.Enum):
    """How a zone answers."""

    HONEST = enum.auto()
    SILENT = enum.auto()
    SERVFAIL = enum.auto()
    REFUSED = enum.auto()


RCODES = {Mood.SERVFAIL: 2, Mood.REFUSED: 5}
NXDOMAIN = 3


@dataclasses.dataclass
class Zone:
    """One blocklist; `listed` maps client addresses to the answers for them."""

    name: str
    listed: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    ttl: int = 60
    negative_ttl: int = 60
    mood: Mood = Mood.HONEST
    delay: float = 0.0
    # Answers only once this is set.
    may_answer: threading.Event = dataclasses.field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def answers(self, name: str) -> list[str]:
        """The A records of a query name such as 2.0.0.127.bl.test."""
        return {query_name(c, self.name): a for c, a in self.listed.items()}.get(name, [])


def query_name(client: str, zone: str) -> str:
    """RFC 5782: the octets of IPv4 or the nibbles of IPv6, reversed, then the zone."""
    reversed_name = ipaddress.ip_address(client).reverse_pointer
    return reversed_name.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa") + f".{zone}"


class DnsServer:
    """Answers A queries over UDP, by default on a port of 127.0.0.1 that the kernel chose."""

    def __init__(self, address: Address = (LOOPBACK4, 0)) -> None:
        self.queries: list[str] = []
        self._zones: list[Zone] = []
        self._stopping = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(0.05)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "DnsServer":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopping.set()
        self._thread.join(timeout=10)
        self._socket.close()

    @property
    def address(self) -> Address:
        return self._socket.getsockname()

    @property
    def resolver(self) -> str:
        """This server as the configuration names it."""
        return to_text(self.address)

    def zone(self, name: str, listed: dict[str, list[str]] | None = None, **options) -> Zone:
        """Adds a zone, which may be changed while the server runs."""
        zone = Zone(name, dict(listed or {}), **options)
        self._zones.append(zone)
        return zone

    def count(self, client: str, zone: str) -> int:
        """How often the client was asked for in the zone."""
        return list(self.queries).count(query_name(client, zone))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                query, peer = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            threading.Thread(target=self._serve, args=(query, peer), daemon=True).start()

    def _serve(self, query: bytes, peer: Address) -> None:
        name, end = _read_name(query)
        kind = struct.unpack("!H", query[end : end + 2])[0]
        self.queries.append(name)
        zone = next((z for z in self._zones if name.endswith(f".{z.name}")), None)
        if zone is None:
            self._socket.sendto(_reply(query, end, RCODES[Mood.REFUSED]), peer)
            return
        if zone.mood is Mood.SILENT or not zone.may_answer.wait(60):
            return
        if not self._stopping.wait(zone.delay):
            self._socket.sendto(_zone_reply(query, end, zone, name, kind), peer)


def _read_name(query: bytes) -> tuple[str, int]:
    """The queried name in lower case, and the offset behind it."""
    labels: list[str] = []
    at = 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    return ".".join(labels), at + 1


def _zone_reply(query: bytes, end: int, zone: Zone, name: str, kind: int) -> bytes:
    if zone.mood in RCODES:
        return _reply(query, end, RCODES[zone.mood])
    answers = zone.answers(name)
    if answers and kind == TYPE_A:
        records = [_record(TYPE_A, zone.ttl, ipaddress.ip_address(a).packed) for a in answers]
        return _reply(query, end, 0, answers=records)
    timers = struct.pack("!IIIII", 1, 600, 300, 86400, zone.negative_ttl)
    soa = _record(TYPE_SOA, zone.negative_ttl, b"\x00" + b"\x00" + timers)
    return _reply(query, end, 0 if answers else NXDOMAIN, authority=[soa])


def _record(kind: int, ttl: int, data: bytes) -> bytes:
    """A record owned by the queried name, which a pointer to the question says."""
    return struct.pack("!HHHIH", 0xC00C, kind, CLASS_IN, ttl, len(data)) + data


def _reply(
    query: bytes,
    end: int,
    rcode: int,
    answers: list[bytes] | None = None,
    authority: list[bytes] | None = None,
) -> bytes:
    flags = 0x8580 | rcode  # response, authoritative, recursion desired and available
    counts = (1, len(answers or []), len(authority or []), 0)
    header = query[:2] + struct.pack("!HHHHH", flags, *counts)
    return header + query[12 : end + 4] + b"".join((answers or []) + (authority or []))
