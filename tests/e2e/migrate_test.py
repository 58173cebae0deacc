#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fendmail migrate: examples with their exact results, and Postfix's own tools as the judge.

migrate/NN-name/ holds main.cf, master.cf or postconf-n and tables as under /etc/postfix; expected/
is what comes out, with the warnings in a file of that name. To make it anew, in the example:
    fendmail migrate --config-dir . --output expected --force FILES 2> expected/warnings
"""

import ipaddress
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import time
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail import binary, run_command
from fendmail_test.fendmail_case import CLIENT, OTHER, TEASER, FendmailCase
from fendmail_test.process import require_program, run
from fendmail_test.tls import make_certificate, make_chain_file

HERE = Path(__file__).resolve().parent
EXAMPLES = sorted(path for path in (HERE / "migrate").iterdir() if path.is_dir())
INPUTS = ("main.cf", "master.cf", "postconf-n")
DOCS = HERE.parents[1] / "docs" / "from-postscreen.md"
WARNING = r"(\S.*:\d+|fendmail migrate): warning: \S.*"


def inputs_of(example: Path) -> list[str]:
    return [name for name in INPUTS if (example / name).exists()]


def migrate(example: Path, output: Path) -> subprocess.CompletedProcess[str]:
    arguments = ["migrate", "--config-dir", ".", "--output", str(output), *inputs_of(example)]
    return run_command(*arguments, cwd=example)


def files_in(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in directory.iterdir()}


class Examples(Case):
    def test_there_are_ten_and_each_is_complete(self) -> None:
        self.assertGreaterEqual(len(EXAMPLES), 10)
        for example in EXAMPLES:
            with self.subTest(example.name):
                self.assertTrue(inputs_of(example))
                self.assertTrue((example / "expected" / "fendmail.toml").exists())

    def test_each_gives_exactly_what_is_expected(self) -> None:
        for example in EXAMPLES:
            with self.subTest(example.name):
                output = self.directory("migrate")
                done = migrate(example, output)
                self.assertEqual(done.returncode, 0, done.stderr)
                wanted = files_in(example / "expected")
                self.assertEqual(done.stderr, wanted.pop("warnings"))
                self.assertEqual(files_in(output), wanted)
                names = re.findall(r"^wrote (\S+)$", done.stdout, re.M)
                self.assertEqual({Path(name).name for name in names}, set(wanted))

    def test_check_takes_each_result(self) -> None:
        tls = self.directory("tls")
        make_certificate(tls, "mx.example.org")
        (tls / "cert.pem").rename(tls / "mail.pem")
        (tls / "key.pem").rename(tls / "mail.key")
        for kind in ("rsa", "ecdsa"):
            make_chain_file(tls, "mx.example.org", kind, f"{kind}.pem")
        for example in EXAMPLES:
            with self.subTest(example.name):
                output = self.directory("migrate")
                shutil.copytree(example / "expected", output, dirs_exist_ok=True)
                config = output / "fendmail.toml"
                text = config.read_text("utf-8").replace("/etc/postfix/tls/", f"{tls}/")
                config.write_text(text, "utf-8")
                done = run_command("check", "-c", str(config))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.splitlines()[-1], f"{config}: ok")

    def test_warnings_have_a_place_and_no_key_of_a_zone(self) -> None:
        for example in EXAMPLES:
            for line in (example / "expected" / "warnings").read_text("utf-8").splitlines():
                self.assertRegex(line, f"^{WARNING}$")
                self.assertNotRegex(line, r"abcdefghij|k3y9k3y9")

    def test_without_output_all_networks_are_in_the_file(self) -> None:
        example = HERE / "migrate" / "03-weighted-lists"
        done = run_command("migrate", "--config-dir", ".", *inputs_of(example), cwd=example)
        self.assertEqual(done.returncode, 0, done.stderr)
        rules = tomllib.loads(done.stdout)["access"]["rules"]
        self.assertEqual(sum(rule.startswith("permit 198.51.") for rule in rules), 40)
        self.assertFalse([rule for rule in rules if "file:" in rule])


# ── what Postfix itself says ──────────────────────────────────────────────────────────────────────


def postconf(directory: Path, *arguments: str) -> dict[str, str]:
    """name → value, with blanks made one; only reads files, and touches no mail system."""
    command = [require_program("postconf", "postfix"), "-c", str(directory), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=30, check=True
    )
    return dict(parse_values(done.stdout))


def parse_values(text: str):
    for line in text.splitlines():
        name, separator, value = line.partition(" =")
        if separator:
            yield name, " ".join(value.split())


# Nothing of Postfix's own is in the files that migrate reads.
VERSION_DEPENDENT = {"mail_version"}

SMALL = (
    "compatibility_level = 2\n",
    "mydomain = example.org\n",
    "myhostname = foo.bar.example\nmynetworks_style = class\n",
    "mynetworks_style = host\ninet_interfaces = loopback-only\n",
    "mynetworks_style = subnet\ninet_protocols = ipv4\nmyhostname = x\n",
    "myhostname = h.$mydomain\n",
    "d = x.example\nmyhostname = h.$d\n",
    "compatibility_level = 3.11\nbanner = ${{$compatibility_level} <level {3.9}?{old}:{new}}\n"
    "smtpd_banner = ${banner:none} ${nothing?x}${nothing:y} $$ $(banner) ${{b} > {a} ? {1}}\n",
)


def make_old(path: Path) -> None:
    """Postfix reads a file again and again until it is two seconds old."""
    os.utime(path, (0, 0))


class AgainstPostfix(Case):
    def write_main_cf(self, text: str) -> Path:
        directory = self.directory("postfix")
        (directory / "main.cf").write_text(text, "utf-8")
        (directory / "master.cf").touch()
        make_old(directory / "main.cf")
        return directory

    def assert_expands_alike(self, directory: Path, at_least: int) -> None:
        done = run_command(
            "migrate", "--parameters", "--config-dir", str(directory), str(directory / "main.cf")
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        ours = dict(parse_values(done.stdout))
        theirs = postconf(directory, "-x")
        common = (ours.keys() & theirs.keys()) - VERSION_DEPENDENT
        self.assertGreater(len(common), at_least)
        self.assertEqual(
            {name: ours[name] for name in sorted(common)},
            {name: theirs[name] for name in sorted(common)},
        )

    def main_cf_of(self, example: Path) -> str:
        if (example / "main.cf").exists():
            text = (example / "main.cf").read_text("utf-8")
            return text.replace("not a parameter\n", "")  # which Postfix does not take either
        lines = (example / "postconf-n").read_text("utf-8").splitlines(keepends=True)
        return "".join(line for line in lines if re.match(r"\w+ =", line))

    def test_every_example_expands_as_in_postfix(self) -> None:
        for example in EXAMPLES:
            with self.subTest(example.name):
                self.assert_expands_alike(self.write_main_cf(self.main_cf_of(example)), 90)

    def test_host_name_and_networks_are_those_of_postfix(self) -> None:
        for text in SMALL:
            with self.subTest(text):
                self.assert_expands_alike(self.write_main_cf(text), 90)

    def test_times_under_stress_are_those_of_postfix(self) -> None:
        keys = {
            "postscreen_greet_wait": ("greet", "wait"),
            "postscreen_command_time_limit": ("dialog", "command_time_limit"),
        }
        for example in EXAMPLES:
            if not (example / "main.cf").exists() or example.name == "11-everything-else":
                continue
            directory = self.write_main_cf(self.main_cf_of(example))
            made = tomllib.loads((example / "expected" / "fendmail.toml").read_text("utf-8"))
            for name, (section, key) in keys.items():
                for stress, suffix in (("", ""), ("yes", "_under_stress")):
                    with self.subTest(example.name, name=name, stress=stress):
                        theirs = postconf(directory, "-o", f"stress={stress}", "-x", name)[name]
                        usual = {"": ("6s", "5m"), "yes": ("2s", "10s")}[stress]
                        default = usual[0] if section == "greet" else usual[1]
                        ours = made.get(section, {}).get(key + suffix, default)
                        self.assertEqual(seconds(ours), seconds(theirs))

    def test_documented_defaults_are_those_of_postfix(self) -> None:
        rows = re.findall(r"^\| `(\w+)` \| (`[^`]*`|empty) \|", DOCS.read_text("utf-8"), re.M)
        documented = {name: cell.strip("`").replace("\\|", "|") for name, cell in rows}
        theirs = postconf(self.write_main_cf(""), "-d")
        common = documented.keys() & theirs.keys()
        self.assertGreater(len(common), 85)
        for name in sorted(common):
            with self.subTest(name):
                value = "" if documented[name] == "empty" else documented[name]
                self.assertEqual(value, theirs[name])

    def test_no_parameter_of_this_postfix_is_forgotten(self) -> None:
        known = set(re.findall(r"^\| `(\w+)` \|", DOCS.read_text("utf-8"), re.M))
        theirs = postconf(self.write_main_cf(""), "-d")
        self.assertFalse({name for name in theirs if name.startswith("postscreen_")} - known)


def seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


# ── access lists ─────────────────────────────────────────────────────────────────────────────────


class Rules:
    """access.rules of a fendmail.toml: the first that matches decides."""

    def __init__(self, directory: Path) -> None:
        self._rules = []
        text = (directory / "fendmail.toml").read_text("utf-8")
        for rule in tomllib.loads(text)["access"]["rules"]:
            decision, _, what = rule.partition(" ")
            if what.startswith("file:"):
                lines = (directory / what[5:]).read_text("ascii").splitlines()
                nets = [line for line in lines if line and not line.startswith("#")]
            else:
                nets = [what]
            self._rules.append((decision, [ipaddress.ip_network(net) for net in nets]))

    def networks(self):
        return [net for _, nets in self._rules for net in nets]

    def decide(self, client) -> str:
        for decision, nets in self._rules:
            if any(client in net for net in nets if net.version == client.version):
                return decision
        return "none"


class AccessLists(Case):
    """Example 05, with Postfix's own tables asked about every edge."""

    EXAMPLE = HERE / "migrate" / "05-nested-access"
    # Its access list up to pcre:, which cannot be translated: nothing behind it is active.
    ORDER = ("cidr:{ {198.18.0.0/15 reject}, {192.0.2.250/31 dunno} }", "permit_mynetworks",
             "inline:{ {203.0.113.5 = permit}, 203.0.113.6=reject }", "hash:single-addresses",
             "cidr:access.cidr", "cidr:long.cidr")  # fmt: skip
    NOT_MINE = ("10.9.9.0/24", "192.0.2.64/26")
    MINE = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "192.0.2.128/25", "192.0.2.0/24",
            "2001:db8:1::/48")  # fmt: skip

    def setUp(self) -> None:
        self.tables = self.directory("tables")
        for name in ("single-addresses", "access.cidr", "long.cidr"):
            shutil.copy(self.EXAMPLE / name, self.tables)
        (self.tables / "main.cf").write_text("compatibility_level = 3.6\n", "ascii")
        make_old(self.tables / "main.cf")
        self.postmap("hash:single-addresses")

    def postmap(self, *arguments: str, keys: str = "") -> str:
        command = [require_program("postmap", "postfix"), "-c", str(self.tables), *arguments]
        done = subprocess.run(
            command, input=keys, capture_output=True, text=True, timeout=60, cwd=self.tables,
            check=False,
        )  # fmt: skip
        # With "-q -" the exit code only says that not all keys were found.
        self.assertNotRegex(done.stderr, r"fatal|error")
        return done.stdout

    def answers(self, table: str, clients: list[str]) -> dict[str, str]:
        out = self.postmap("-q", "-", table, keys="".join(f"{client}\n" for client in clients))
        return dict(line.split("\t", 1) for line in out.splitlines())

    def is_mine(self, client) -> bool:
        def within(nets) -> bool:
            return any(client in ipaddress.ip_network(net) for net in nets)

        # In the order of main.cf: both exclusions stand before the networks that they cut.
        if client in ipaddress.ip_network("192.0.2.128/25"):
            return True
        return within(self.MINE) and not within(self.NOT_MINE)

    def evaluate(self, words: list[str], client, tables, nested: bool = False) -> str:
        """The outcome, "next" for none, "stop" for the end of the whole search."""
        for word in words:
            if word.lower() in ("permit", "reject"):
                return word.lower()
            if word == "dunno":
                return "next" if nested else "stop"
            if word == "permit_mynetworks":
                if self.is_mine(client):
                    return "permit"
            elif word in tables:
                found = tables[word].get(str(client))
                if found is None:
                    continue
                inner = self.evaluate(re.split(r"[,\s]+", found), client, tables, True)
                if inner != "next":
                    return inner
            elif word != "dunno-for-all":
                return "stop"
        return "next"

    def test_every_edge_decides_as_in_postfix(self) -> None:
        rules = Rules(self.EXAMPLE / "expected")
        clients = sorted(
            {
                str(address)
                for net in rules.networks() + [ipaddress.ip_network(net) for net in self.MINE]
                for at in (net.network_address, net.broadcast_address)
                for address in self.around(at)
            }
        )
        self.assertGreater(len(clients), 300)
        tables = {
            word: self.answers(word, clients)
            for word in self.ORDER
            if ":" in word
        }
        self.assertTrue(all(tables.values()), "a table answers nothing")
        seen = set()
        for text in clients:
            client = ipaddress.ip_address(text)
            wanted = self.evaluate(list(self.ORDER), client, tables)
            wanted = "none" if wanted in ("stop", "next") else wanted
            seen.add(wanted)
            self.assertEqual(rules.decide(client), wanted, text)
        self.assertEqual(seen, {"permit", "reject", "none"})

    @staticmethod
    def around(address):
        """The address and its neighbours, where there are any."""
        for step in (-1, 0, 1):
            number = int(address) + step
            if 0 <= number < 2**address.max_prefixlen:
                yield type(address)(number)


# ── the command line ─────────────────────────────────────────────────────────────────────────────


class CommandLine(Case):
    MAIN_CF = "myhostname = mx.example.org\nmynetworks = 127.0.0.1\n"

    def pipe(self, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(binary()), "migrate", *arguments],
            input=text, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    def test_reads_standard_input(self) -> None:
        for arguments in ([], ["-"]):
            done = self.pipe(self.MAIN_CF, *arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(tomllib.loads(done.stdout)["server"]["hostname"], "mx.example.org")
            self.assertIn("(standard input:1)", done.stdout)

    def test_what_is_no_configuration_is_refused(self) -> None:
        for text in ("", "# nothing\n", "hello world\n", "\x00\x01\x02"):
            done = self.pipe(text)
            self.assertEqual((done.returncode, done.stdout), (1, ""), text)
            self.assertIn("neither a parameter nor a service was found", done.stderr)

    def test_missing_file(self) -> None:
        done = run_command("migrate", "/nonexistent/main.cf")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(
            done.stderr,
            "fendmail migrate: cannot read /nonexistent/main.cf: No such file or directory\n",
        )

    def test_files_are_overwritten_only_by_force(self) -> None:
        output = self.directory() / "new" / "etc"
        arguments = ("--output", str(output))
        self.assertEqual(self.pipe(self.MAIN_CF, *arguments).returncode, 0)
        (output / "fendmail.toml").write_text("mine", "ascii")
        done = self.pipe(self.MAIN_CF, *arguments)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is there already; --force overwrites it", done.stderr)
        self.assertEqual((output / "fendmail.toml").read_text("ascii"), "mine")
        self.assertEqual(self.pipe(self.MAIN_CF, *arguments, "--force").returncode, 0)
        self.assertIn("mx.example.org", (output / "fendmail.toml").read_text("utf-8"))

    def test_an_access_file_that_is_there_keeps_all_from_being_written(self) -> None:
        example = HERE / "migrate" / "03-weighted-lists"
        output = self.directory()
        (output / "postscreen_access-1-permit.cidr").touch()
        self.assertEqual(migrate(example, output).returncode, 1)
        self.assertEqual(len(list(output.iterdir())), 1)

    def test_tables_are_looked_for_beside_a_main_cf_elsewhere(self) -> None:
        directory = self.directory()
        text = "postscreen_access_list = cidr:$config_directory/a, cidr:/etc/postfix/no-such-file\n"
        (directory / "main.cf").write_text(self.MAIN_CF + text, "ascii")
        (directory / "a").write_text("192.0.2.0/24 reject\n", "ascii")
        done = run_command("migrate", str(directory / "main.cf"))
        self.assertEqual(tomllib.loads(done.stdout)["access"]["rules"], ["reject 192.0.2.0/24"])
        self.assertRegex(done.stderr, r"main.cf:3: warning: cannot read /etc/postfix/no-such-file")

    def test_mistakes_exit_with_2(self) -> None:
        for arguments in (["--nonsense"], ["--output"], ["--cache", "x", "main.cf"]):
            done = run_command("migrate", *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)

    def test_help_names_the_options(self) -> None:
        done = run_command("migrate", "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for option in ("--config-dir", "--output", "--force", "--cache", "--parameters"):
            self.assertIn(option, done.stdout)

    def test_the_table_is_the_one_in_the_docs(self) -> None:
        done = run_command("migrate", "--table")
        self.assertEqual(done.returncode, 0)
        self.assertIn(done.stdout, DOCS.read_text("utf-8"))


# ── the cache ────────────────────────────────────────────────────────────────────────────────────


class Cache(FendmailCase):
    """Caches made by Postfix's own tools, in directories of the test."""

    def dump(self, text: str, kind: str = "btree") -> Path:
        """What `postmap -s` prints of a cache with these lines."""
        directory = self.directory("cache")
        (directory / "main.cf").write_text("compatibility_level = 3.6\n", "ascii")
        make_old(directory / "main.cf")
        (directory / "postscreen_cache").write_text(text, "ascii")
        postmap = [require_program("postmap", "postfix"), "-c", directory]
        run([*postmap, f"{kind}:postscreen_cache"], cwd=directory)
        shown = run([*postmap, "-s", f"{kind}:postscreen_cache"], cwd=directory)
        (directory / "dump").write_text(shown, "ascii")
        return directory / "dump"

    def import_dump(self, config: Path, dump: Path) -> subprocess.CompletedProcess[str]:
        return run_command("migrate", "--cache", str(dump), "--config", str(config))

    def assert_imported(self, done: subprocess.CompletedProcess[str], *counts: int) -> None:
        """Imported, known before, stale, bad."""
        self.assertEqual(done.returncode, 0, done.stderr)
        wanted = (
            r"^\S+clients\.lmdb: {} clients imported \({} of them were known\), {} past their "
            r"retention, {} bad lines\n$"
        )
        self.assertRegex(done.stdout, wanted.format(*counts))

    def assert_greets_at_once(self, fendmail, source: str) -> None:
        with fendmail.client(source) as client:
            self.assert_has_no_teaser(self.read_greeting(client))
            self.wait_for_pass(fendmail, client, "OLD")

    def test_known_clients_stay_known(self) -> None:
        now = int(time.time())
        dump = self.dump(
            f"{CLIENT}\t{now + 3600};{now + 3600};1;1;1\n"
            f"127.0.2.1 {now - 100};{now + 3600};1;1;1\n"
            f"127.0.2.2 {now - 9 * 86400};0;0;0;0\n"
            f"_LAST_CACHE_CLEANUP_COMPLETED_ {now}\n"
        )
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        self.assert_imported(self.import_dump(fendmail.config_path, dump), 2, 0, 1, 0)
        with fendmail:
            self.assert_greets_at_once(fendmail, CLIENT)
            # Its pregreet pass has expired.
            with fendmail.client("127.0.2.1") as client:
                self.assertEqual(client.read_line(), TEASER)
            with fendmail.client("127.0.2.2") as client:
                self.assertEqual(client.read_line(), TEASER)

    def test_a_running_fendmail_sees_them_at_once(self) -> None:
        now = int(time.time())
        dump = self.dump(f"{OTHER} {now + 3600};{now + 3600}\n")
        fendmail = self.start_fendmail(self.start_sink().config)
        self.become_known(fendmail, CLIENT)
        self.assert_imported(self.import_dump(fendmail.config_path, dump), 1, 0, 0, 0)
        self.assert_greets_at_once(fendmail, OTHER)
        self.assert_greets_at_once(fendmail, CLIENT)

    def test_the_later_end_of_each_pass_stays(self) -> None:
        now = int(time.time())
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        early = self.dump(f"{CLIENT} {now + 3600};{now - 60};1;1;1\n{OTHER} {now + 9};1\n")
        late = self.dump(f"{CLIENT} {now - 60};{now + 3600};1;1;1\n")
        self.assert_imported(self.import_dump(fendmail.config_path, early), 2, 0, 0, 0)
        self.assert_imported(self.import_dump(fendmail.config_path, late), 1, 1, 0, 0)
        with fendmail:
            self.assert_greets_at_once(fendmail, CLIENT)

    def test_bad_lines_are_told_by_their_numbers_and_skipped(self) -> None:
        now = int(time.time())
        dump = self.directory() / "dump"
        lines = [f"{CLIENT} {now + 3600};1;1;1;1", "mx.example.org 1;1;1;1;1", "192.0.2.1 x"]
        dump.write_text("\n".join(lines + ["192.0.2.2"] * 30), "ascii")
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        done = self.import_dump(fendmail.config_path, dump)
        self.assert_imported(done, 1, 0, 0, 32)
        told = done.stderr.splitlines()
        self.assertEqual(told[0], "line 2: does not begin with an address: skipped")
        self.assertEqual(told[1], "line 3: holds something that is no time: skipped")
        self.assertEqual(told[20:], ["and 12 more bad lines"])

    def test_a_hundred_thousand_clients_take_seconds(self) -> None:
        now = int(time.time())
        text = "".join(
            f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\t{now + 3600};{now + 60};1;1;1\n"
            for n in range(100_000)
        )
        dump = self.directory() / "dump"
        dump.write_text(text, "ascii")
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        begun = time.monotonic()
        self.assert_imported(self.import_dump(fendmail.config_path, dump), 100_000, 0, 0, 0)
        # Under sanitizers and beside other tests as well.
        self.assertLess(time.monotonic() - begun, 25)

    def test_only_a_file_can_be_imported_into(self) -> None:
        dump = self.dump(f"{CLIENT} {int(time.time()) + 3600};1\n")
        for kind in ("memory", "none"):
            fendmail = self.make_fendmail(self.start_sink().config, {"store": {"kind": kind}})
            fendmail.write_config()
            done = self.import_dump(fendmail.config_path, dump)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f'store.kind is "{kind}"', done.stderr)

    def test_what_holds_no_client_is_no_dump(self) -> None:
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        dump = self.directory() / "dump"
        dump.write_text("hello\n", "ascii")
        for path in (dump, dump.with_name("missing")):
            done = self.import_dump(fendmail.config_path, path)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertNotEqual(done.stderr, "")

    def test_root_leaves_a_store_that_its_owner_can_write(self) -> None:
        if os.geteuid() != 0:
            self.fail("needs root, as mail servers do")
        owner = pwd.getpwnam("postfix")
        dump = self.dump(f"{CLIENT} {int(time.time()) + 3600};1\n")
        dump.chmod(0o600)
        for how in ("directory", "server.user"):
            with self.subTest(how):
                store = self.directory("store")
                if how == "directory":
                    os.chown(store, owner.pw_uid, owner.pw_gid)
                else:
                    store.chmod(0o777)
                settings = {"store": {"path": str(store / "clients.lmdb")}}
                fendmail = self.make_fendmail(self.start_sink().config, settings)
                user = {"server": {"user": "postfix"}} if how == "server.user" else {}
                fendmail.write_config(user)
                self.assert_imported(self.import_dump(fendmail.config_path, dump), 1, 0, 0, 0)
                made = (store / "clients.lmdb").stat()
                self.assertEqual(made.st_uid, owner.pw_uid)
                self.assertEqual(stat.S_IMODE(made.st_mode) & 0o077, 0)


if __name__ == "__main__":
    main()
