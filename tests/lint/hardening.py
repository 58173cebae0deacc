#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a program lacks what the build should have hardened it with.

    hardening.py PROGRAM      prints what is missing; PROGRAM needs its symbols

The mark that the whole program is ready for IBT and SHSTK (-fcf-protection) cannot be asked for: the
linker sets it only when every object has it, and the start-up code of Debian's glibc does not. So
the code itself is looked at: main must begin with the landing pad.
"""
import os
import re
import subprocess
import sys

LANDING_PAD = bytes.fromhex("f30f1efa")  # endbr64
STACK_PROBE = bytes.fromhex("48830c2400")  # orq $0, (%rsp): what gcc touches each page with


def readelf(option, program):
    done = subprocess.run(["readelf", option, "--wide", program], capture_output=True, text=True,
                          check=True, env={**os.environ, "LC_ALL": "C"})
    return done.stdout


def offset_in_file(program, address):
    for line in readelf("--program-headers", program).splitlines():
        m = re.match(r"\s+LOAD\s+(0x\w+)\s+(0x\w+)\s+0x\w+\s+(0x\w+)", line)
        if m:
            offset, start, size = (int(number, 16) for number in m.groups())
            if start <= address < start + size:
                return offset + address - start
    return None


def check_linking(program):
    if "Position-Independent Executable" not in readelf("--file-header", program):
        yield "is at a fixed address (-fPIE -pie)"
    segments = readelf("--program-headers", program)
    if "GNU_RELRO" not in segments:
        yield "keeps its relocations writable (-z relro)"
    if "BIND_NOW" not in readelf("--dynamic", program):
        yield "looks up functions when they are called (-z now)"
    stack = re.search(r"GNU_STACK.*\s([RWE ]{3})\s+0x\w+$", segments, re.MULTILINE)
    if not stack or "E" in stack[1]:
        yield "has an executable stack (-z noexecstack)"


def check_calls(program):
    imported = readelf("--dyn-syms", program)
    if "__stack_chk_fail" not in imported:
        yield "has no stack protector (-fstack-protector-strong)"
    if not re.search(r"\b__(?!stack_)\w+_chk\b", imported):
        yield "calls no checked function of libc (_FORTIFY_SOURCE)"
    if "__glibcxx_assert_fail" not in imported:
        yield "checks no index (_GLIBCXX_ASSERTIONS)"


def check_code(program):
    if "X86-64" not in readelf("--file-header", program):
        return
    with open(program, "rb") as file:
        octets = file.read()
    main = re.search(r": ([0-9a-f]{16}) .*\bmain$", readelf("--symbols", program), re.MULTILINE)
    if not main:
        yield "has no symbol main, so its code cannot be looked at"
    elif not octets.startswith(LANDING_PAD, offset_in_file(program, int(main[1], 16)) or 0):
        yield "takes jumps to anywhere (-fcf-protection)"
    # clang's probe stores a zero, as much other code does.
    if STACK_PROBE not in octets and b"clang version" not in octets:
        yield "may step over the guard page of a stack (-fstack-clash-protection)"


def check(program):
    yield from check_linking(program)
    yield from check_calls(program)
    yield from check_code(program)


if __name__ == "__main__":
    offences = [f"{sys.argv[1]}: {offence}" for offence in check(sys.argv[1])]
    print(*offences, sep="\n", end="\n" if offences else "")
    sys.exit(bool(offences))
