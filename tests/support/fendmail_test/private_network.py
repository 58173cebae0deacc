# SPDX-License-Identifier: Apache-2.0
"""A network and a resolv.conf of the test's own.

libc's resolver knows no ports and one file. So whoever has to ask our DNS server through libc
(Postfix's dnsblog) runs in a mount and a network namespace of its own, in which nothing but
loopback exists and every port is free.
"""

import atexit
import fcntl
import os
import shutil
import socket
import struct
import sys
import tempfile
from pathlib import Path

from .process import require_program, require_root, run

RESOLV_CONF = Path("/etc/resolv.conf")
_MARK = "TEST_PRIVATE_NETWORK"
_SIOCSIFFLAGS, _SIOCSIFADDR = 0x8914, 0x8916
_IFF_UP_RUNNING = 0x1 | 0x40


def enter_private_network() -> None:
    """Starts this program again in its own namespaces, unless it is there already.

    Call it first of all: nothing that was done before survives.
    """
    # unshare executes this program in its own place, so the mark is right only there, and not in
    # a test that somebody starts from here.
    if os.environ.get(_MARK) == str(os.getpid()):
        _raise_loopback()
        return
    require_root("a program in its own network")
    unshare = require_program("unshare", "util-linux")
    os.environ[_MARK] = str(os.getpid())
    os.execv(unshare, [unshare, "--mount", "--net", "--", sys.executable, *sys.argv])


def _raise_loopback() -> None:
    with socket.socket() as control:
        request = struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING)
        fcntl.ioctl(control, _SIOCSIFFLAGS, request)


def add_address(address: str) -> None:
    """Makes one more address of 127.0.0.0/8 known as ours; Postfix listens on no other."""
    assert os.environ.get(_MARK), "this would change the machine's network"
    with socket.socket() as control:
        family = struct.pack("=HH", socket.AF_INET, 0)
        request = struct.pack("16s4s4s8x", b"lo:1", family, socket.inet_aton(address))
        fcntl.ioctl(control, _SIOCSIFADDR, request)


def route_to_ourselves(network: str) -> None:
    """All addresses of a network lead here from now on, to be bound and connected to; no interface
    has them."""
    assert os.environ.get(_MARK), "this would change the machine's network"
    ip = require_program("ip", "iproute2")
    family = "-6" if ":" in network else "-4"
    run([ip, family, "route", "replace", "local", network, "dev", "lo"])
    if family == "-6":
        Path("/proc/sys/net/ipv6/ip_nonlocal_bind").write_text("1", encoding="ascii")


def add_link_local(address: str) -> None:
    """Gives the loopback interface a link-local address, "fe80::53" of "lo"."""
    assert os.environ.get(_MARK), "this would change the machine's network"
    ip = require_program("ip", "iproute2")
    run([ip, "-6", "addr", "replace", f"{address}/64", "dev", "lo", "nodad"])


def own_etc() -> None:
    """A copy of /etc in the place of it, in this namespace, in which files may be replaced."""
    assert os.environ.get(_MARK), "this would change the machine's /etc"
    etc = RESOLV_CONF.parent
    copy = Path(tempfile.mkdtemp(prefix="fendmail-etc-"))
    run([require_program("cp", "coreutils"), "-a", f"{etc}/.", copy])
    run([require_program("mount", "mount"), "--bind", copy, etc])
    atexit.register(shutil.rmtree, copy, ignore_errors=True)


def use_resolver(address: str, directory: Path, timeout: int = 5) -> None:
    """libc asks only this name server from now on, once, in this namespace."""
    assert os.environ.get(_MARK), "this would change the machine's resolv.conf"
    file = directory / "resolv.conf"
    file.write_text(f"nameserver {address}\noptions timeout:{timeout} attempts:1\n", encoding="ascii")
    file.chmod(0o644)
    run([require_program("mount", "mount"), "--bind", file, RESOLV_CONF])
