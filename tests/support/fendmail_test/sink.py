# SPDX-License-Identifier: Apache-2.0
"""A mail server in Python that keeps what it gets, and misbehaves when a test wants it to."""

import contextlib
import dataclasses
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from . import identity
from .identity import Identity
from .network import LOOPBACK4, Address, family_of, to_text
from .waiting import wait_until

IO_TIMEOUT = 60.0
# Whom fendmail's own probes name: an address for documentation (RFC 5737), nobody's.
PROBE = "192.0.2.99"
HOSTNAME = "sink.test"
EXTENSIONS = ("PIPELINING", "SIZE 50000000", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")
XCLIENT_OFFER = "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT"


@dataclasses.dataclass
class Mail:
    """One accepted mail; lines end in CR LF, dots are unstuffed."""

    sender: str = ""
    recipients: list[str] = dataclasses.field(default_factory=list)
    octets: bytes = b""
    raw: bytes = b""  # as sent, with the end of data


@dataclasses.dataclass(eq=False)
class Session:
    """One connection from the front end."""

    client: tuple[str, int]  # as told by the front end; the front end itself for kind plain
    server: tuple[str, int] | None = None
    commands: list[str] = dataclasses.field(default_factory=list)
    mails: list[Mail] = dataclasses.field(default_factory=list)
    ended: bool = False


@dataclasses.dataclass
class Behaviour:
    """What the sink does other than a good server would; may be changed while it runs."""

    greeting: bytes = f"220 {HOSTNAME} ESMTP sink\r\n".encode()
    # Cleared, no session gets a greeting until it is set again.
    may_greet: threading.Event = dataclasses.field(default_factory=threading.Event)
    ehlo_code: int = 250
    extensions: tuple[str, ...] = EXTENSIONS
    # Replies in place of its own, by verb.
    replies: dict[str, bytes] = dataclasses.field(default_factory=dict)
    # It takes this one and says nothing more until it is stopped.
    silent_at_verb: str = ""
    xclient_code: int = 220
    close_instead_of_greeting: bool = False
    close_at_verb: str = ""
    # It closes when it has been sent this many lines of a mail.
    close_in_data_after: int | None = None
    # It closes instead of saying what became of a mail.
    close_after_mail: bool = False

    def __post_init__(self) -> None:
        self.may_greet.set()


class SmtpSink:
    """Listens on a port or, for kind postfix-pass, on a UNIX socket. One thread a session."""

    def __init__(
        self, kind: str, directory: Path | None = None, host: str = LOOPBACK4, port: int = 0
    ):
        self.kind = kind
        self.behaviour = Behaviour()
        self.sessions: list[Session] = []  # of clients
        self.probes: list[Session] = []  # of fendmail's own
        self.faults: list[str] = []
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        if kind == "postfix-pass":
            assert directory is not None, "postfix-pass needs a directory for its socket"
            self._path = directory / "pass"
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(self._path))
        else:
            self._listener = socket.socket(family_of(host), socket.SOCK_STREAM)
            self._listener.bind((host, port))
        self._listener.listen(1024)
        self._listener.settimeout(0.05)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "SmtpSink":
        self._acceptor.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopping.set()
        self.behaviour.may_greet.set()
        self._acceptor.join(timeout=10)
        self._listener.close()

    @property
    def address(self) -> Address:
        return self._listener.getsockname()[:2]

    @property
    def config(self) -> dict[str, str]:
        """The [backend] section that leads here."""
        where = f"unix:{self._path}" if self.kind == "postfix-pass" else to_text(self.address)
        return {"kind": self.kind, "address": where}

    def mails(self) -> list[Mail]:
        return [mail for session in list(self.sessions) for mail in list(session.mails)]

    def wait_for_mails(self, count: int, timeout: float = 10.0) -> list[Mail]:
        wait_until(lambda: len(self.mails()) >= count, f"{count} mails in the sink", timeout)
        return self.mails()

    def wait_for_sessions(self, count: int, timeout: float = 10.0) -> list[Session]:
        wait_until(lambda: len(self.sessions) >= count, f"{count} sessions in the sink", timeout)
        return list(self.sessions)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            connection.settimeout(IO_TIMEOUT)
            try:
                connection, who = self._identify(connection)
                stack.enter_context(connection)
                connection.settimeout(IO_TIMEOUT)
                session = Session(who.client, who.server)
                self._list(session)
                _Server(connection, session, self.kind, self.behaviour, self._list).run()
                session.ended = True
            except (OSError, identity.BadIdentity) as error:
                # Kept for the test to look at; a thread has nobody to raise to.
                self.faults.append(f"{type(error).__name__}: {error}")

    def _list(self, session: Session) -> None:
        """Among those of its client; with XCLIENT that is known only later."""
        if session.client[0] == PROBE:
            if session in self.sessions:
                self.sessions.remove(session)
            self.probes.append(session)
        elif session not in self.sessions:
            self.sessions.append(session)

    def _identify(self, connection: socket.socket) -> tuple[socket.socket, Identity]:
        """The connection to talk on, and who is said to be there."""
        if self.kind == "postfix-pass":
            passed, who = identity.receive_passed(connection)
            connection.close()
            passed.setblocking(True)
            return passed, who
        readers: dict[str, Callable[[socket.socket], Identity]] = {
            "proxy-v1": identity.read_proxy_v1,
            "proxy-v2": identity.read_proxy_v2,
        }
        if self.kind in readers:
            return connection, readers[self.kind](connection)
        return connection, Identity(connection.getpeername()[:2])


class _Server:
    """The SMTP server's side of one connection."""

    def __init__(
        self,
        connection: socket.socket,
        session: Session,
        kind: str,
        behaviour: Behaviour,
        on_identity: Callable[[Session], None],
    ):
        self._connection = connection
        self._session = session
        self._kind = kind
        self._behaviour = behaviour
        self._on_identity = on_identity
        self._input = connection.makefile("rb")
        self._mail = Mail()

    def run(self) -> None:
        with self._input:
            if not self._behaviour.may_greet.wait(IO_TIMEOUT):
                return
            if self._behaviour.close_instead_of_greeting:
                return
            self._connection.sendall(self._behaviour.greeting)
            if self._behaviour.greeting[:1] != b"2":
                return
            while line := self._input.readline():
                text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
                self._session.commands.append(text)
                verb, _, argument = text.partition(" ")
                if verb.upper() == self._behaviour.close_at_verb:
                    return
                if verb.upper() == self._behaviour.silent_at_verb:
                    self._input.read()
                    return
                if not self._answer(verb.upper(), argument):
                    return

    def _say(self, *lines: str) -> None:
        self._connection.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def _answer(self, verb: str, argument: str) -> bool:
        """Answers one command; False ends the session."""
        if (reply := self._behaviour.replies.get(verb)) is not None:
            self._connection.sendall(reply)
            return True
        match verb:
            case "EHLO":
                self._on_ehlo()
            case "HELO":
                self._say(f"250 {HOSTNAME}")
            case "XCLIENT" if self._kind == "xclient":
                self._on_xclient(argument)
            case "MAIL":
                self._mail = Mail(sender=_path(argument))
                self._say("250 2.1.0 Ok")
            case "RCPT":
                self._mail.recipients.append(_path(argument))
                self._say("250 2.1.5 Ok")
            case "DATA":
                return self._on_data()
            case "RSET" | "NOOP":
                self._say("250 2.0.0 Ok")
            case "QUIT":
                self._say("221 2.0.0 Bye")
                return False
            case _:
                self._say("500 5.5.2 Error: command not recognized")
        return True

    def _on_ehlo(self) -> None:
        code = self._behaviour.ehlo_code
        keywords = self._behaviour.extensions + ((XCLIENT_OFFER,) if self._kind == "xclient" else ())
        lines = [f"{code}-{HOSTNAME}", *(f"{code}-{word}" for word in keywords[:-1])]
        self._say(*lines, f"{code} {keywords[-1]}")

    def _on_xclient(self, argument: str) -> None:
        if self._behaviour.xclient_code == 220:
            told = identity.parse_xclient(argument)
            self._session.client = told.client
            self._session.server = told.server
            self._on_identity(self._session)
        self._say(f"{self._behaviour.xclient_code} {HOSTNAME} ESMTP sink")

    def _on_data(self) -> bool:
        if not self._mail.recipients:
            self._say("503 5.5.1 Error: need RCPT command")
            return True
        self._say("354 End data with <CR><LF>.<CR><LF>")
        lines: list[bytes] = []
        raw: list[bytes] = []
        while (line := self._input.readline()) != b".\r\n":
            if not line or len(lines) == self._behaviour.close_in_data_after:
                return False
            raw.append(line)
            lines.append(line[1:] if line.startswith(b".") else line)
        self._mail.raw = b"".join([*raw, line])
        if self._behaviour.close_after_mail:
            return False
        self._mail.octets = b"".join(lines)
        self._session.mails.append(self._mail)
        self._mail = Mail()
        self._say("250 2.0.0 Ok: queued")
        return True


def _path(argument: str) -> str:
    """The address of FROM:<address> or TO:<address>."""
    return argument.partition("<")[2].partition(">")[0]
