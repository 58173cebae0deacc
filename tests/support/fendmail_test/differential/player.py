# SPDX-License-Identifier: Apache-2.0
"""Plays a client against a server and writes down what comes back."""

import dataclasses
import re
import socket
import ssl
import struct
import time

from ..network import Address, family_of
from .script import Script, Step

# Longer than the greet wait and every time limit of the configurations.
REPLY_SECONDS = 10.0
END_SECONDS = 10.0
# What a server may still say when a client has nothing more to do.
LAST_WORD_SECONDS = 0.15
# Behind a refusal the server may close; whoever sends then gets a reset instead of its FIN.
CLOSING_SECONDS = 0.05
_BIND_ADDRESS_NO_PORT = 24  # Linux: IP_BIND_ADDRESS_NO_PORT, missing in Python 3.11
_REFUSAL = re.compile(r"(^|\| )[45]\d\d [^|]*$")
_REPLY_END = re.compile(rb"^\d{3}(?!-)")

BY_SERVER, RESET, BY_CLIENT, OPEN = "closed by server", "reset by server", "closed", "open"
REFUSED, SILENCE = "refused", "(silence)"


@dataclasses.dataclass
class Connection:
    """What was seen of one connection: replies in order, lines joined with " | "; its end."""

    session: str
    port: int = 0
    replies: list[str] = dataclasses.field(default_factory=list)
    end: str = OPEN


@dataclasses.dataclass
class Transcript:
    """All connections of one client, in the order in which they began."""

    begun: float
    connections: list[Connection] = dataclasses.field(default_factory=list)
    # Replies that are not what the script says postscreen gives.
    surprises: list[str] = dataclasses.field(default_factory=list)


class _Line:
    """The client's end of one connection."""

    def __init__(self, source: str, server: Address, seen: Connection):
        self.seen = seen
        self.over = False
        self._unread = b""
        self._socket = socket.socket(family_of(server[0]), socket.SOCK_STREAM)
        self._socket.settimeout(REPLY_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        self._socket.bind((source, 0))
        try:
            self._socket.connect(server)
        except OSError:
            self._end(REFUSED)
            return
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        seen.port = self._socket.getsockname()[1]

    def send(self, octets: bytes) -> None:
        """A connection that is gone is noticed by the next read, with what came before."""
        if self.seen.replies and _REFUSAL.search(self.seen.replies[-1]):
            self._look(CLOSING_SECONDS)
            if self.over:
                return
        try:
            self._socket.sendall(octets)
        except OSError:
            pass

    def expect(self, one_line: bool, seconds: float = REPLY_SECONDS) -> str | None:
        """Reads a reply, or one line; writes it down. None when nothing came."""
        lines: list[bytes] = []
        while (line := self._read_line(seconds)) is not None:
            lines.append(line)
            if one_line or _REPLY_END.match(line):
                break
        else:
            if not self.over:
                lines.append(SILENCE.encode())
        return self._note(lines)

    def quiet(self, seconds: float) -> None:
        line = self._read_line(seconds)
        if line is not None:
            self._note([line])
        elif not self.over:
            self.seen.replies.append("(quiet)")

    def drain(self, seconds: float) -> None:
        """Writes down all replies up to the end of the connection, or until the time is over."""
        deadline = time.monotonic() + seconds
        lines: list[bytes] = []
        while (line := self._read_line(deadline - time.monotonic())) is not None:
            lines.append(line)
            if _REPLY_END.match(line):
                self._note(lines)
                lines = []
        self._note(lines)

    def handshake(self, highest: str | None) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        if highest is not None:
            context.maximum_version = ssl.TLSVersion[highest.replace(".", "_")]
        try:
            self._socket = context.wrap_socket(self._socket)
            self.seen.replies.append(f"(TLS: {self._socket.version()})")
        except (ssl.SSLError, OSError) as error:
            self.seen.replies.append("(no TLS)")
            self._end(RESET if isinstance(error, ConnectionError) else BY_SERVER)

    def half_close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self._end(BY_CLIENT)

    def leave(self) -> None:
        """Closes what the server has kept open."""
        self._end(OPEN)

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._end(BY_CLIENT)

    def _end(self, how: str) -> None:
        if not self.over:
            self.over = True
            self.seen.end = how
            self._socket.close()

    def _note(self, lines: list[bytes]) -> str | None:
        if not lines:
            return None
        text = " | ".join(line.decode("ascii", "backslashreplace") for line in lines)
        text = re.sub(rf"\b{self.seen.port}\b", "PORT", text)
        self.seen.replies.append(text)
        return text

    def _read_line(self, seconds: float) -> bytes | None:
        """One line; None when the time is over, or the connection and all lines are."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread and not self.over:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._receive(left)
        line, newline, rest = self._unread.partition(b"\n")
        if not line and not newline:
            return None
        self._unread = rest
        return line.removesuffix(b"\r") if newline else line + b" (no line end)"

    def _look(self, seconds: float) -> None:
        """Takes whatever comes next, if it comes so soon."""
        deadline = time.monotonic() + seconds
        before = len(self._unread)
        while not self.over and len(self._unread) == before and time.monotonic() < deadline:
            self._receive(deadline - time.monotonic())

    def _receive(self, seconds: float) -> None:
        self._socket.settimeout(max(seconds, 0.001))
        try:
            got = self._socket.recv(65536)
        except TimeoutError:
            return
        except OSError:
            self._end(RESET)
            return
        if got:
            self._unread += got
        else:
            self._end(BY_SERVER)


class Player:
    """Plays one script; `first` and `backup` are the addresses of the server."""

    def __init__(self, script: Script, first: Address, backup: Address):
        self._script = script
        self._servers = {"first": first, "backup": backup}
        self._lines: dict[str, _Line] = {}
        self.transcript = Transcript(time.time())

    def play(self) -> Transcript:
        for step in self._script.steps:
            self._do(step)
        for line in self._lines.values():
            if not line.over:
                line.drain(LAST_WORD_SECONDS)
        for line in self._lines.values():
            line.leave()
        return self.transcript

    def _do(self, step: Step) -> None:
        if step.verb == "wait":
            time.sleep(float(step.words[0]))
            return
        if step.verb == "connect":
            self._connect(step)
            return
        line = self._lines[step.session]
        if line.over:
            if step.verb == "expect":
                line.expect(one_line=False)
            return
        match step.verb:
            case "send":
                line.send(step.octets)
            case "expect":
                self._expect(line, step)
            case "quiet":
                line.quiet(float(step.words[0]))
            case "half-close":
                line.half_close()
            case "close":
                line.close()
            case "reset":
                line.reset()
            case "eof":
                line.drain(END_SECONDS)
            case "handshake":
                line.handshake(step.words[0] if step.words else None)
            case _:
                raise AssertionError(f"step {step} is not built")

    def _connect(self, step: Step) -> None:
        seen = Connection(step.session)
        self.transcript.connections.append(seen)
        server = self._servers[step.words[0] if step.words else "first"]
        if ":" in self._script.source:
            server = ("::1", server[1])
        if step.session in self._lines:
            self._lines[step.session].leave()
        self._lines[step.session] = _Line(self._script.source, server, seen)

    def _expect(self, line: _Line, step: Step) -> None:
        words, seconds = step.words, REPLY_SECONDS
        if "within" in words:
            at = words.index("within")
            words, seconds = words[:at], float(words[at + 1])
        got = line.expect(bool(words) and words[0].endswith("-"), seconds)
        if got is None or not words:
            return  # nothing was demanded, or a step before this one has ended the connection
        if not any(got.split(" | ")[-1].startswith(word) for word in words):
            wanted = " or ".join(words)
            self.transcript.surprises.append(f"line {step.line}: expected {wanted}, got {got}")
