# SPDX-License-Identifier: Apache-2.0
"""An SMTP client that does exactly what a test tells it, right or wrong."""

import dataclasses
import socket
import ssl
import struct
from collections.abc import Iterable

from .network import Address, family_of
from .tls import client_context

REPLY_LINES_MAX = 100


class ConnectionEnded(AssertionError):
    """The server closed or reset the connection while a reply was expected."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """A complete reply; `lines` are without their ends."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Code and text of the last line."""
        return self.lines[-1]

    def __str__(self) -> str:
        return " | ".join(self.lines)


@dataclasses.dataclass(frozen=True)
class Delivery:
    """How a whole session went: the reply that decided, and whether the mail was taken."""

    accepted: bool
    reply: Reply


class SmtpClient:
    """One connection. Every read and write ends after `timeout` seconds.

    `source` is the address to come from: any of 127.0.0.0/8, or ::1.
    """

    def __init__(self, server: Address, source: str | None = None, timeout: float = 15.0):
        self.server = server
        self._unread = b""
        self._socket = socket.socket(family_of(server[0]), socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout)
            if source is not None:
                # Port 0 without this takes a port out of use for all other destinations.
                self._socket.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
                self._socket.bind((source, 0))
            self._socket.connect(server)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            self._socket.close()
            raise
        self.address, self.port = self._socket.getsockname()[:2]

    def __enter__(self) -> "SmtpClient":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    @property
    def log_name(self) -> str:
        """This end as logs show it: [address]:port."""
        return f"[{self.address}]:{self.port}"

    # ── octets ───────────────────────────────────────────────────────────────────────────────

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def read_line(self) -> bytes:
        """One line with its end."""
        while b"\n" not in self._unread:
            got = self._receive()
            if not got:
                raise ConnectionEnded(f"connection ended after {self._unread!r}")
            self._unread += got
        line, end, self._unread = self._unread.partition(b"\n")
        return line + end

    def read_to_end(self) -> bytes:
        """Everything up to the end of the connection; a reset is an end as well."""
        while got := self._receive():
            self._unread += got
        everything, self._unread = self._unread, b""
        return everything

    def is_silent_for(self, seconds: float) -> bool:
        """Whether the server neither says anything nor closes for that long."""
        before = self._socket.gettimeout()
        self._socket.settimeout(seconds)
        try:
            got = self._socket.recv(4096)
        except TimeoutError:
            return not self._unread
        finally:
            self._socket.settimeout(before)
        self._unread += got
        return False

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except ConnectionResetError:
            return b""

    # ── lines ────────────────────────────────────────────────────────────────────────────────

    def read_reply(self) -> Reply:
        """A whole reply, all its lines; they must carry one code."""
        lines: list[str] = []
        while len(lines) < REPLY_LINES_MAX:
            raw = self.read_line()
            assert raw.endswith(b"\r\n"), f"reply line does not end in CR LF: {raw!r}"
            line = raw[:-2].decode("utf-8")
            assert line[:3].isdigit(), f"not a reply: {raw!r}"
            lines.append(line)
            if line[3:4] != "-":
                break
        codes = {line[:3] for line in lines}
        assert len(codes) == 1, f"several codes in one reply: {lines}"
        return Reply(int(lines[-1][:3]), tuple(lines))

    def command(self, text: str) -> Reply:
        """Sends one command line and reads its reply."""
        self.send(text.encode("utf-8") + b"\r\n")
        return self.read_reply()

    def expect(self, text: str, code: int) -> Reply:
        """Sends a command that must be answered with `code`."""
        reply = self.command(text)
        assert reply.code == code, f"{text!r}: wanted {code}, got {reply}"
        return reply

    def expect_reply(self, code: int) -> Reply:
        reply = self.read_reply()
        assert reply.code == code, f"wanted {code}, got {reply}"
        return reply

    # ── TLS ──────────────────────────────────────────────────────────────────────────────────

    def start_tls(
        self, context: ssl.SSLContext | None = None, session: ssl.SSLSession | None = None
    ) -> None:
        """STARTTLS and the handshake; any certificate will do. EHLO has to follow.

        `session` is one of `tls_session`, for the same context: it is offered to be resumed.
        """
        self.expect("STARTTLS", 220)
        assert not self._unread, f"octets between 220 and the handshake: {self._unread!r}"
        self._socket = (context or client_context()).wrap_socket(self._socket, session=session)

    @property
    def tls(self) -> ssl.SSLSocket:
        """@pre start_tls()"""
        assert isinstance(self._socket, ssl.SSLSocket), "no TLS"
        return self._socket

    @property
    def tls_session(self) -> ssl.SSLSession | None:
        """With TLS 1.3 it can be resumed only when something was read before it is taken."""
        return self.tls.session

    @property
    def certificate(self) -> bytes:
        """The server's, as DER."""
        return self.tls.getpeercert(binary_form=True) or b""

    # ── ends ─────────────────────────────────────────────────────────────────────────────────

    def half_close(self) -> None:
        """No more will be sent; reading goes on."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Ends the connection with RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        self._socket.close()

    # ── whole transactions ───────────────────────────────────────────────────────────────────

    def try_to_deliver(
        self,
        message: bytes,
        sender: str = "sender@example.org",
        recipients: Iterable[str] = ("user@example.test",),
        helo: str = "client.example.org",
    ) -> Delivery:
        """A polite session up to the reply that decides; does not quit.

        The recipients after a refused one are not tried.
        """
        steps = [f"EHLO {helo}", f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients)]
        reply = self.read_reply()
        for step in steps:
            if reply.code >= 400:
                return Delivery(False, reply)
            reply = self.command(step)
        return self._try_to_send(message, reply)

    def send_mail(
        self,
        message: bytes,
        sender: str = "sender@example.org",
        recipient: str = "user@example.test",
    ) -> Reply:
        """One transaction after EHLO, which must be accepted."""
        self.expect(f"MAIL FROM:<{sender}>", 250)
        self.expect(f"RCPT TO:<{recipient}>", 250)
        delivery = self._try_to_send(message, Reply(250, ("250",)))
        assert delivery.accepted, f"mail was refused: {delivery.reply}"
        return delivery.reply

    def _try_to_send(self, message: bytes, reply: Reply) -> Delivery:
        if reply.code < 400:
            reply = self.command("DATA")
        if reply.code >= 400:
            return Delivery(False, reply)
        self.send(dot_stuffed(message))
        reply = self.read_reply()
        return Delivery(reply.code == 250, reply)


_BIND_ADDRESS_NO_PORT = 24  # Linux: IP_BIND_ADDRESS_NO_PORT, missing in Python 3.11


def dot_stuffed(message: bytes) -> bytes:
    """A message (lines ending in CR LF) as it follows DATA, with its final dot."""
    assert message.endswith(b"\r\n")
    return message.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def make_message(message_id: str, body: str = "Hello\r\n") -> bytes:
    """A small message with a Message-ID to recognise it by."""
    return (
        "From: Sender <sender@example.org>\r\n"
        "To: User <user@example.test>\r\n"
        f"Subject: {message_id}\r\n"
        f"Message-ID: <{message_id}@example.org>\r\n"
        "\r\n"
        f"{body}"
    ).encode()


def deliver(
    server: Address, source: str | None, message_id: str, timeout: float = 15.0
) -> Delivery:
    """A polite client's whole session for one small message, with QUIT."""
    with SmtpClient(server, source, timeout) as client:
        delivery = client.try_to_deliver(make_message(message_id))
        if delivery.reply.code not in (421, 521):
            client.expect("QUIT", 221)
        return delivery
