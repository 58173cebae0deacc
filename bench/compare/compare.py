#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures fendmail beside postscreen and HAProxy, on this machine, in one run.

    sudo bench/compare/compare.py [OPTION...]

Prints a table in Markdown and writes NAME.json, NAME.md and NAME.svg to bench/results.
"""

import argparse
import contextlib
import json
import os
import platform
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(TOP / "tests" / "support"))

from fendmail_test.network import LOOPBACK4  # noqa: E402
from fendmail_test.private_network import enter_private_network, use_resolver  # noqa: E402
from peers import FendmailPeer, Peer  # noqa: E402
from plan import Item, Phase, phases, scaled  # noqa: E402
from plot import svg  # noqa: E402
from run import Runner, Sample  # noqa: E402
from stage import Tools, raise_descriptors, scratch, stage  # noqa: E402
from table import as_json, markdown  # noqa: E402

SMOKE_SCALE = 0.01


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--build", type=Path, default=TOP / "build" / "release", help="where it was built")
    add("--rounds", type=int, default=5, help="rounds of everything (5)")
    add("--scale", type=float, default=1.0, help="times as many clients (1)")
    add("--only", action="append", default=[], metavar="SCENARIO", help="may be repeated")
    add("--peer", action="append", default=[], metavar="NAME", help="may be repeated")
    add("--workers", type=int, default=1, help="threads of fendmail and HAProxy (1)")
    add("--smoke", action="store_true", help="one short round: does it all work?")
    add("--name", default=time.strftime("%Y-%m-%d"), help="of the files (the date)")
    add("--results", type=Path, default=TOP / "bench" / "results", help="where they go")
    return parser.parse_args()


def machine() -> dict[str, str]:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = {line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line}
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "cpu": ", ".join(sorted(models)) or platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
    }


def chosen(asked: argparse.Namespace) -> list[tuple[Phase, list[Item]]]:
    """The phases that are left, with the items that are left in them."""
    scale = SMOKE_SCALE if asked.smoke else asked.scale
    found, known = [], set()
    for phase in phases(asked.workers):
        known.update(item.name for item in phase.items)
        items = [scaled(i, scale) for i in phase.items if not asked.only or i.name in asked.only]
        if items:
            found.append((phase, items))
    if unknown := set(asked.only) - known:
        sys.exit(f"compare: no scenario {', '.join(sorted(unknown))}; there are: {sorted(known)}")
    return found


def measure(asked: argparse.Namespace, versions: dict[str, str]) -> list[Sample]:
    """Peers take turns within each round, and another one begins each time."""
    tools = Tools(asked.build / "bench")
    rounds = 1 if asked.smoke else asked.rounds
    samples = []
    for phase, items in chosen(asked):
        with stage(tools, phase.conditions) as peers:
            versions.update({name: peer.version for name, peer in peers.items() if peer.version})
            runner = Runner(tools, phase.conditions)
            for name in dict.fromkeys(name for item in items for name in item.peers):
                runner.warm_up(peers[name])
            for number in range(rounds):
                for item in items:
                    wanted = [n for n in item.peers if not asked.peer or n in asked.peer]
                    turn = number % len(wanted) if wanted else 0
                    for name in wanted[turn:] + wanted[:turn]:
                        sample = runner.run(item, peers[name], number)
                        samples.append(sample)
                        tell(sample, rounds)
            complain(peers)
    return samples


def complain(peers: dict[str, Peer]) -> None:
    """A list that fendmail does not believe in would make it look better than it is."""
    for name, peer in peers.items():
        if isinstance(peer, FendmailPeer) and (found := peer.log.matches(r"dnsbl.* suspended.*")):
            print(f"{name}: {len(found)} × {found[0][0]}", file=sys.stderr)


def tell(sample: Sample, rounds: int) -> None:
    cpu = "" if sample.cpu_us is None else f"{sample.cpu_us:10.1f} µs CPU"
    where = f"{sample.round + 1}/{rounds} {sample.item}: {sample.peer}"
    failed = "".join(f", {count} {reason}" for reason, count in sample.failures.items())
    print(f"{where:44} {sample.seconds:6.1f} s {cpu}{failed}", file=sys.stderr, flush=True)


def main() -> None:
    asked = arguments()
    os.environ.setdefault("FENDMAIL", str(asked.build / "fendmail"))
    enter_private_network()
    raise_descriptors()
    versions: dict[str, str] = {}
    with scratch("resolver") as directory:
        use_resolver(LOOPBACK4, directory)
        samples = measure(asked, versions)
    if not samples:
        sys.exit("compare: nothing was measured; see --only and --peer")
    about = {**machine(), "versions": versions, "workers": asked.workers}
    table = markdown(samples)
    print(table)
    asked.results.mkdir(parents=True, exist_ok=True)
    caption = f"{about['date']}, {about['cores']} × {about['cpu']}"
    write = {
        ".json": json.dumps({"about": about, **as_json(samples)}, indent=1) + "\n",
        ".md": f"{caption}, {', '.join(f'{n} {v}' for n, v in versions.items())}\n\n{table}",
        ".svg": svg(samples, caption),
    }
    for suffix, text in write.items():
        (asked.results / f"{asked.name}{suffix}").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
