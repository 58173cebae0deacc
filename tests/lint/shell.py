#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when shellcheck has something to say about a shell script.

    shell.py [ROOT]
"""
import pathlib
import re
import subprocess
import sys

FOLDERS = (".ci", "bench", "config", "packaging", "scripts", "tests")
SHEBANG = re.compile(rb"#!.*\b(ba|da)?sh\b")


def scripts(root):
    files = (file for folder in FOLDERS for file in sorted((root / folder).rglob("*")))
    return [file for file in files if file.is_file() and SHEBANG.match(file.read_bytes()[:64])]


def main(arguments):
    root = pathlib.Path(arguments[0] if arguments else ".").resolve()
    files = scripts(root)
    if not files:
        print(f"{root}: no shell scripts")
        return 1
    command = ["shellcheck", "--external-sources", "--format=gcc"]
    return subprocess.run([*command, *files], cwd=root, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
