# SPDX-License-Identifier: Apache-2.0
"""How a front end tells a mail server who the client is: PROXY headers, XCLIENT, passed sockets.

Written from the protocols' texts, independently of fendmail's own code.
"""

import dataclasses
import ipaddress
import socket
import struct

PROXY_V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
PASS_ATTRIBUTES = ("client_address", "client_port", "server_address", "server_port")


class BadIdentity(Exception):
    """What came is not what the protocol asks for."""


@dataclasses.dataclass(frozen=True)
class Identity:
    """The client, and the address it connected to, as the front end tells them."""

    client: tuple[str, int]
    server: tuple[str, int] | None = None


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    octets = b""
    while len(octets) < count:
        got = connection.recv(count - len(octets))
        if not got:
            raise BadIdentity(f"connection ended after {octets!r}")
        octets += got
    return octets


def read_proxy_v1(connection: socket.socket) -> Identity:
    """PROXY TCP4|TCP6 source destination source-port destination-port CR LF"""
    line = b""
    while not line.endswith(b"\n"):
        line += _receive_exactly(connection, 1)
        if len(line) > 107:
            raise BadIdentity(f"PROXY v1 header too long: {line!r}")
    words = line.decode("ascii").removesuffix("\r\n").split(" ")
    if len(words) != 6 or words[0] != "PROXY" or words[1] not in ("TCP4", "TCP6"):
        raise BadIdentity(f"bad PROXY v1 header: {line!r}")
    version = 4 if words[1] == "TCP4" else 6
    for address in words[2:4]:
        if ipaddress.ip_address(address).version != version:
            raise BadIdentity(f"{address} is not IPv{version}: {line!r}")
    return Identity((words[2], int(words[4])), (words[3], int(words[5])))


def read_proxy_v2(connection: socket.socket) -> Identity:
    """Signature, version and command, family, length, addresses and ports; TLVs are skipped."""
    start = _receive_exactly(connection, 16)
    signature, version_command, family, length = struct.unpack("!12sBBH", start)
    if signature != PROXY_V2_SIGNATURE or version_command != 0x21:
        raise BadIdentity(f"bad PROXY v2 header: {start!r}")
    body = _receive_exactly(connection, length)
    layouts = {0x11: (socket.AF_INET, "!4s4sHH"), 0x21: (socket.AF_INET6, "!16s16sHH")}
    if family not in layouts:
        raise BadIdentity(f"bad PROXY v2 family: {family:#x}")
    kind, layout = layouts[family]
    fields = struct.unpack(layout, body[: struct.calcsize(layout)])
    source, destination = (socket.inet_ntop(kind, packed) for packed in fields[:2])
    return Identity((source, fields[2]), (destination, fields[3]))


def proxy_v1_header(client: tuple[str, int], server: tuple[str, int]) -> bytes:
    family = "TCP6" if ":" in client[0] else "TCP4"
    return f"PROXY {family} {client[0]} {server[0]} {client[1]} {server[1]}\r\n".encode()


def proxy_v2_header(client: tuple[str, int], server: tuple[str, int]) -> bytes:
    kind, code = (socket.AF_INET6, 0x21) if ":" in client[0] else (socket.AF_INET, 0x11)
    addresses = b"".join(socket.inet_pton(kind, host) for host in (client[0], server[0]))
    body = addresses + struct.pack("!HH", client[1], server[1])
    return PROXY_V2_SIGNATURE + struct.pack("!BBH", 0x21, code, len(body)) + body


def pass_attributes(client: tuple[str, int], server: tuple[str, int]) -> bytes:
    """What postscreen writes for smtpd's pass service, behind the octet that carries the socket."""
    values = (client[0], client[1], server[0], server[1])
    pairs = (f"{name}\0{value}\0" for name, value in zip(PASS_ATTRIBUTES, values, strict=True))
    return ("".join(pairs) + "\0").encode()


def send_passed(path: str, passed: socket.socket, identity: Identity, timeout: float) -> None:
    """Hands a socket to a pass service and waits until it is taken."""
    assert identity.server is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(timeout)
        channel.connect(path)
        attributes = pass_attributes(identity.client, identity.server)
        socket.send_fds(channel, [b"\0" + attributes], [passed.fileno()])
        assert channel.recv(1) == b"", "the pass service answered instead of taking the socket"


def receive_passed(channel: socket.socket) -> tuple[socket.socket, Identity]:
    """smtpd's side: one octet with the socket, then the attribute list."""
    octets, descriptors, _, _ = socket.recv_fds(channel, 1, 4)
    if octets != b"\0" or len(descriptors) != 1:
        for descriptor in descriptors:
            socket.close(descriptor)
        raise BadIdentity(f"wanted one socket, got {len(descriptors)} with {octets!r}")
    passed = socket.socket(fileno=descriptors[0])
    attributes = b""
    while not attributes.endswith(b"\0\0"):
        attributes += _receive_exactly(channel, 1)
    words = attributes.decode("ascii").split("\0")[:-2]
    told = dict(zip(words[::2], words[1::2], strict=True))
    if tuple(told) != PASS_ATTRIBUTES:
        raise BadIdentity(f"wrong attributes: {words}")
    client = (told["client_address"], int(told["client_port"]))
    return passed, Identity(client, (told["server_address"], int(told["server_port"])))


def parse_xclient(arguments: str) -> Identity:
    """ADDR, PORT, DESTADDR and DESTPORT of an XCLIENT command; NAME must be there."""
    told = dict(pair.split("=", 1) for pair in arguments.split())
    if "NAME" not in told:
        raise BadIdentity("XCLIENT without NAME: Postfix would keep the front end's name")

    def endpoint(address: str, port: str) -> tuple[str, int]:
        host = told[address]
        if (":" in host) != host.upper().startswith("IPV6:"):
            raise BadIdentity(f"bad {address}: {host}")
        return host[5:] if ":" in host else host, int(told[port])

    server = endpoint("DESTADDR", "DESTPORT") if "DESTADDR" in told else None
    return Identity(endpoint("ADDR", "PORT"), server)
