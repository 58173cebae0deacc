#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when docs/log-events.md and the events in the code differ: names, or a field's name.

An event stands in the header of its family (include/fendmail/core/event/*_events.hpp): a struct
with `about` and `fields(out)`.
"""
import pathlib
import re
import sys

HEADERS = "include/fendmail/core/event"
STRUCT = re.compile(r"^struct (\w+)(?: : \w+)? \{\n(.*?)^\};\n", re.MULTILINE | re.DOTALL)
ABOUT = re.compile(r'description about\{"(\w+)"')
FIELDS = re.compile(r"void fields\(auto& out\) const\s*\{(.*?)\n?(?:    )?\}\n", re.DOTALL)
FIELD = re.compile(r'out\.(?:word|own_text|client_text|address|flag|number|duration)\(\s*"(\w+)"'
                   r'|out\.where\(\s*"(\w+)", "(\w+)"'
                   r"|(\w+)(?:::|\.)fields\(out\)")
FAMILY = re.compile(r"=\s*family<(.*?)>;", re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \|(.*)\|$", re.MULTILINE)


def fields_of(struct, structs):
    """Names of the fields, in order; those of a base or a member stand where they are written."""
    found = []
    for name, where, port, part in FIELD.findall(FIELDS.search(structs[struct])[1]):
        if part:
            member = re.search(rf"^    (\w+) {part}\b", structs[struct], re.MULTILINE)
            found += fields_of(member[1] if member else part, structs)
        else:
            found += [each for each in (name, where, port) if each]
    return found


def check(root):
    structs, in_families = {}, []
    for header in sorted((root / HEADERS).glob("*.hpp")):
        text = header.read_text()
        structs.update(STRUCT.findall(text))
        for members in FAMILY.findall(text):
            in_families += re.findall(r"\w+", members)
    in_code = {}
    for struct, body in structs.items():
        about = ABOUT.search(body)
        if about and about[1] != struct:
            yield f"{HEADERS}: {struct} has the name {about[1]}"
        if about and struct not in in_families:
            yield f"{HEADERS}: {struct} is in no family"
        if about:
            in_code[struct] = fields_of(struct, structs)
    documented = {}
    for event, row in ROW.findall((root / "docs/log-events.md").read_text()):
        # Cells may hold no "|" of their own, so the second one is that of the fields.
        documented[event] = re.findall(r"`(\w+)`", row.split("|")[1])

    for event in sorted(in_code.keys() | documented.keys()):
        if event not in in_code:
            yield f"docs/log-events.md: {event} is no event"
        elif event not in documented:
            yield f"docs/log-events.md: {event} is missing"
        elif documented[event] != in_code[event]:
            yield (f"docs/log-events.md: {event} has the fields {' '.join(documented[event])}, "
                   f"in the code {' '.join(in_code[event])}")
    if not in_code:
        yield f"{HEADERS}: no events found"


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    offences = list(check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here))
    for offence in offences:
        print(offence)
    sys.exit(bool(offences))
