#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures fendmail beside postscreen and HAProxy, on this machine, in one run.

    sudo bench/compare/compare.py [OPTION...]

Prints a table and the targets in Markdown and writes NAME.json, NAME.md and NAME.svg to
bench/results.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(TOP / "tests" / "support"))

import readme  # noqa: E402
import targets  # noqa: E402
from fendmail_test.network import LOOPBACK4  # noqa: E402
from fendmail_test.private_network import enter_private_network, use_resolver  # noqa: E402
from plan import SMOKE_SCALE, Phase, chosen  # noqa: E402
from plot import svg  # noqa: E402
from rounds import Measurement  # noqa: E402
from run import Sample  # noqa: E402
from stage import Tools, raise_descriptors, scratch  # noqa: E402
from table import as_json, markdown, with_added_latency  # noqa: E402


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--build", type=Path, default=TOP / "build" / "release", help="where it was built")
    add("--rounds", type=int, default=5, help="rounds of everything (5)")
    add("--scale", type=float, default=1.0, help="times as many clients (1)")
    add("--only", action="append", default=[], metavar="SCENARIO", help="may be repeated")
    add("--peer", action="append", default=[], metavar="NAME", help="may be repeated")
    add("--smoke", action="store_true", help="one short round: does it all work?")
    add("--name", default=time.strftime("%Y-%m-%d"), help="of the files (the date)")
    add("--results", type=Path, default=TOP / "bench" / "results", help="where they go")
    add("--readme", type=Path, metavar="FILE", help="write the short tables into this file too")
    add("--again", type=Path, metavar="JSON", help="measure nothing, take what a run has written")
    return parser.parse_args()


def scale_of(asked: argparse.Namespace) -> float:
    return SMOKE_SCALE if asked.smoke else asked.scale


def machine() -> dict[str, str]:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = {line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line}
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "cpu": ", ".join(sorted(models)) or platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
    }


def measured(asked: argparse.Namespace, phases: Sequence[Phase]) -> tuple[dict, list[Sample]]:
    """What it was measured on and with, and the samples."""
    os.environ.setdefault("FENDMAIL", str(asked.build / "fendmail"))
    enter_private_network()
    raise_descriptors()
    rounds = 1 if asked.smoke else asked.rounds
    measurement = Measurement(Tools(asked.build / "bench"), rounds)
    with scratch("resolver") as directory:
        use_resolver(LOOPBACK4, directory)
        measurement.measure(phases, asked.peer)
    about = {
        **machine(),
        "rounds": rounds,
        "scale": scale_of(asked),
        "versions": measurement.versions,
        "problems": measurement.problems,
    }
    return about, with_added_latency(measurement.samples)


def loaded(file: Path) -> tuple[dict, list[Sample]]:
    """What an earlier run has written."""
    text = json.loads(file.read_text(encoding="utf-8"))
    return text["about"], [Sample(**sample) for sample in text["samples"]]


def write(asked: argparse.Namespace, about: dict, samples: list[Sample]) -> None:
    reached = targets.results(samples)
    caption = readme.about_line(about)
    problems = "".join(f"- FAILED: {problem}\n" for problem in about["problems"])
    text = f"{markdown(samples)}\n{targets.as_text(reached)}{problems}"
    print(text)
    result = {"about": about, "targets": targets.as_json(reached), **as_json(samples)}
    files = {
        ".json": json.dumps(result, indent=1) + "\n",
        ".md": f"{caption}\n\n{text}",
        ".svg": svg(samples, f"{about['date']}, {about['cores']} × {about['cpu']}"),
    }
    asked.results.mkdir(parents=True, exist_ok=True)
    for suffix, content in files.items():
        (asked.results / f"{asked.name}{suffix}").write_text(content, encoding="utf-8")
    if asked.readme:
        old = asked.readme.read_text(encoding="utf-8")
        new = readme.replaced(old, readme.tables(samples, reached, about))
        asked.readme.write_text(new, encoding="utf-8")


def main() -> None:
    # All that was started is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("compare: ended by SIGTERM"))
    asked = arguments()
    try:
        phases = chosen(asked.only, scale_of(asked), asked.smoke)
    except ValueError as error:
        sys.exit(f"compare: {error}")
    about, samples = loaded(asked.again) if asked.again else measured(asked, phases)
    if not samples:
        sys.exit("compare: nothing was measured; see --only and --peer")
    write(asked, about, samples)
    if about["problems"]:
        sys.exit(f"compare: {len(about['problems'])} runs failed")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
