# SPDX-License-Identifier: Apache-2.0
"""Plays the whole catalogue against both sides and compares what they showed."""

import concurrent.futures
import dataclasses
import threading
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from ..dns_server import DnsServer, Mood
from ..logs import LogFile
from ..network import LOOPBACK4
from ..waiting import wait_until
from .comparison import Comparison, compare
from .configs import Config
from .observation import LogLine, Observer
from .player import Player, Transcript
from .rules import Rule
from .script import Script
from .servers import BACKUP4, FENDMAIL, POSTSCREEN, Remembered, remembered_name

PLAYERS = 64
# Logs are complete when nothing was added for so long.
LOG_QUIET_SECONDS = 0.5

Played = dict[tuple[str, str], dict[str, Transcript]]


def serve_zones(dns: DnsServer, path: Path) -> None:
    """The lists that both sides ask, from a file."""
    zones = tomllib.loads(path.read_text(encoding="ascii"))["zones"]
    for name, zone in zones.items():
        listed = zone.pop("listed", {})
        if "mood" in zone:
            zone["mood"] = Mood[zone["mood"].upper()]
        dns.zone(name, listed, **zone)


class Runner:
    """`play` what was chosen, then `observe` it; the logs must be complete by then."""

    def __init__(self, configs: Sequence[Config], scripts: Sequence[Script]):
        self._configs = configs
        self._scripts = scripts
        self._played: Played = {}
        self._lock = threading.Lock()

    def clients_of(self, config: Config) -> list[Script]:
        return [script for script in self._scripts if script.runs_in(config.name)]

    def play(self, sides: Sequence[str] = (POSTSCREEN, FENDMAIL)) -> None:
        """All clients of all configurations; says when a configuration is done."""
        with concurrent.futures.ThreadPoolExecutor(PLAYERS) as pool:
            jobs = {}
            # What takes its time one by one begins first.
            for config in sorted(self._configs, key=lambda c: not c.one_by_one):
                scripts = self.clients_of(config)
                groups = [scripts] if config.one_by_one else [[script] for script in scripts]
                jobs[config.name] = [
                    pool.submit(self._play_all, config, group, side)
                    for group in groups
                    for side in sides
                ]
            begun = time.monotonic()
            for name, futures in jobs.items():
                for future in futures:
                    future.result()
                clients = len(self._played.get((name, POSTSCREEN), {}))
                print(f"{time.monotonic() - begun:6.1f} s  {name}: {clients} clients", flush=True)

    def _play_all(self, config: Config, scripts: Sequence[Script], side: str) -> None:
        port = config.postscreen_port if side == POSTSCREEN else config.fendmail_port
        for script in scripts:
            transcript = Player(script, (LOOPBACK4, port), (BACKUP4, port)).play()
            with self._lock:
                self._played.setdefault((config.name, side), {})[script.name] = transcript

    def surprises(self) -> list[str]:
        """Where postscreen did not answer as the scripts say."""
        return [
            f"{client} in {config}: {surprise}"
            for (config, side), transcripts in sorted(self._played.items())
            for client, transcript in sorted(transcripts.items())
            for surprise in transcript.surprises
            if side == POSTSCREEN
        ]

    def observe(
        self,
        config: Config,
        side: str,
        lines: list[LogLine],
        remembered: Remembered,
    ) -> Observer:
        """Everything that one side showed in one configuration."""
        transcripts = self._played.get((config.name, side), {})
        played = [(s, transcripts[s.name]) for s in self.clients_of(config)]
        port = config.postscreen_port if side == POSTSCREEN else config.fendmail_port
        observer = Observer(played, port)
        observer.add_lines(lines)
        for script, transcript in played:
            record = remembered.get(remembered_name(script.client))
            observer.add_memory(script, transcript.begun, record)
        return observer


def wait_for_quiet(*logs: LogFile) -> None:
    """Until nobody writes any more."""
    state = [(0, 0.0)]

    def is_quiet() -> bool:
        size = sum(log.path.stat().st_size for log in logs if log.path.exists())
        now = time.monotonic()
        if size != state[0][0]:
            state[0] = (size, now)
        return now - state[0][1] > LOG_QUIET_SECONDS

    wait_until(is_quiet, "the end of what is logged", 30)


@dataclasses.dataclass
class Result:
    """What came out of a whole run."""

    observers: dict[tuple[str, str], Observer]
    comparisons: list[Comparison]
    surprises: list[str]
    clients: int
    # postscreen's caches by configuration, as `postmap -s` says them.
    cache_dumps: dict[str, str]

    def summary(self) -> str:
        pairs = [c for c in self.comparisons if c.client]
        intended = sum(c.intended for c in self.comparisons)
        unexplained = sum(c.unexplained for c in self.comparisons)
        configs = len({c.config for c in self.comparisons})
        return (
            f"{self.clients} clients, {configs} configurations, {len(pairs)} comparisons, "
            f"{intended} intended differences, {unexplained} unexplained"
        )


def compare_all(
    observers: dict[tuple[str, str], Observer], rules: Sequence[Rule]
) -> list[Comparison]:
    """All clients of all configurations, and what no client caused (its name is then empty)."""
    found = []
    for config in dict.fromkeys(config for config, _ in observers):
        left, right = observers[config, POSTSCREEN], observers[config, FENDMAIL]
        for client, seen in left.clients.items():
            found.append(compare(config, client, seen, right.clients[client], rules))
        for seen in (left.config, right.config):
            for lines in seen.items.values():
                lines.sort()
        found.append(compare(config, "", left.config, right.config, rules))
    return found
