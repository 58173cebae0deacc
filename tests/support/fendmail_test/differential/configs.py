# SPDX-License-Identifier: Apache-2.0
"""A configuration's file: the lines that it adds to main.cf.

    # The first comment lines say what it is about.
    # edge: 44                  edge cases that it covers
    # one-by-one                its clients do not play side by side
    # backend: none             nobody is at the hand-off service; "one" is a single smtpd
    postscreen_greet_action = enforce

{tables} in it is the folder with lookup tables, {tls} the one with cert.pem and key.pem.
"""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from .script import BadScript, parse_edges

_OPTION = re.compile(r"^# (edge|backend): *(.+)$")
_ALONE = "# one-by-one"
BACKENDS = ("many", "one", "none")


@dataclasses.dataclass(frozen=True)
class Config:
    """One configuration of both sides; `number` makes ports and names."""

    name: str
    number: int
    shows: str
    edges: frozenset[int]
    one_by_one: bool
    backend: str
    main_cf: str

    @property
    def postscreen_port(self) -> int:
        return 2500 + self.number

    @property
    def fendmail_port(self) -> int:
        return 3500 + self.number

    @property
    def parameters(self) -> dict[str, str]:
        """The lines of main_cf by name; a line that begins with a space goes on with the last."""
        found: dict[str, str] = {}
        name = ""
        for line in self.main_cf.splitlines():
            if line[:1].isspace() and line.strip():
                found[name] += " " + line.strip()
            elif line.strip() and not line.startswith("#"):
                name, _, value = line.partition("=")
                name = name.strip()
                found[name] = value.strip()
        return found


def load_configs(directory: Path, folders: dict[str, Path]) -> Sequence[Config]:
    """All configurations of a directory; `folders` are what {name} stands for."""
    paths = sorted(directory.glob("*.cf"))
    return [_load(path, number, folders) for number, path in enumerate(paths)]


def expand(text: str, folders: dict[str, Path]) -> str:
    """{name} becomes the folder of that name."""
    for name, folder in folders.items():
        text = text.replace(f"{{{name}}}", str(folder))
    return text


def _load(path: Path, number: int, folders: dict[str, Path]) -> Config:
    text = path.read_text(encoding="ascii")
    shows, options, alone = [], {}, False
    for line in text.splitlines():
        if found := _OPTION.match(line):
            options[found[1]] = found[2].strip()
        elif line == _ALONE:
            alone = True
        elif line.startswith("#"):
            shows.append(line[1:].strip())
        else:
            break
    backend = options.get("backend", "many")
    if not shows or backend not in BACKENDS:
        raise BadScript(f"{path.name}: says not what it is about, or backend is wrong")
    edges = parse_edges(options["edge"]) if "edge" in options else frozenset()
    return Config(
        path.stem, number, " ".join(shows), edges, alone, backend, expand(text, folders)
    )
