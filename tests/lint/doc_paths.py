#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a document or a comment names a file or folder of the tree that is not there.

    doc_paths.py [ROOT]      prints each offence as file:line: reason

A path begins with a folder at the top of the tree (`tests/unit/core`) or, as an include does, with
a layer: `io/net/acceptor` needs a header, a source or a folder of that name. `*` and NAME stand for
any text. In documents a path counts within backticks, since prose has and/or. CHANGELOG.md may name what was.
"""
import pathlib
import re
import sys

LAYERS = ("core", "io", "app")
TOP = ("src", "include", "tests", "bench", "scripts", "config", "docs", "packaging", ".ci")
QUOTED = re.compile(r"`[^`\n]+`")
COMMENT = re.compile(r"//.*")
STRING = re.compile(r'"[^"\n]+"')
PATH = re.compile(r"(?<![\w./:$-])(?:%s)/[\w./*-]*[\w*]" % "|".join(map(re.escape, TOP + LAYERS)))
WHERE = {  # files -> where in their lines paths stand
    "*.md": QUOTED,
    "docs/**/*.md": QUOTED,
    "include/**/*.hpp": COMMENT,
    "src/**/*.[ch]pp": COMMENT,
    "tests/interop/differential/differences.toml": STRING,
}


def is_there(root, path):
    pattern = path.replace("NAME", "*")
    if path.split("/")[0] in TOP:
        return any(root.glob(pattern))
    places = [top + pattern for top in ("src/", "include/fendmail/")]
    return any(any(root.glob(place + end)) for place in places for end in ("", ".hpp", ".cpp"))


def check(root):
    for pattern, where in WHERE.items():
        for file in sorted(root.glob(pattern)):
            if file.name == "CHANGELOG.md":
                continue
            for number, line in enumerate(file.read_text().splitlines(), 1):
                for path in PATH.findall(" ".join(where.findall(line))):
                    if not is_there(root, path):
                        yield f"{file.relative_to(root)}:{number}: {path} is not in the tree"


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    offences = list(check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here))
    print(*offences, sep="\n", end="\n" if offences else "")
    sys.exit(bool(offences))
