# SPDX-License-Identifier: Apache-2.0
"""A whole run: both sides of all configurations are started, played against and compared."""

import contextlib
import dataclasses
import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path

from ..dns_server import DnsServer, query_name
from ..network import to_text
from ..private_network import add_address, use_resolver
from .configs import Config, expand, load_configs
from .observation import fendmail_lines, postfix_lines
from .rules import Rules, load_rules
from .run import Result, Runner, compare_all, serve_zones, wait_for_quiet
from .script import Script, load_catalogue
from .servers import (
    BACKUP4,
    FENDMAIL,
    POSTSCREEN,
    WARM_UP_CLIENT,
    Migrated,
    Postscreens,
    migrate,
    parse_cache,
    read_store,
)

# dnsblog asks libc's resolver, which knows no other port.
NAME_SERVER = ("127.0.0.54", 53)
_BAD_LINE = re.compile(r"\b(fatal|panic): |/master\[\d+\]: warning: ")


@dataclasses.dataclass(frozen=True)
class Material:
    """The folder with the catalogue, the configurations and the intended differences."""

    configs: Sequence[Config]
    scripts: Sequence[Script]
    rules: Rules
    common_cf: str
    folder: Path


def load_material(
    folder: Path, tls: Path, configs: str = "*", clients: str = "*"
) -> Material:
    """Everything in the folder, or what two patterns choose of it."""
    folders = {"tables": folder / "tables", "tls": tls}
    everything = load_configs(folder / "configs", folders)
    chosen = [
        config
        for config in everything
        if any(fnmatch.fnmatchcase(config.name, pattern) for pattern in configs.split(","))
    ]
    scripts = [
        script
        for script in load_catalogue(folder / "clients", [config.name for config in everything])
        if any(fnmatch.fnmatchcase(script.name, pattern) for pattern in clients.split(","))
    ]
    common = expand((folder / "common.cf").read_text(encoding="ascii"), folders)
    return Material(chosen, scripts, load_rules(folder / "differences.toml"), common, folder)


def run_all(material: Material, directory: Path, with_fendmail: bool = True) -> Result:
    """Plays everything; fendmail's directories are below `directory`."""
    add_address(BACKUP4)
    use_resolver(NAME_SERVER[0], directory)
    runner = Runner(material.configs, material.scripts)
    fendmails: dict[str, Migrated] = {}
    with contextlib.ExitStack() as stack:
        dns = stack.enter_context(DnsServer(NAME_SERVER))
        serve_zones(dns, material.folder / "zones.toml")
        postscreens = stack.enter_context(Postscreens(material.common_cf, material.configs))
        for config in material.configs if with_fendmail else []:
            fendmails[config.name] = stack.enter_context(
                _make_fendmail(material, directory, config, postscreens)
            )
        postscreens.warm_up(material.configs)
        runner.play((POSTSCREEN, FENDMAIL) if with_fendmail else (POSTSCREEN,))
        wait_for_quiet(postscreens.log, *(fendmail.log for fendmail in fendmails.values()))
        for fendmail in fendmails.values():
            fendmail.stop()
        postscreens.stop()
        return _compare(material, runner, postscreens, fendmails)


def _make_fendmail(
    material: Material, directory: Path, config: Config, postscreens: Postscreens
) -> Migrated:
    place = directory / config.name
    place.mkdir()
    text = migrate(place, material.common_cf, config)
    backend = postscreens.pass_service(FENDMAIL, config)
    return Migrated(place, config, text, backend, to_text(NAME_SERVER))


def _compare(
    material: Material, runner: Runner, postscreens: Postscreens, fendmails: dict[str, Migrated]
) -> Result:
    postfix_log = postscreens.log.text()
    _demand_health(postfix_log)
    names = (WARM_UP_CLIENT, query_name(WARM_UP_CLIENT, "").removesuffix("."))
    from_postfix = postfix_lines(postfix_log, without=names)
    observers, dumps = {}, {}
    for config in material.configs:
        name = config.name
        dumps[name] = postscreens.cache_dump(config)
        lines = from_postfix.get((name, POSTSCREEN), [])
        observers[name, POSTSCREEN] = runner.observe(
            config, POSTSCREEN, lines, parse_cache(dumps[name])
        )
        if fendmail := fendmails.get(name):
            lines = fendmail_lines(fendmail.log.text())
            lines += from_postfix.get((name, FENDMAIL), [])
            observers[name, FENDMAIL] = runner.observe(
                config, FENDMAIL, lines, read_store(fendmail.store_path)
            )
    comparisons = compare_all(observers, material.rules.differences) if fendmails else []
    return Result(
        observers, comparisons, runner.surprises(), len(material.scripts), dumps
    )


def _demand_health(log: str) -> None:
    """postscreen's side must not have failed, or it would be compared with nothing."""
    bad = [line for line in log.splitlines() if _BAD_LINE.search(line)]
    assert not bad, "\n".join(bad)
