# SPDX-License-Identifier: Apache-2.0
"""Asks a DNS server over UDP, to test the test bed."""

import ipaddress
import socket
import struct

from .network import Address

TYPE_A = 1


def ask(server: Address, name: str, timeout: float = 5.0) -> tuple[int, list[str]]:
    """The RCODE, and the addresses of the A records in order."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = labels + struct.pack("!BHH", 0, TYPE_A, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(timeout)
        asker.connect(server)
        asker.send(struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + question)
        reply = asker.recv(4096)
    flags, _, count = struct.unpack("!HHH", reply[2:8])
    return flags & 15, _addresses(reply[12 + len(question) :], count)


def _addresses(records: bytes, count: int) -> list[str]:
    """Records whose owner is a pointer, as those of an answer to one question are."""
    found: list[str] = []
    for _ in range(count):
        kind, _, _, length = struct.unpack("!HHIH", records[2:12])
        if kind == TYPE_A:
            found.append(str(ipaddress.ip_address(records[12 : 12 + length])))
        records = records[12 + length :]
    return found
