# SPDX-License-Identifier: Apache-2.0
"""A DNS server with blocklists and domains that answers, lies, fails or keeps silent, as the test
says."""

import contextlib
import dataclasses
import enum
import functools
import ipaddress
import socket
import struct
import threading

from .network import LOOPBACK4, Address, to_text

TYPE_A = 1
TYPE_SOA = 6
TYPE_PTR = 12
TYPE_MX = 15
TYPE_TXT = 16
TYPE_AAAA = 28
CLASS_IN = 1
LISTED = "127.0.0.2"
# The test entry of RFC 5782 §5, for IPv4 and IPv6.
TEST_ENTRIES = ("127.0.0.2", "::ffff:127.0.0.2")
ATTEMPTS = 20


class Mood(enum.Enum):
    """How a zone answers."""

    HONEST = enum.auto()
    SILENT = enum.auto()
    SERVFAIL = enum.auto()
    REFUSED = enum.auto()
    TRUNCATED = enum.auto()  # over UDP; honest over TCP
    WRONG_ID = enum.auto()  # a listing, in answer to nobody's query
    WRONG_QUESTION = enum.auto()  # a listing of somebody else
    GARBAGE = enum.auto()  # the right header and question, then noise


RCODES = {Mood.SERVFAIL: 2, Mood.REFUSED: 5}
NXDOMAIN = 3
TRUNCATION = 0x0200


@dataclasses.dataclass
class Zone:
    """One blocklist; `listed` maps client addresses to the answers for them, `texts` to what it says
    of them in words."""

    name: str
    listed: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    texts: dict[str, list[bytes]] = dataclasses.field(default_factory=dict)
    # How it answers questions for texts.
    texts_mood: Mood = Mood.HONEST
    ttl: int = 60
    negative_ttl: int = 60
    mood: Mood = Mood.HONEST
    delay: float = 0.0
    # The answers to every question whatsoever, if there are any.
    always: list[str] = dataclasses.field(default_factory=list)
    has_test_entry: bool = True
    # Answers only once this is set.
    may_answer: threading.Event = dataclasses.field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def answers(self, name: str) -> list[str]:
        """The A records of a query name such as 2.0.0.127.bl.test."""
        if self.always:
            return self.always
        asked = name.removesuffix(f".{self.name}")
        for client, answers in list(self.listed.items()):
            if _reversed(client) == asked:
                return answers
        is_entry = self.has_test_entry and asked in _ENTRY_NAMES
        return [LISTED] if is_entry else []


    def texts_of(self, name: str) -> list[bytes]:
        """The TXT records of a query name."""
        asked = name.removesuffix(f".{self.name}")
        found = (texts for client, texts in list(self.texts.items()) if _reversed(client) == asked)
        return next(found, [])


@functools.cache
def _reversed(client: str) -> str:
    pointer = ipaddress.ip_address(client).reverse_pointer
    return pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


_ENTRY_NAMES = frozenset(_reversed(entry) for entry in TEST_ENTRIES)


def query_name(client: str, zone: str) -> str:
    """RFC 5782: the octets of IPv4 or the nibbles of IPv6, reversed, then the zone."""
    return f"{_reversed(client)}.{zone}"


class DnsServer:
    """Answers queries over UDP and TCP, by default on a port of 127.0.0.1 the kernel chose."""

    def __init__(self, address: Address = (LOOPBACK4, 0)) -> None:
        self.queries: list[str] = []
        # Of them, the names that were asked for texts.
        self.text_queries: list[str] = []
        # What names that do not exist are said to have, as by a resolver that sells them.
        self.rewrites_to: str | None = None
        # How it answers about names outside of zones.
        self.mood = Mood.HONEST
        self.ttl = 60
        self._records: dict[str, dict[int, list[bytes]]] = {}
        self._zones: list[Zone] = []
        self._stopping = threading.Event()
        self._udp, self._tcp = _bind(address)
        self._udp.settimeout(0.05)
        self._tcp.settimeout(0.05)
        self._threads = [
            threading.Thread(target=target, daemon=True)
            for target in (self._run_udp, self._run_tcp)
        ]

    def __enter__(self) -> "DnsServer":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._udp.close()
        self._tcp.close()

    @property
    def address(self) -> Address:
        return self._udp.getsockname()

    @property
    def resolver(self) -> str:
        """This server as the configuration names it."""
        return to_text(self.address)

    def zone(self, name: str, listed: dict[str, list[str]] | None = None, **options) -> Zone:
        """Adds a zone, which may be changed while the server runs."""
        zone = Zone(name, dict(listed or {}), **options)
        self._zones.append(zone)
        return zone

    def spf(self, domain: str, terms: str) -> None:
        """Gives a domain this SPF record, in place of the one before."""
        data = _text_record(f"v=spf1 {terms}".encode())
        self._names(domain)[TYPE_TXT] = [data]

    def host(self, name: str, *addresses: str) -> None:
        """Gives a name these addresses of both families."""
        parsed = [ipaddress.ip_address(a) for a in addresses]
        self._names(name)[TYPE_A] = [a.packed for a in parsed if a.version == 4]
        self._names(name)[TYPE_AAAA] = [a.packed for a in parsed if a.version == 6]

    def mail_hosts(self, domain: str, *hosts: str) -> None:
        """The MX records of a domain."""
        self._names(domain)[TYPE_MX] = [struct.pack("!H", 10) + _wire_name(h) for h in hosts]

    def ptr(self, address: str, *names: str) -> None:
        """Gives an address these names; with none of them it has no PTR record."""
        self._names(ipaddress.ip_address(address).reverse_pointer)[TYPE_PTR] = [
            _wire_name(name) for name in names
        ]

    def _names(self, name: str) -> dict[int, list[bytes]]:
        return self._records.setdefault(name.lower(), {})

    def count(self, client: str, zone: str) -> int:
        """How often the client was asked for in the zone."""
        return list(self.queries).count(query_name(client, zone))

    def _run_udp(self) -> None:
        while not self._stopping.is_set():
            try:
                query, peer = self._udp.recvfrom(4096)
            except TimeoutError:
                continue
            name, _ = _read_name(query)
            self._note(query, name)
            zone = self._zone_of(name)
            if zone is None or (zone.delay == 0 and zone.may_answer.is_set()):
                self._serve(query, peer, zone)
            else:
                threading.Thread(
                    target=self._serve, args=(query, peer, zone), daemon=True
                ).start()

    def _run_tcp(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._tcp.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._serve_tcp, args=(connection,), daemon=True).start()

    def _zone_of(self, name: str) -> Zone | None:
        return next((z for z in self._zones if name.endswith(f".{z.name}")), None)

    def _serve(self, query: bytes, peer: Address, zone: Zone | None) -> None:
        if self._is_silent(zone, query):
            return
        if zone is not None:
            if not zone.may_answer.wait(60):
                return
            if self._stopping.wait(zone.delay):
                return
        reply = self._reply_to(query, zone, is_tcp=False)
        with contextlib.suppress(OSError):  # it was stopped meanwhile
            self._udp.sendto(reply, peer)

    def _serve_tcp(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            connection.settimeout(30)
            while len(prefix := stream.read(2)) == 2:
                query = stream.read(struct.unpack("!H", prefix)[0])
                name, _ = _read_name(query)
                self._note(query, name)
                zone = self._zone_of(name)
                if self._is_silent(zone, query):
                    return
                reply = self._reply_to(query, zone, is_tcp=True)
                connection.sendall(struct.pack("!H", len(reply)) + reply)

    def _reply_to(self, query: bytes, zone: Zone | None, is_tcp: bool) -> bytes:
        name, end = _read_name(query)
        kind = _kind_of(query)
        if zone is None and name in self._records:
            return self._reply_about_name(query, end, name, kind)
        if zone is not None and zone.mood is not Mood.HONEST:
            odd = _odd_reply(query, end, zone, is_tcp)
            if odd is not None:
                return odd
        if zone is not None and kind == TYPE_TXT and zone.texts_of(name):
            texts = [_record(TYPE_TXT, zone.ttl, _text_record(t)) for t in zone.texts_of(name)]
            return _reply(query, end, 0, answers=texts)
        answers = [] if zone is None else zone.answers(name)
        if not answers and self.rewrites_to is not None:
            answers = [self.rewrites_to]
        if zone is None and not answers:
            return _reply(query, end, RCODES[Mood.REFUSED])
        return _honest_reply(query, end, zone or Zone(""), answers, kind)

    def _note(self, query: bytes, name: str) -> None:
        self.queries.append(name)
        if _kind_of(query) == TYPE_TXT:
            self.text_queries.append(name)

    def _is_silent(self, zone: Zone | None, query: bytes) -> bool:
        if zone is None:
            return self.mood is Mood.SILENT and _read_name(query)[0] in self._records
        if _kind_of(query) == TYPE_TXT and zone.texts_mood is Mood.SILENT:
            return True
        return zone.mood is Mood.SILENT

    def _reply_about_name(self, query: bytes, end: int, name: str, kind: int) -> bytes:
        rcode = RCODES.get(self.mood, 0)
        answers = [] if rcode else self._records[name].get(kind, [])
        records = [_record(kind, self.ttl, data) for data in answers]
        return _reply(query, end, rcode, answers=records)


def _bind(address: Address) -> tuple[socket.socket, socket.socket]:
    """The same port for UDP and TCP."""
    for attempt in range(ATTEMPTS):
        # With the interface of a link-local address, which only getaddrinfo() understands.
        family, *_, where = socket.getaddrinfo(*address, flags=socket.AI_NUMERICHOST)[0]
        udp = socket.socket(family, socket.SOCK_DGRAM)
        tcp = socket.socket(family, socket.SOCK_STREAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        try:
            udp.bind(where)
            tcp.bind(udp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
            if attempt + 1 == ATTEMPTS or address[1] != 0:
                raise
            continue
        tcp.listen(1024)
        return udp, tcp
    raise AssertionError("unreachable")


def _wire_name(name: str) -> bytes:
    labels = name.removesuffix(".").split(".")
    return b"".join(bytes([len(part)]) + part.encode("ascii") for part in labels) + b"\x00"


def _read_name(query: bytes) -> tuple[str, int]:
    """The queried name in lower case, and the offset behind it."""
    labels: list[str] = []
    at = 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    return ".".join(labels), at + 1


def _kind_of(query: bytes) -> int:
    end = _read_name(query)[1]
    return struct.unpack("!H", query[end : end + 2])[0]


def _text_record(text: bytes) -> bytes:
    """RFC 1035 3.3.14: strings of at most 255 octets."""
    parts = [text[at : at + 255] for at in range(0, len(text), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts)


def _odd_reply(query: bytes, end: int, zone: Zone, is_tcp: bool) -> bytes | None:
    """What a zone in a bad mood says; None when it tells the truth."""
    listing = [_record(TYPE_A, zone.ttl, ipaddress.ip_address(LISTED).packed)]
    match zone.mood:
        case Mood.SERVFAIL | Mood.REFUSED:
            return _reply(query, end, RCODES[zone.mood])
        case Mood.TRUNCATED:
            return None if is_tcp else _reply(query, end, TRUNCATION)
        case Mood.WRONG_ID:
            other_id = bytes([query[0] ^ 0x55, query[1] ^ 0xAA])
            return other_id + _reply(query, end, 0, answers=listing)[2:]
        case Mood.WRONG_QUESTION:
            other = query[:12] + b"\x05other" + query[12:]
            return _reply(other, end + 6, 0, answers=listing)
        case Mood.GARBAGE:
            return _reply(query, end, 0, answers=[b"\xc0\xff\x00\x01 noise"])
    return None


def _honest_reply(query: bytes, end: int, zone: Zone, answers: list[str], kind: int) -> bytes:
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
