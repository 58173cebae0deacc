# SPDX-License-Identifier: Apache-2.0
"""The two sides: one Postfix with a postscreen for each configuration, and as many fendmails."""

import contextlib
import ipaddress
import re
import socket
from collections.abc import Sequence
from pathlib import Path

from ..fendmail import Fendmail, Settings, merged, run_command, to_toml
from ..network import LOOPBACK4, LOOPBACK6
from ..postfix import Postfix
from ..process import require_program, run
from .configs import Config

BACKUP4 = "127.0.0.2"
POSTSCREEN, FENDMAIL = "postscreen", "fendmail"
# It is nobody of the catalogue, and what is logged of it is not looked at.
WARM_UP_CLIENT = "127.255.0.1"
WARM_UP_SECONDS = 20
LOG_IDENT = "postfix/postscreen"

# Expiry times of the five tests, by client address.
Remembered = dict[str, tuple[int, ...]]

# Ends a smtpd that has nothing to do soon, as there are two hand-off services for each
# configuration and each keeps its own processes.
_SMTPD = """\
{service} pass - - n - {limit} smtpd
  -o syslog_name=diff/{config}/{side}
  -o max_idle=3s
{options}"""
_SCREEN = """\
{port} inet n - n - 1 postscreen
  -o syslog_name=diff/{config}/{side}
  -o smtpd_service_name={service}
  -o dnsblog_service_name=dnsblog-{config}
  -o tlsproxy_service_name=tlsproxy-{config}
  -o postscreen_cache_map=btree:$data_directory/cache-{config}
{options}dnsblog-{config} unix - - n - 0 dnsblog
  -o syslog_name=diff/{config}/{side}
{options}tlsproxy-{config} unix - - n - 0 tlsproxy
  -o syslog_name=diff/{config}/{side}
{options}"""


def service_name(side: str, config: Config) -> str:
    """The `pass` service of a side's clients."""
    return f"smtpd-{side}-{config.name}"


def _master_cf(configs: Sequence[Config]) -> str:
    parts = []
    for config in configs:
        options = "".join(f"  -o {{ {n} = {v} }}\n" for n, v in config.parameters.items())
        names = {"config": config.name, "options": options}
        service = service_name(POSTSCREEN, config)
        parts.append(
            _SCREEN.format(
                port=config.postscreen_port, side=POSTSCREEN, service=service, **names
            )
        )
        if config.backend != "none":
            limit = "1" if config.backend == "one" else "-"
            parts.extend(
                _SMTPD.format(service=service_name(side, config), side=side, limit=limit, **names)
                for side in (POSTSCREEN, FENDMAIL)
            )
    return "".join(parts)


class Postscreens(Postfix):
    """A Postfix with one postscreen for each configuration, and the backends of both sides."""

    def __init__(self, common_cf: str, configs: Sequence[Config]):
        super().__init__(common_cf, _master_cf(configs))

    def warm_up(self, configs: Sequence[Config]) -> None:
        """Starts all postscreens, which master does only when somebody connects.

        Without that the first clients would wait for it, and be faster than their tests.
        """
        with contextlib.ExitStack() as stack:
            sockets = []
            for config in configs:
                client = stack.enter_context(socket.socket())
                client.settimeout(WARM_UP_SECONDS)
                client.bind((WARM_UP_CLIENT, 0))
                client.connect((LOOPBACK4, config.postscreen_port))
                sockets.append(client)
            for client in sockets:
                client.recv(1)

    def pass_service(self, side: str, config: Config) -> Path:
        return self.directory / "spool" / "private" / service_name(side, config)

    def cache_dump(self, config: Config) -> str:
        """What postscreen remembers, as `postmap -s` says it. It must have been stopped."""
        file = self.directory / "data" / f"cache-{config.name}"
        if not file.with_name(file.name + ".db").exists():
            return ""
        postmap = require_program("postmap", "postfix")
        return run([postmap, "-c", self._etc, "-s", f"btree:{file}"])


def remembered_name(client: str) -> str:
    """Under which name a client is looked for in what is remembered: both remember each address."""
    return str(ipaddress.ip_address(client))


def parse_cache(dump: str) -> Remembered:
    """postscreen's cache: five expiry times for each client."""
    entries = (line.split(None, 1) for line in dump.splitlines())
    return {
        remembered_name(key): tuple(int(time) for time in value.split(";"))
        for key, value in entries
        if not key.startswith("_")
    }


class Migrated(Fendmail):
    """fendmail with a configuration that was migrated, and over it what cannot come from there.

    Ports, paths, name servers and targets of the log are the test's own. Late lists are not waited
    for, as postscreen does not; e2e tests show what fendmail does otherwise.
    """

    def __init__(self, directory: Path, config: Config, text: str, backend: Path, resolver: str):
        super().__init__(directory)
        self._text = text
        port = config.fendmail_port
        listen = [f"{LOOPBACK4}:{port}", f"{BACKUP4}:{port}", f"[{LOOPBACK6}]:{port}"]
        self.settings: Settings = {
            "server": {"listen": listen, "workers": 2, "user": ""},
            "backend": {"kind": "postfix-pass", "address": f"unix:{backend}"},
            # postscreen's way; migrate writes "wait" and says so.
            "dnsbl": {"resolvers": [resolver], "late": "pass"},
            "store": {"kind": "lmdb", "path": str(self.store_path)},
            "log": {
                "format": "postscreen",
                "ident": LOG_IDENT,
                "target": f"file:{self.log.path}",
            },
            "admin": {"listen": ""},
        }
        if "postscreen_upstream_proxy_protocol" in config.parameters:
            self.settings["proxy_protocol"] = {"trusted": ["127.0.0.0/8"]}

    def write_config(self, *settings: Settings) -> None:
        overlay = self.directory / "conf.d" / "overlay.toml"
        overlay.parent.mkdir(exist_ok=True)
        self.settings = merged(self.settings, *settings)
        overlay.write_text(to_toml(self.settings), encoding="utf-8")
        self.config_path.write_text(self._text, encoding="utf-8")


def read_store(path: Path) -> Remembered:
    """fendmail's store: the same, read without fendmail."""
    if not path.exists():
        return {}
    dump = run([require_program("mdb_dump", "lmdb-utils"), "-n", path])
    data = [bytes.fromhex(line) for line in re.findall(r"^ ([0-9a-f]+)$", dump, re.M)]
    pairs = zip(data[::2], data[1::2], strict=True)
    return dict(_decode_record(key, value) for key, value in pairs if key[:1] in _FAMILIES)


# The first octet of a client's key; others are the store's own.
_FAMILIES = {b"4": 4, b"6": 16}


def _decode_record(key: bytes, value: bytes) -> tuple[str, tuple[int, ...]]:
    """core/screen/client_key and core/screen/client_record."""
    octets = key[2 : 2 + _FAMILIES[key[:1]]]
    version, tests, times = value[0], value[1], value[2:]
    assert version == 1 and len(times) == 8 * tests, f"unknown record {value.hex()}"
    each = (int.from_bytes(times[n : n + 8], "big") for n in range(0, len(times), 8))
    assert key[1] == {b"4": 32, b"6": 128}[key[:1]], f"unknown network {key.hex()}"
    return str(ipaddress.ip_address(octets)), tuple(each)


def migrate(directory: Path, common_cf: str, config: Config) -> str:
    """What `fendmail migrate` makes of the configuration."""
    main_cf, master_cf = directory / "main.cf", directory / "master.cf"
    main_cf.write_text(common_cf + config.main_cf, encoding="ascii")
    master_cf.write_text(_MIGRATED_MASTER_CF, encoding="ascii")
    done = run_command("migrate", str(main_cf), str(master_cf))
    assert done.returncode == 0, f"{config.name}: migrate: {done.stdout}{done.stderr}"
    return done.stdout


def import_cache(directory: Path, dump: str) -> Remembered:
    """What is in a new store when `fendmail migrate --cache` has read the dump."""
    cache, config, store = (directory / name for name in ("dump", "fendmail.toml", "clients.lmdb"))
    cache.write_text(dump, encoding="ascii")
    # As migrate writes it; the longest TTL of the catalogue, or a longer pass would count for none.
    settings = {
        "store": {"path": str(store), "ipv6_prefix": 128},
        "dnsbl": {"max_ttl": "2h"},
    }
    config.write_text(to_toml(settings), encoding="ascii")
    done = run_command("migrate", "--cache", str(cache), "--config", str(config))
    assert done.returncode == 0, f"migrate --cache: {done.stdout}{done.stderr}"
    return read_store(store)


# What a usual master.cf has in place of our many services.
_MIGRATED_MASTER_CF = """\
smtp inet n - n - 1 postscreen
smtpd pass - - n - - smtpd
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
"""
