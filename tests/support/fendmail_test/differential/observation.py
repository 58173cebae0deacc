# SPDX-License-Identifier: Apache-2.0
"""What one side showed of one client, without what must differ: ports, times, numbers of processes.

A log line belongs to the connection whose port it names, or else to the client whose address it
names, or else to the configuration.
"""

import dataclasses
import re
from collections.abc import Iterable, Sequence

from ..dns_server import query_name
from .player import Transcript
from .script import Script

TESTS = ("pregreet", "dnsbl", "pipelining", "non-SMTP command", "bare newline")
NEVER, DISABLED = "never passed", "disabled"
# Expiry times are rounded down to it: longer than a client plays, shorter than any TTL.
GRAIN_SECONDS = 20

REPLY, END, LOG, MEMORY, CONFIG = "reply", "end", "log", "memory", "config"

_POSTFIX_LINE = re.compile(
    r"^\w{3} [ \d]\d [\d:]{8} \S+ diff/(?P<config>[^/]+)/(?P<side>\w+)/(?P<program>\w+)\[\d+\]: "
    r"(?P<text>.*)$"
)
_FENDMAIL_LINE = re.compile(r"^\w{3} [ \d]\d [\d:]{8} \S+ \S+?\[\d+\]: (?P<text>.*)$")
_ENDPOINT = re.compile(r"\[([\da-fA-F.:]+)\]:(\d+)")
_DELAY = re.compile(r"\bafter \d+(\.\d+)?(?= from )")
_OF_THE_SERVER = ("listening on ",)
_QUEUE_ID = re.compile(r"^smtpd: [0-9A-F]{6,}: ")
# The programs in the order in which they see a client; postscreen and dnsblog are one here.
_PROGRAMS = {"postscreen": "", "dnsblog": "", "tlsproxy": "tlsproxy: ", "smtpd": "smtpd: "}


@dataclasses.dataclass(frozen=True)
class LogLine:
    """One line of a log; `program` stands in front of what postscreen did not say itself."""

    program: str
    text: str


@dataclasses.dataclass
class Observation:
    """Lists of things to compare, by what they are and which connection they belong to."""

    items: dict[tuple[str, str], list[str]] = dataclasses.field(default_factory=dict)

    def add(self, what: str, where: str, item: str) -> None:
        self.items.setdefault((what, where), []).append(item)


def postfix_lines(
    text: str, without: Sequence[str] = ()
) -> dict[tuple[str, str], list[LogLine]]:
    """Postfix's log by configuration and side, without lines that name one of these."""
    found: dict[tuple[str, str], list[LogLine]] = {}
    for line in text.splitlines():
        match = _POSTFIX_LINE.match(line)
        if match is not None and not any(name in line for name in without):
            program = _PROGRAMS[match["program"]]
            lines = found.setdefault((match["config"], match["side"]), [])
            lines.append(LogLine(program, match["text"]))
    return found


def fendmail_lines(text: str) -> list[LogLine]:
    """fendmail's log."""
    found = []
    for line in text.splitlines():
        match = _FENDMAIL_LINE.match(line)
        assert match is not None, f"not a line of fendmail's log: {line}"
        found.append(LogLine("", match["text"]))
    return found


class Observer:
    """Sorts one side's log lines of one configuration by client."""

    def __init__(self, played: Sequence[tuple[Script, Transcript]], server_port: int):
        self._server_port = str(server_port)
        self.clients: dict[str, Observation] = {}
        self.config = Observation()
        self._labels: dict[tuple[str, str], tuple[str, str]] = {}
        self._owners: list[tuple[re.Pattern[str], str]] = []
        self._by_address: dict[str, str] = {}
        for script, transcript in played:
            self._add_client(script, transcript)

    def _add_client(self, script: Script, transcript: Transcript) -> None:
        seen = self.clients.setdefault(script.name, Observation())
        for number, connection in enumerate(transcript.connections, 1):
            label = f"connection {number}" + (connection.session and f" ({connection.session})")
            for reply in connection.replies:
                seen.add(REPLY, label, reply)
            seen.add(END, label, connection.end)
            key = (script.source, str(connection.port))
            assert key not in self._labels, f"{script.name}: {key} was used twice"
            self._labels[key] = (script.name, label)
        self._by_address[script.client] = script.name
        names = (script.client, query_name(script.client, "").removesuffix("."))
        named = "|".join(re.escape(name) for name in names)
        self._owners.append((re.compile(rf"(?<![\w.:])({named})(?!\w|:\w|\.\d)"), script.name))

    def add_lines(self, lines: Iterable[LogLine]) -> None:
        """Programs in their order, and the lines of each program in theirs."""
        for program in dict.fromkeys(_PROGRAMS.values()):
            for line in lines:
                if line.program == program:
                    self._add_line(line)

    def _add_line(self, line: LogLine) -> None:
        text = line.program + _DELAY.sub("after T", line.text)
        text = _QUEUE_ID.sub("smtpd: QUEUEID: ", text)
        for address, port in _ENDPOINT.findall(text):
            if owner := self._labels.get((address, port)):
                self.clients[owner[0]].add(LOG, owner[1], self._without_ports(text))
                return
            if (name := self._by_address.get(address)) and port != self._server_port:
                self.clients[name].add(LOG, f"port {port}", self._without_ports(text))
                return
        for pattern, name in self._owners:
            if pattern.search(text) and not text.startswith(_OF_THE_SERVER):
                seen = self.clients[name]
                # Which session asked the lists, and which list answers first, is not told.
                known = seen.items.setdefault((LOG, "client"), [])
                if text not in known:
                    known.append(text)
                    known.sort()
                return
        self.config.add(CONFIG, "log", self._without_ports(text))

    def _without_ports(self, text: str) -> str:
        def port_of(match: re.Match[str]) -> str:
            return f"[{match[1]}]:" + ("25" if match[2] == self._server_port else "PORT")

        return _ENDPOINT.sub(port_of, text)

    def add_memory(self, script: Script, begun: float, expires: tuple[int, ...] | None) -> None:
        """What is remembered of a client, with time to live instead of time."""
        seen = self.clients[script.name]
        if expires is None:
            seen.add(MEMORY, "record", "unknown")
            return
        tests = zip(TESTS, expires, strict=True)
        text = "; ".join(f"{test} {_time_to_live(time, begun)}" for test, time in tests)
        seen.add(MEMORY, "record", text)


def _time_to_live(time: int, begun: float) -> str:
    if time == 0:
        return NEVER
    if time == 1:
        return DISABLED
    # The time may have been cut to whole seconds, and counted from a little before.
    left = int(time - begun + 2) // GRAIN_SECONDS * GRAIN_SECONDS
    return f"passed for {left} s"
