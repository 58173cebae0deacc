#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays a part of the catalogue by hand and prints everything that was seen.

    FENDMAIL=build/release/fendmail PYTHONPATH=tests/support \\
        tests/interop/differential/play.py [--postscreen-only] [--failed] [CONFIGS [CLIENTS]]

CONFIGS and CLIENTS are patterns with commas between them, such as 'early,deep*'.
"""

import contextlib
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from fendmail_test.case import make_directory
from fendmail_test.differential.whole import load_material, run_all
from fendmail_test.private_network import enter_private_network
from fendmail_test.tls import make_certificate


def play() -> None:
    with contextlib.ExitStack() as stack:
        options = [argument for argument in sys.argv[1:] if argument.startswith("--")]
        patterns = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
        directory = make_directory("differential")
        stack.callback(shutil.rmtree, directory)
        make_certificate(directory, "mx.example.test")
        material = load_material(Path(__file__).parent, directory, *patterns)
        result = run_all(material, directory, "--postscreen-only" not in options)
        for comparison in result.comparisons:
            if comparison.unexplained or "--failed" not in options:
                print(comparison)
        if "--postscreen-only" in options:
            for (config, side), observer in result.observers.items():
                for client, seen in [*observer.clients.items(), ("", observer.config)]:
                    print(f"=== {client} in {config}, {side}")
                    for key, items in seen.items.items():
                        print(f"  {key[0]}, {key[1]}:", *items, sep="\n        ")
        print(*result.surprises, result.summary(), sep="\n")


if __name__ == "__main__":
    enter_private_network()
    play()
