#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a C++ file is not as clang-format leaves it.

    format.py [ROOT]      to mend: git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 -i

Versions differ in what they leave; where there is no 19, another one has to do.
"""
import pathlib
import shutil
import subprocess
import sys


def main(arguments):
    root = pathlib.Path(arguments[0] if arguments else ".").resolve()
    files = sorted(path for folder in ("include", "src", "tests", "bench")
                   for path in (root / folder).rglob("*.[ch]pp"))
    if not files:
        print(f"{root}: no C++ files")
        return 1
    formatter = shutil.which("clang-format-19") or "clang-format"
    done = subprocess.run([formatter, "--dry-run", "-Werror", *map(str, files)], cwd=root,
                          capture_output=True, text=True)
    print("\n".join(line for line in done.stderr.splitlines() if "error:" in line))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
