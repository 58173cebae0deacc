# SPDX-License-Identifier: Apache-2.0
"""A mail server that takes a PROXY header for a command, until it is mended, and trusts its peer."""

import contextlib
import dataclasses
import re
import socket
import threading
import time
from collections.abc import Callable

from .identity import PROXY_V2_SIGNATURE
from .network import LOOPBACK4, Address, to_text
from .sink import PROBE

IO_TIMEOUT = 30.0
GREETING = b"220 blind.test ESMTP\r\n"
UNKNOWN = b"500 5.5.2 Error: command not recognized\r\n"
# Between two pieces of what it says, so that they come apart.
APART = 0.02


@dataclasses.dataclass
class Manners:
    """How it talks; may be changed while it runs."""

    # Whether it expects the header, by the address that is in it.
    expects: Callable[[str], bool] = lambda client: False
    greeting_delay: float = 0
    # From the greeting to the reply to the header.
    header_delay: float = 0
    # It answers the header only when it has the next command as well.
    header_waits_for_command: bool = False
    in_one_segment: bool = False
    octet_by_octet: bool = False
    closes_behind_header: bool = False
    # What it says instead of greeting when something is there before its greeting.
    early_talk: bytes = b""
    header_reply: bytes = UNKNOWN
    # In place of its own, by verb; only for who is told to it.
    replies: dict[str, bytes] = dataclasses.field(default_factory=dict)
    # A carriage return ends a line, too.
    splits_at_cr: bool = False
    # What it says to who says nothing for that long, and then closes.
    tired_after: float = IO_TIMEOUT
    tired: bytes = b""
    # By the address in the header: instead of a greeting; b"" = it is silent.
    greetings: dict[str, bytes] = dataclasses.field(default_factory=dict)


class BlindServer:
    """Listens on a port. One thread a connection."""

    def __init__(self) -> None:
        self.manners = Manners()
        # Of connections whose header was not taken: what came, and how many mails were taken.
        self.blind_commands: list[str] = []
        self.blind_mails = 0
        # Of those whose header was: the addresses that delivered.
        self.mails: list[str] = []
        self.probes = 0
        self.most_probes_at_once = 0
        self._probing = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server((LOOPBACK4, 0), backlog=4096)
        self._listener.settimeout(0.05)
        self._stopping = threading.Event()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "BlindServer":
        self._acceptor.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopping.set()
        self._acceptor.join(timeout=10)
        self._listener.close()

    def config(self, kind: str) -> dict[str, str]:
        """The [backend] section that leads here."""
        return {"kind": kind, "address": to_text(self.address)}

    @property
    def address(self) -> Address:
        return self._listener.getsockname()[:2]

    def mend(self) -> None:
        self.manners.expects = lambda client: True

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(IO_TIMEOUT)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # To know whose it is, which a server that is blind does not care about.
            client = address_in(connection.recv(512, socket.MSG_PEEK))
            is_probe = client == PROBE
            with self._lock:
                self.probes += is_probe
                self._probing += is_probe
                self.most_probes_at_once = max(self.most_probes_at_once, self._probing)
            try:
                _Connection(self, connection, client).run()
            finally:
                with self._lock:
                    self._probing -= is_probe


class _Connection:
    def __init__(self, server: BlindServer, connection: socket.socket, client: str) -> None:
        self._server = server
        self._manners = server.manners
        self._connection = connection
        self._client = client
        self._unread = b""
        self._unsaid = b""
        self._expects = self._manners.expects(client)
        self._recipients = 0

    def run(self) -> None:
        manners = self._manners
        greeting = manners.greetings.get(self._client, GREETING)
        if self._expects:
            take_header(self._connection)
        if not greeting:
            self._connection.recv(4096)  # until it is gone
            return
        if not self._expects and manners.early_talk:
            self._say(manners.early_talk)
            return
        time.sleep(manners.greeting_delay)
        self._say(greeting)
        if self._expects:
            self._flush()
            self._serve_commands()
            return
        header = self._read_header_as_commands()
        if manners.header_waits_for_command:
            self._flush()
            self._unread = self._read_line() + self._unread
        time.sleep(manners.header_delay)
        for line in header:
            self._say(b"221 2.0.0 Bye\r\n" if line == b"QUIT" else manners.header_reply)
            if line == b"QUIT":
                self._flush()
                return
        if not manners.header_waits_for_command:
            self._flush()
        if not manners.closes_behind_header:
            self._serve_commands()

    def _read_header_as_commands(self) -> list[bytes]:
        """The whole lines of it; what is behind the last one becomes a part of the next command."""
        first = self._read_line()
        if first.startswith(b"PROXY "):
            return [first]
        return [first, self._read_line(), self._read_line(), self._read_line().rstrip()]

    def _serve_commands(self) -> None:
        while line := self._read_line():
            text = line.decode("latin-1").strip()
            if not self._expects:
                self._server.blind_commands.append(text)
            verb = text.partition(" ")[0].upper()
            if verb in self._manners.replies and self._client != PROBE:
                self._say(self._manners.replies[verb])
            elif verb == "DATA" and self._recipients:
                self._take_mail()
            elif verb == "QUIT":
                self._say(b"221 2.0.0 Bye\r\n")
                self._flush()
                return
            else:
                self._recipients += verb == "RCPT"
                self._say(
                    b"250-blind.test\r\n250 PIPELINING\r\n" if verb == "EHLO"
                    else b"250 2.0.0 Ok\r\n" if verb in ("HELO", "MAIL", "RCPT", "RSET", "NOOP")
                    else b"503 5.5.1 Error: need RCPT\r\n" if verb == "DATA"
                    else UNKNOWN
                )  # fmt: skip
            self._flush()

    def _take_mail(self) -> None:
        self._say(b"354 Go on\r\n")
        self._flush()
        while self._read_line().rstrip() != b".":
            pass
        if self._expects:
            self._server.mails.append(self._client)
        else:
            self._server.blind_mails += 1
        self._say(b"250 2.0.0 Ok\r\n")

    def _read_line(self) -> bytes:
        ends = rb"\r\n|\r|\n" if self._manners.splits_at_cr else rb"\n"
        while not (found := re.search(ends, self._unread)):
            self._connection.settimeout(self._manners.tired_after)
            try:
                got = self._connection.recv(4096)
            except TimeoutError:
                self._connection.sendall(self._manners.tired)
                return b""
            if not got:
                return b""
            self._unread += got
        line, self._unread = self._unread[: found.end()], self._unread[found.end() :]
        return line if line.strip() else b"\r\n"

    def _say(self, octets: bytes) -> None:
        if self._manners.in_one_segment or self._manners.header_waits_for_command:
            self._unsaid += octets
            return
        pieces = [octets]
        if self._manners.octet_by_octet and not self._expects:
            pieces = [octets[n : n + 1] for n in range(len(octets))]
        for piece in pieces:
            self._connection.sendall(piece)
            if len(pieces) > 1:
                time.sleep(APART / 10)

    def _flush(self) -> None:
        if self._unsaid:
            self._connection.sendall(self._unsaid)
            self._unsaid = b""


def address_in(header: bytes) -> str:
    """The client that a PROXY header names."""
    if header.startswith(b"PROXY "):
        return header.split(b" ")[2].decode("ascii")
    if header.startswith(PROXY_V2_SIGNATURE) and len(header) >= 20:
        return socket.inet_ntoa(header[16:20])
    return ""


def take_header(connection: socket.socket) -> None:
    """Reads the header and nothing behind it."""
    octets = connection.recv(512, socket.MSG_PEEK)
    length = (
        16 + int.from_bytes(octets[14:16], "big")
        if octets.startswith(PROXY_V2_SIGNATURE)
        else octets.index(b"\n") + 1
    )
    connection.recv(length)
