# SPDX-License-Identifier: Apache-2.0
"""What the tests of `fendmail migrate` share: its examples, and how it is run."""

import os
import re
import subprocess
from pathlib import Path

from .fendmail import run_command

EXAMPLES_FOLDER = Path(__file__).resolve().parents[2] / "e2e" / "migrate"
EXAMPLES = sorted(path for path in EXAMPLES_FOLDER.iterdir() if path.is_dir())
DOCS = Path(__file__).resolve().parents[3] / "docs" / "from-postscreen.md"
_INPUTS = ("main.cf", "master.cf", "postconf-n", "postconf-j")
# What the expected files call the directory of the output.
USUAL_OUTPUT = "/etc/fendmail"


def inputs_of(example: Path) -> list[str]:
    return [name for name in _INPUTS if (example / name).exists()]


def options_of(example: Path) -> list[str]:
    file = example / "options"
    return file.read_text("ascii").split() if file.exists() else []


def migrate(example: Path, output: Path) -> subprocess.CompletedProcess[str]:
    arguments = ["--config-dir", ".", "--output", str(output), *options_of(example)]
    return run_command("migrate", *arguments, *inputs_of(example), cwd=example)


def files_in(directory: Path, called: str = USUAL_OUTPUT) -> dict[str, str]:
    return {
        path.name: path.read_text("utf-8").replace(str(directory), called)
        for path in directory.iterdir()
    }


def marked_texts(toml: str) -> list[str]:
    """The comments marked ATTENTION; lines that go on are indented further."""
    flat = re.sub(r"\n#   +", " ", toml)
    return re.findall(r"ATTENTION: (.*)", flat)


def make_old(path: Path) -> None:
    """Postfix reads a file again and again until it is two seconds old."""
    os.utime(path, (0, 0))
