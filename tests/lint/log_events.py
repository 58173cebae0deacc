#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when docs/log-events.md and the events in the code differ: names, or a field's name."""
import pathlib
import re
import sys

NAME = re.compile(r'\{"(\w+)", level::\w+\}')
FIELD = re.compile(r'out\.(?:word|own_text|client_text|address|flag|number|duration)\("(\w+)"')
METHOD = re.compile(r"void operator\(\)\(const (\w+)& e\) const\s*\{(.*?)\n?\s*\}\n", re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \|(.*)\|$", re.MULTILINE)


def fields_in_code(text):
    """event -> names of its fields, in order."""
    short = {
        "client(e.client);": "client client_port",
        "local(e.local);": "local local_port",
        "balancer(e.balancer);": "balancer balancer_port",
    }
    fields = {}
    for event, body in METHOD.findall(text):
        found = []
        for statement in body.splitlines():
            statement = statement.strip()
            found += short.get(statement, "").split()
            found += FIELD.findall(statement)
        fields[event] = found
    return fields


def check(root):
    names = set(NAME.findall((root / "src/core/event/render.cpp").read_text()))
    header = (root / "include/fendmail/core/event/event.hpp").read_text()
    variant = re.search(r"any_event\s*=\s*std::variant<(.*?)>;", header, re.DOTALL)[1]
    in_code = fields_in_code((root / "src/core/event/render_fields.cpp").read_text())
    documented = {}
    for event, row in ROW.findall((root / "docs/log-events.md").read_text()):
        # Cells may hold no "|" of their own, so the second one is that of the fields.
        documented[event] = re.findall(r"`(\w+)`", row.split("|")[1])

    if names != set(re.findall(r"event::(\w+)", variant)):
        yield "src/core/event/render.cpp: names of events are not those of their structs"
    for event in sorted(names | in_code.keys() | documented.keys()):
        if event not in names:
            yield f"docs/log-events.md: {event} is no event"
        elif event not in documented:
            yield f"docs/log-events.md: {event} is missing"
        elif documented[event] != in_code.get(event):
            yield (f"docs/log-events.md: {event} has the fields {' '.join(documented[event])}, "
                   f"in the code {' '.join(in_code.get(event, []))}")


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    offences = list(check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here))
    for offence in offences:
        print(offence)
    sys.exit(bool(offences))
