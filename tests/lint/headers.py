#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a public header does not compile alone, or not when it is included twice.

    headers.py [ROOT] [--only PATH_PREFIX]      compiler: $CXX or g++

`--only core` looks at include/fendmail/core/ alone, which takes a few seconds; headers with Asio
take some seconds each.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys

FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-fsyntax-only",
         "-DBOOST_ASIO_NO_DEPRECATED", "-DBOOST_ASIO_SEPARATE_COMPILATION",
         '-DFENDMAIL_VERSION="lint"']


def compile_alone(root, header):
    """The first error of a header, or None."""
    name = header.relative_to(root / "include").as_posix()
    # Through stdin, since a header as main file draws a warning for its #pragma once.
    command = [os.environ.get("CXX", "g++"), *FLAGS, f"-I{root / 'include'}", "-x", "c++", "-"]
    done = subprocess.run(command, input=f'#include "{name}"\n#include "{name}"\n',
                          capture_output=True, text=True)
    if done.returncode == 0:
        return None
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    first = errors[0] if errors else done.stderr.strip()[:200]
    return f"{header.relative_to(root).as_posix()}:1: does not compile alone: {first}"


def check(root, only="", jobs=2):
    headers = sorted((root / "include").rglob("*.hpp"))
    wanted = [h for h in headers
              if h.relative_to(root / "include").as_posix().startswith(f"fendmail/{only}")]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(lambda h: compile_alone(root, h), wanted))
    return len(wanted), [offence for offence in found if offence]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("root", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    count, offences = check(arguments.root.resolve(), arguments.only)
    if count == 0:
        offences = [f"{arguments.root}: no headers found under include/fendmail/{arguments.only}"]
    print(*offences, sep="\n", end="\n" if offences else "")
    sys.exit(bool(offences))
