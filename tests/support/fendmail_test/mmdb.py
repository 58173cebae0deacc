# SPDX-License-Identifier: Apache-2.0
"""Writes small databases in MaxMind's format, so that no test needs one from the Internet.

MaxMind DB File Format 2.0: a binary search tree over the bits of IPv6 addresses (IPv4 lies in
::/96), 16 zero octets, the data that its leaves point to, a mark, and a map about all of it.
"""

import ipaddress
import struct
from collections.abc import Mapping
from typing import Any

MARK = b"\xab\xcd\xefMaxMind.com"
_RECORD_BITS = 24
_UINT16, _UINT32, _UINT64 = 5, 6, 9


def _control(kind: int, size: int) -> bytes:
    assert size < 285
    if kind > 7:
        head = bytes([min(size, 29), kind - 7])
    else:
        head = bytes([kind << 5 | min(size, 29)])
    return head + (bytes([size - 29]) if size >= 29 else b"")


def _number(kind: int, value: int) -> bytes:
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return _control(kind, len(octets)) + octets


def _encode(value: Any) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        return _control(2, len(text)) + text
    if isinstance(value, int):
        return _number(_UINT32, value)
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(_encode, value))
    assert isinstance(value, Mapping)
    pairs = b"".join(_encode(name) + _encode(one) for name, one in value.items())
    return _control(7, len(value)) + pairs


class _Tree:
    """Nodes of two records: None, the number of a node, or ("data", place)."""

    def __init__(self) -> None:
        self.nodes: list[list[Any]] = [[None, None]]

    def insert(self, network: str, place: int) -> None:
        net = ipaddress.ip_network(network)
        bits = int(net.network_address)
        length = net.prefixlen + (96 if net.version == 4 else 0)
        at = 0
        for depth in range(length - 1):
            side = bits >> (127 - depth) & 1
            if not isinstance(self.nodes[at][side], int):
                self.nodes.append([self.nodes[at][side]] * 2)
                self.nodes[at][side] = len(self.nodes) - 1
            at = self.nodes[at][side]
        self.nodes[at][bits >> (128 - length) & 1] = ("data", place)

    def encode(self) -> bytes:
        count = len(self.nodes)

        def record(value: Any) -> bytes:
            if value is None:
                number = count
            elif isinstance(value, int):
                number = value
            else:
                number = count + 16 + value[1]
            return struct.pack(">I", number)[1:]

        return b"".join(record(left) + record(right) for left, right in self.nodes)


def make_database(entries: Mapping[str, Any], kind: str = "Test-Country") -> bytes:
    """Network -> what is said of it; later ones lie within earlier ones."""
    data = b""
    tree = _Tree()
    for network, said in entries.items():
        tree.insert(network, len(data))
        data += _encode(said)
    about = (
        _control(7, 9)
        + _encode("binary_format_major_version")
        + _number(_UINT16, 2)
        + _encode("binary_format_minor_version")
        + _number(_UINT16, 0)
        + _encode("build_epoch")
        + _number(_UINT64, 1_700_000_000)
        + _encode("database_type")
        + _encode(kind)
        + _encode("description")
        + _encode({"en": "made by a test"})
        + _encode("ip_version")
        + _number(_UINT16, 6)
        + _encode("languages")
        + _encode(["en"])
        + _encode("node_count")
        + _number(_UINT32, len(tree.nodes))
        + _encode("record_size")
        + _number(_UINT16, _RECORD_BITS)
    )
    return tree.encode() + bytes(16) + data + MARK + about


def country(code: str) -> dict[str, Any]:
    """As MaxMind and DB-IP have it."""
    return {"country": {"iso_code": code, "names": {"en": f"Country {code}"}}}


def asn(number: int) -> dict[str, Any]:
    return {"autonomous_system_number": number, "autonomous_system_organization": "Test"}
