# SPDX-License-Identifier: Apache-2.0
"""A client's file.

    # The first comment lines say what it shows.
    # edge: 5, 28               edge cases that it covers
    # configs: early pregreet-* where it runs
    # source: 127.1.0.5         its address, which no other client has there
    # client: 192.0.2.7         the address that logs show, where a PROXY header says another

Then one step a line. A name and a colon in front of a step ("b: connect") mean another session of
the same client than the one without a name.

    connect [backup]        to the first address of the server, or to its second (or ::1)
    send "EHLO x\\r\\n" ...   octets with C escapes, in one segment; "x"*300 is 300 times that
    expect 250 [550 ...]    reads a whole reply; the codes are those that postscreen gives
    expect 220-             reads one line only
    expect                  reads a whole reply, whatever it is
    expect 220 within 1     the same, but it has to come within so many seconds
    quiet 0.5               nothing comes for so long
    wait 0.2                does nothing for so long
    half-close              no more will be sent (FIN), reading goes on
    close / reset           ends the connection, with FIN or RST
    eof                     reads whatever comes until the server ends the connection
    handshake [TLSv1.2]     TLS on this connection, at most that version
"""

import dataclasses
import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path

_HEADER = re.compile(r"^# (edge|configs|source|client): *(.+)$")
_STEP = re.compile(r"^(?:(?P<session>[a-z]\w*): +)?(?P<verb>[a-z-]+)(?: +(?P<rest>\S.*))?$")
_CHUNK = re.compile(r'"((?:[^"\\]|\\.)*)"(?:\*(\d+))?\s*')
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.S)
_CONTROLS = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\", b'"': b'"'}
_VERBS = {
    "connect", "send", "expect", "quiet", "wait", "half-close", "close", "reset", "eof",
    "handshake",
}  # fmt: skip


class BadScript(AssertionError):
    """A file of the catalogue that cannot be understood."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One line of a script; `octets` belong to send, `words` to the others."""

    line: int
    session: str
    verb: str
    words: tuple[str, ...] = ()
    octets: bytes = b""


@dataclasses.dataclass(frozen=True)
class Script:
    """One client."""

    name: str
    shows: str
    edges: frozenset[int]
    configs: tuple[str, ...]
    source: str
    client: str
    steps: tuple[Step, ...]

    def runs_in(self, config: str) -> bool:
        return any(fnmatch.fnmatchcase(config, pattern) for pattern in self.configs)


def parse_edges(text: str) -> frozenset[int]:
    """"5, 28" as numbers of the reference's list of edge cases."""
    return frozenset(int(number) for number in re.split(r"[\s,]+", text.strip()))


def load_script(path: Path) -> Script:
    """Reads a client's file."""
    shows: list[str] = []
    header: dict[str, str] = {}
    steps: list[Step] = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        if found := _HEADER.match(line):
            header[found[1]] = found[2].strip()
        elif line.startswith("#"):
            if not steps and not header:
                shows.append(line[1:].strip())
        elif line.strip():
            steps.append(_parse_step(path, number, line.strip()))
    _demand(path, 1, bool(shows), "the first comment says what the client shows")
    for name in ("configs", "source"):
        _demand(path, 1, name in header, f"'# {name}:' is missing")
    _demand(path, 1, bool(steps), "a client does something")
    return Script(
        name=path.stem,
        shows=" ".join(shows),
        edges=parse_edges(header["edge"]) if "edge" in header else frozenset(),
        configs=tuple(header["configs"].split()),
        source=header["source"],
        client=header.get("client", header["source"]),
        steps=tuple(steps),
    )


def load_catalogue(directory: Path, configs: Sequence[str]) -> Sequence[Script]:
    """All clients of a directory, which must fit the configurations of these names."""
    scripts = [load_script(path) for path in sorted(directory.glob("*.client"))]
    for script in scripts:
        for pattern in script.configs:
            if not fnmatch.filter(configs, pattern):
                raise BadScript(f"{script.name}: there is no configuration {pattern}")
    for config in configs:
        owners: dict[str, str] = {}
        for script in (script for script in scripts if script.runs_in(config)):
            other = owners.setdefault(script.client, script.name)
            if other != script.name:
                raise BadScript(f"{config}: {script.name} and {other} both are {script.client}")
        if not owners:
            raise BadScript(f"{config} has no client")
    return scripts


def _parse_step(path: Path, number: int, line: str) -> Step:
    found = _STEP.match(line)
    _demand(path, number, found is not None and found["verb"] in _VERBS, f"no step: {line}")
    session, verb, rest = found["session"] or "", found["verb"], found["rest"] or ""
    if verb == "send":
        return Step(number, session, verb, octets=_parse_octets(path, number, rest))
    return Step(number, session, verb, words=tuple(rest.split()))


def _parse_octets(path: Path, number: int, text: str) -> bytes:
    octets, at = b"", 0
    while at < len(text):
        found = _CHUNK.match(text, at)
        _demand(path, number, found is not None, f"not a string: {text[at:]}")
        octets += _ESCAPE.sub(_unescape, found[1].encode("ascii")) * int(found[2] or 1)
        at = found.end()
    _demand(path, number, bool(octets), "nothing to send")
    return octets


def _unescape(found: re.Match[bytes]) -> bytes:
    what = found[1]
    return bytes.fromhex(what[1:].decode()) if len(what) == 3 else _CONTROLS[what]


def _demand(path: Path, number: int, condition: bool, message: str) -> None:
    if not condition:
        raise BadScript(f"{path.name}:{number}: {message}")
