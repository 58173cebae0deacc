#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when an #include points up or the core touches the world.

    layering.py [ROOT]      prints each offence as file:line: reason

The layers are app -> io -> core. Inside each layer the modules, which are its folders, are ranked
as well (MAY_USE); files directly in a layer's folder are values and interfaces that all of its
modules may use, and that use no module (but app/main.cpp, which starts it all).
"""
import pathlib
import re
import sys

RANK = {"core": 0, "io": 1, "app": 2}
MAY_USE = {  # layer -> module -> sibling modules it may include
    "core": {
        "": set(),
        "text": set(),
        "throttle": set(),
        "acl": {"text"},
        "dns": {"text"},
        "proxy": set(),
        "smtp": {"text"},
        "dnsbl": {"text", "throttle", "dns"},
        "spf": {"text", "dns"},
        "mta": {"dnsbl"},
        "screen": {"smtp", "dnsbl", "acl"},
        "abuse": {"throttle"},
        "event": {"screen", "smtp", "dnsbl", "acl", "abuse"},
        "web": {"text", "throttle"},
        "feed": {"text", "acl"},
    },
    "io": {
        "": set(),
        "os": set(),
        "log": {"os"},
        "tls": {"os"},
        "store": {"os"},
        "net": {"os", "tls"},
        "dns": {"os", "net"},
        "dnsbl": {"os", "net", "dns"},
        "backend": {"os", "net", "tls"},
        "feed": {"os"},
        "nft": {"os"},
    },
    "app": {
        "": {"cli"},
        "config": set(),
        "observe": set(),
        "admin": set(),
        "demo": set(),
        "migrate": {"config"},
        "abuse": {"config", "observe"},
        "shared": {"config", "abuse"},
        "names": {"config", "shared"},
        "feeds": {"config"},
        "session": {"config", "shared", "abuse", "feeds"},
        "explain": {"config", "feeds"},
        "report": set(),
        "nft": set(),
        "rules": set(),
        "api": {
            "config", "shared", "session", "observe", "admin", "explain", "rules", "abuse", "feeds",
        },
        "server": {
            "config", "shared", "names", "session", "observe", "admin", "explain", "rules", "api",
            "abuse", "feeds",
        },
        "cli": {
            "config", "migrate", "demo", "names", "shared", "session", "explain", "report", "server",
            "observe", "admin", "rules", "abuse", "feeds",
        },
    },
}
# What core may include that is not ours. Standard headers have neither a dot nor a slash.
# boost/crc.hpp is arithmetic on values: no I/O, no state, no exceptions.
CORE_MAY_INCLUDE = re.compile(r"fmt/|boost/system/result\.hpp$|boost/crc\.hpp$|re2/re2\.h$|[a-z_0-9]+$")
IMPURE = {
    "atomic", "barrier", "condition_variable", "filesystem", "fstream", "future", "iostream",
    "latch", "mutex", "random", "semaphore", "shared_mutex", "stop_token", "thread", "csignal",
}
CLOCK = re.compile(r"::now\(\)|\btime\((?:nullptr|NULL|0)\)|\bgetenv\(")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def place(path):
    """include/fendmail/core/smtp/x.hpp -> ("core", "smtp")"""
    parts = [p for p in pathlib.PurePath(path).parts if p not in ("include", "src", "fendmail")]
    return parts[0], parts[1] if len(parts) > 2 else ""


def check_own(layer, module, name):
    """Why a file of layer/module may not include our header `name`, or None."""
    to_layer, to_module = place(name)
    if to_layer not in RANK:
        return f"{name} is in no layer; headers are in core/, io/ or app/"
    if RANK[to_layer] > RANK[layer]:
        return f"{layer} includes {to_layer}; includes point only down"
    if layer == to_layer and to_module not in (module, ""):
        if to_module not in MAY_USE[layer].get(module, set()):
            return f"{layer}/{module or '(root)'} includes {layer}/{to_module}"
    return None


def check_include(layer, module, quoted, name, file):
    if ".." in pathlib.PurePath(name).parts:
        return f"includes {name}; write the path from include/"
    if name.startswith("fendmail/"):
        return check_own(layer, module, name)
    if quoted and (file.parent / name).is_file():
        return None  # a private header of this folder, or of one below
    if layer == "core" and (name in IMPURE or not CORE_MAY_INCLUDE.match(name)):
        return f"core includes {name}; I/O belongs in io/"
    return None


def check(root):
    for file in sorted([*root.glob("include/**/*.hpp"), *root.glob("src/**/*.[ch]pp")]):
        layer, module = place(file.relative_to(root))
        if layer not in RANK:
            yield f"{file.relative_to(root)}:1: is in no layer; files are in core/, io/ or app/"
            continue
        if module not in MAY_USE[layer]:
            yield f"{file.relative_to(root)}:1: {layer}/{module} is not in MAY_USE of layering.py"
        for number, text in enumerate(file.read_text().splitlines(), 1):
            where = f"{file.relative_to(root)}:{number}:"
            if layer == "core" and CLOCK.search(text):
                yield f"{where} core reads a clock or the environment; take it as an argument"
            found = INCLUDE.match(text)
            reason = found and check_include(layer, module, found[1] == '"', found[2], file)
            if reason:
                yield f"{where} {reason}"


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    offences = list(check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here))
    print(*offences, sep="\n", end="\n" if offences else "")
    sys.exit(bool(offences))
