# SPDX-License-Identifier: Apache-2.0
"""What a load balancer in front of fendmail does, good or bad: PROXY headers and health checks."""

import struct

from .identity import PROXY_V2_SIGNATURE, proxy_v2_header
from .network import Address
from .smtp_client import SmtpClient

TLV_CRC32C = 0x03
TLV_NOOP = 0x04
LOCAL = PROXY_V2_SIGNATURE + b"\x20\x00\x00\x00"
UNSPEC = PROXY_V2_SIGNATURE + b"\x21\x00\x00\x00"


class BalancedClient(SmtpClient):
    """A client whose connection comes through a balancer: `log_name` is its own.

    `header` is what the balancer says first; None: what names `client`, in version 2.
    """

    def __init__(
        self,
        server: Address,
        balancer: str,
        client: Address,
        header: bytes | None = None,
        timeout: float = 15.0,
    ):
        super().__init__(server, balancer, timeout)
        self.balancer = self.log_name
        self.address, self.port = client
        self.send(proxy_v2_header(client, server) if header is None else header)


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def with_tlvs(header: bytes, *tlvs: bytes) -> bytes:
    """A version 2 header with TLVs behind what it has."""
    more = b"".join(tlvs)
    (length,) = struct.unpack("!H", header[14:16])
    return header[:14] + struct.pack("!H", length + len(more)) + header[16:] + more


def with_crc32c(header: bytes, change: int = 0) -> bytes:
    """The header with its checksum as last TLV, which `change` makes wrong."""
    unsigned = with_tlvs(header, tlv(TLV_CRC32C, bytes(4)))
    return unsigned[:-4] + struct.pack("!I", crc32c(unsigned) ^ change)


def crc32c(octets: bytes) -> int:
    """Bit by bit, from its definition."""
    crc = 0xFFFFFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
