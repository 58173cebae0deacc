#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when two types of one namespace have the same name.

    one_definition.py [ROOT]      prints each offence as file:line: reason

Two files that never meet in one translation unit may define such types without a word from the
compiler, and the linker then takes the functions of one for the other (the one-definition rule).
What stands in an anonymous namespace, in a function or in a class is its file's own.
"""
import pathlib
import re
import sys

NAMESPACE = re.compile(r"^(?:inline )?namespace ([\w:]*) ?\{$")
END = re.compile(r"^\} // namespace")
# Neither a declaration nor a type within another one ("struct outer::inner {").
TYPE = re.compile(r"^(?:template <[^;]*> )?(?:struct|class|union|enum class|enum) (\w+)\b(?!::|<)"
                  r"[^;]*$")


def types(text):
    """Line and qualified name of each type that other files could have as well."""
    open_namespaces = []
    for number, line in enumerate(text.splitlines(), 1):
        if found := NAMESPACE.match(line):
            open_namespaces.append(found[1])
        elif END.match(line) and open_namespaces:
            open_namespaces.pop()
        elif (found := TYPE.match(line)) and open_namespaces and "" not in open_namespaces:
            yield number, "::".join([*open_namespaces, found[1]])


def check(root):
    first = {}
    for file in sorted([*root.glob("include/**/*.hpp"), *root.glob("src/**/*.[ch]pp")]):
        name = file.relative_to(root)
        for number, what in types(file.read_text(encoding="utf-8")):
            if what in first and first[what] != name:
                yield f"{name}:{number}: {what} is in {first[what]} as well; rename one of them"
            first.setdefault(what, name)


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    offences = list(check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here))
    print(*offences, sep="\n", end="\n" if offences else "")
    sys.exit(bool(offences))
