# SPDX-License-Identifier: Apache-2.0
"""Loopback addresses and ports."""

import contextlib
import random
import socket
from pathlib import Path

LOOPBACK4 = "127.0.0.1"
LOOPBACK6 = "::1"

Address = tuple[str, int]

_PICK = random.SystemRandom()


def family_of(host: str) -> socket.AddressFamily:
    """AF_INET6 for a host with a colon in it."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def to_text(address: Address) -> str:
    """host:port, or [host]:port for IPv6."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_address(text: str) -> Address:
    """The reverse of to_text."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _reserve(stack: contextlib.ExitStack, kind: socket.SocketKind) -> int:
    """Holds one port of 127.0.0.1 and ::1 until the stack unwinds; 0 when it is taken.

    It is below those that the kernel gives to a socket that asks for any: another test that runs
    beside this one cannot get it by that, before who asked for it here has come to use it.
    """
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    port = _PICK.randrange(max(1024, first - 20000), first)
    held4 = stack.enter_context(socket.socket(socket.AF_INET, kind))
    try:
        held4.bind((LOOPBACK4, port))
    except OSError:
        return 0
    held6 = stack.enter_context(socket.socket(socket.AF_INET6, kind))
    held6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        held6.bind((LOOPBACK6, port))
    except OSError:
        return 0
    return port


def free_ports(count: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[int]:
    """Ports that are free on 127.0.0.1 and ::1 right now.

    Another process may take one before it is used, so whoever starts a server on them has to try
    again with others when its bind fails.
    """
    ports: list[int] = []
    with contextlib.ExitStack() as stack:
        while len(ports) < count:
            port = _reserve(stack, kind)
            if port:
                ports.append(port)
    return ports


def refused_port() -> int:
    """A port on which nobody listens."""
    return free_ports(1)[0]


def accepts(address: Address) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection(address, timeout=1):
            return True
    except OSError:
        return False


def datagrams_dropped(address: Address) -> int:
    """How many the kernel dropped at the UDP socket bound there, for want of room (proc(5))."""
    host, port = address
    name = f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}"
    table = Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]
    return sum(int(fields[-1]) for line in table if (fields := line.split())[1] == name)
