#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when clang-tidy finds something in src/; which checks: .clang-tidy, there and at the top.

    clang_tidy.py [ROOT] --build BUILD [--only PATH...]      PATH: a folder, a source, or a header,
                                                             which stands for its source

BUILD is configured with clang (preset clang), and its precompiled header is built: with that a file
takes a few seconds instead of ten.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess
import sys

# What clang-tidy says of itself: how many warnings it does not show.
CHATTER = re.compile(r"^\d+ warnings? (and \d+ errors? )?generated\.$|^Error while processing ")


def sources(root, build, only):
    """What of src/ that build compiles; with `only` what of it belongs to one of these paths."""
    known = {pathlib.Path(entry["file"]).resolve()
             for entry in json.loads((build / "compile_commands.json").read_text())}
    ours = sorted(file for file in known if file.is_relative_to(root / "src"))
    if only is None:
        return ours
    named = {pathlib.Path(name).resolve() for name in only}
    named |= {root / "src" / file.relative_to(root / "include" / "fendmail").with_suffix(".cpp")
              for file in named if file.is_relative_to(root / "include" / "fendmail")}
    named |= {file.with_suffix(".cpp") for file in named if file.suffix == ".hpp"}
    return [file for file in ours if file in named or not named.isdisjoint(file.parents)]


def findings(build, file):
    program = shutil.which("clang-tidy") or "clang-tidy-14"
    done = subprocess.run([program, "--quiet", "-p", build, file], capture_output=True, text=True,
                          check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return done.returncode, [line for line in lines if not CHATTER.match(line)]


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("root", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*")
    given = parser.parse_args(arguments)
    root, build = given.root.resolve(), given.build.resolve()
    files = sources(root, build, given.only)
    if not files and given.only is None:
        print(f"{build}: compiles nothing of {root / 'src'}")
        return 1
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for status, lines in pool.map(lambda file: findings(build, file), files):
            if status != 0:
                failed += 1
                print(*lines, sep="\n", flush=True)
    print(f"clang-tidy: {len(files)} files, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
