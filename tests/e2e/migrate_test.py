#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fendmail migrate: examples with their exact results, and Postfix's own tools as the judge.

migrate/NN-name/ holds main.cf, master.cf, postconf-n or postconf-j, and tables as under
/etc/postfix; `options` has further options. expected/ is what comes out, with the warnings in a
file of that name; /etc/fendmail stands for the directory of the output. Nothing writes there: who
changes what comes out makes it anew beside it, reads each line that differs, and copies it:
    fendmail migrate --config-dir . --output new $(cat options) FILES 2> new/warnings
"""

import ipaddress
import json
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
INPUTS = ("main.cf", "master.cf", "postconf-n", "postconf-j")
# What the expected files call the directory of the output.
USUAL_OUTPUT = "/etc/fendmail"
DOCS = HERE.parents[1] / "docs" / "from-postscreen.md"
# The keys of lists that are in the examples.
KEYS = r"abcdefghij|k3y9k3y9|shortkey"
WARNING = r"(\S.*:\d+|fendmail migrate): warning: \S.*"


def inputs_of(example: Path) -> list[str]:
    return [name for name in INPUTS if (example / name).exists()]


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


def split_chain_file(chain: Path) -> None:
    """NAME-key.pem and NAME-cert.pem beside NAME.pem."""
    text = chain.read_text("ascii")
    for kind, name in (("PRIVATE KEY", "key"), ("CERTIFICATE", "cert")):
        pattern = rf"-----BEGIN [A-Z ]*{kind}-----.*?-----END [A-Z ]*{kind}-----\n"
        blocks = re.findall(pattern, text, re.S)
        file = chain.with_name(f"{chain.stem}-{name}.pem")
        file.write_text("".join(blocks), "ascii")
        file.chmod(0o600)


class Examples(Case):
    def test_there_are_fifty_and_each_is_complete(self) -> None:
        self.assertGreaterEqual(len(EXAMPLES), 50)
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
                wanted = files_in(example / "expected", str(example / "expected"))
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
            split_chain_file(make_chain_file(tls, "mx.example.org", kind, f"{kind}.pem"))
        for example in EXAMPLES:
            with self.subTest(example.name):
                output = self.directory("migrate")
                shutil.copytree(example / "expected", output, dirs_exist_ok=True)
                config = output / "fendmail.toml"
                text = config.read_text("utf-8").replace("/etc/postfix/tls/", f"{tls}/")
                config.write_text(text.replace(USUAL_OUTPUT, str(output)), "utf-8")
                done = run_command("check", "-c", str(config))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.splitlines()[-1], f"{config}: ok")

    def test_warnings_have_a_place_and_no_key_of_a_zone(self) -> None:
        for example in EXAMPLES:
            for line in (example / "expected" / "warnings").read_text("utf-8").splitlines():
                self.assertRegex(line, f"^{WARNING}$")
                self.assertNotRegex(line, KEYS)

    def test_keys_of_lists_stand_in_their_own_files_alone(self) -> None:
        for example in EXAMPLES:
            with self.subTest(example.name):
                files = files_in(example / "expected")
                has_key = any(
                    re.search(KEYS, (example / name).read_text("utf-8"))
                    for name in inputs_of(example)
                )
                self.assertEqual(has_key, any(name.endswith(".key") for name in files))
                for name, text in files.items():
                    if not name.endswith(".key"):
                        self.assertNotRegex(text, KEYS)

    def test_each_warning_stands_in_the_file_as_well(self) -> None:
        for example in EXAMPLES:
            files = files_in(example / "expected")
            marked = marked_texts(files["fendmail.toml"])
            for line in files["warnings"].splitlines():
                with self.subTest(example.name, warning=line):
                    text = line.partition(" warning: ")[2]
                    gist = text.partition(": ")[2] or text
                    self.assertTrue(any(gist in one for one in marked))

    def test_the_usual_run_needs_no_user_and_no_rights_of_postfix(self) -> None:
        for example in EXAMPLES:
            with self.subTest(example.name):
                made = tomllib.loads((example / "expected" / "fendmail.toml").read_text("utf-8"))
                self.assertFalse({"user", "groups"} & made["server"].keys())
                self.assertNotIn("/private/", made["backend"]["address"])

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
        version = postconf(directory, "-d", "mail_version")["mail_version"]
        main_cf = (directory / "main.cf").read_text("utf-8")
        unknown = {"mail_version"}
        if "$mail_version" in main_cf and "mail_version =" not in main_cf:
            # Nothing of Postfix's own is in the files that migrate reads.
            theirs = {
                name: " ".join(value.replace(version, "").split())
                for name, value in theirs.items()
            }
        if "default_cache_db_type =" in main_cf and "default_cache_db_type" not in theirs:
            unknown.add("postscreen_cache_map")  # this Postfix is older than that
        common = (ours.keys() & theirs.keys()) - unknown
        self.assertGreater(len(common), at_least)
        self.assertEqual(
            {name: ours[name] for name in sorted(common)},
            {name: theirs[name] for name in sorted(common)},
        )

    def main_cf_of(self, example: Path) -> str:
        if (example / "main.cf").exists():
            text = (example / "main.cf").read_text("utf-8")
            return text.replace("not a parameter\n", "")  # which Postfix does not take either
        if (example / "postconf-j").exists():
            lines = (example / "postconf-j").read_text("utf-8").splitlines()
            pairs = [pair for line in lines for pair in json.loads(line).items()]
            return "".join(f"{name} = {value}\n" for name, value in pairs if "/" not in name)
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
                        # Postfix looks no further than the unit.
                        self.assertEqual(seconds(ours), seconds(theirs.split()[0]))

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

    def test_mapped_networks_mean_what_postmap_says(self) -> None:
        example = HERE / "migrate" / "33-mapped-networks"
        shutil.copy(example / "access.cidr", self.tables / "mapped.cidr")
        clients = ["10.1.1.1", "11.1.1.1", "192.0.2.1", "198.51.100.1", "2001:db8::1", "fe80::1"]
        answers = self.answers("cidr:mapped.cidr", clients)
        rules = Rules(example / "expected")
        for client in clients:
            with self.subTest(client):
                wanted = answers.get(client, "none")
                self.assertEqual(rules.decide(ipaddress.ip_address(client)), wanted)
        self.assertEqual(set(answers), {"198.51.100.1", "2001:db8::1", "fe80::1"})

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
            self.assertIn("nothing of postscreen was found", done.stderr)

    def test_what_has_parameters_but_none_of_postscreen_is_none_either(self) -> None:
        directory = self.directory()
        (directory / "main.cf").write_text('NAME="Debian GNU/Linux"\nID=debian\n', "ascii")
        done = run_command("migrate", str(directory / "main.cf"))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("nothing of postscreen was found", done.stderr)

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

    def configuration(self, access_list: str, **tables: str) -> Path:
        """A directory with main.cf and tables, below a place that is no system's own."""
        directory = self.directory() / "copied"
        directory.mkdir()
        text = f"postscreen_access_list = {access_list}\n"
        (directory / "main.cf").write_text(self.MAIN_CF + text, "ascii")
        for name, content in tables.items():
            (directory / name).write_text(content, "ascii")
        return directory

    def rules_of(self, *arguments: str, cwd: Path | None = None) -> tuple[list[str], str]:
        done = run_command("migrate", *arguments, cwd=cwd)
        self.assertEqual(done.returncode, 0, done.stderr)
        return tomllib.loads(done.stdout)["access"]["rules"], done.stderr

    def test_tables_are_looked_for_beside_a_main_cf_elsewhere(self) -> None:
        directory = self.configuration(
            "cidr:$config_directory/a, cidr:/etc/postfix/b, cidr:/etc/postfix/no-such-file",
            a="192.0.2.0/24 reject\n", b="198.51.100.0/24 reject\n",
        )  # fmt: skip
        rules, told = self.rules_of(str(directory / "main.cf"))
        self.assertEqual(rules, ["reject 192.0.2.0/24", "reject 198.51.100.0/24"])
        self.assertRegex(told, r"main.cf:3: warning: cannot read /etc/postfix/no-such-file")
        self.assertNotIn("read from this machine", told)

    def test_the_configuration_directory_is_named_once(self) -> None:
        directory = self.configuration(
            "cidr:$config_directory/a, cidr:/etc/postfix/b, cidr:b",
            a="192.0.2.0/24 reject\n", b="198.51.100.0/24 reject\n",
        )  # fmt: skip
        wanted = (["reject 192.0.2.0/24", "reject 198.51.100.0/24"], "")
        for name in ("copied", "./copied", "copied/", str(directory)):
            with self.subTest(name):
                arguments = ["--config-dir", name, "copied/main.cf"]
                self.assertEqual(self.rules_of(*arguments, cwd=directory.parent), wanted)

    def test_directories_of_another_machine_can_be_named(self) -> None:
        directory = self.configuration(
            "cidr:/opt/mail/deep/a, cidr:/opt/mail/b, cidr:/opt/mailer/a",
            a="192.0.2.0/24 reject\n", b="198.51.100.0/24 reject\n",
        )  # fmt: skip
        near = f"--map=/opt/mail={directory}"
        deep = ("--map", f"/opt/mail/deep={directory}")
        rules, told = self.rules_of(*deep, near, str(directory / "main.cf"))
        self.assertEqual(rules, ["reject 192.0.2.0/24", "reject 198.51.100.0/24"])
        self.assertIn("cannot read /opt/mailer/a", told)
        done = run_command("migrate", "--map", "/opt/mail", str(directory / "main.cf"))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("--map /opt/mail: write FROM=TO", done.stderr)

    def test_tables_of_this_machine_for_another_configuration_are_told(self) -> None:
        here = self.directory("this") / "table"
        here.write_text("192.0.2.0/24 reject\n", "ascii")
        directory = self.configuration(f"cidr:{here}")
        warning = f"{here}: read from this machine, though the configuration may be another's"
        text = (directory / "main.cf").read_text("ascii")
        done = self.pipe(text)
        self.assertEqual(done.returncode, 0, done.stderr)
        for told, toml in (
            self.rules_of(str(directory / "main.cf"))[::-1],
            (done.stderr, done.stdout),
        ):
            self.assertIn(warning, told)
            self.assertIn("reject 192.0.2.0/24", toml)
        self.assertTrue(any(warning in one for one in marked_texts(done.stdout)))
        # Who says where they are knows whose they are.
        told = self.rules_of("--map", f"{here.parent}={here.parent}", str(directory / "main.cf"))[1]
        self.assertNotIn("read from this machine", told)

    def test_a_postscreen_that_is_not_there_is_named_with_those_that_are(self) -> None:
        directory = self.configuration("")
        (directory / "master.cf").write_text(
            "smtp inet n - y - 1 postscreen\n2525 inet n - y - 1 postscreen\n", "ascii"
        )
        files = [str(directory / "main.cf"), str(directory / "master.cf")]
        done = run_command("migrate", "--service", "2526", *files)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("--service 2526: there is no such postscreen; there is smtp, 2525",
                      done.stderr)  # fmt: skip
        done = run_command("migrate", "--service", "2525", *files)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_keys_of_lists_are_for_fendmail_alone(self) -> None:
        output = self.directory() / "new"
        text = self.MAIN_CF + "postscreen_dnsbl_sites = secret1.zen.dq.spamhaus.net\n"
        for more in ([], ["--force"]):
            done = self.pipe(text, "--output", str(output), *more)
            self.assertEqual(done.returncode, 0, done.stderr)
            key = output / "dq.spamhaus.net.key"
            self.assertEqual(key.read_text("ascii"), "secret1\n")
            self.assertIn(stat.S_IMODE(key.stat().st_mode), (0o600, 0o640))
            key.chmod(0o644)  # which --force does not keep
        self.assertEqual(self.pipe(text, "--output", str(output)).returncode, 1)
        done = run_command("check", "-c", str(output / "fendmail.toml"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("secret1", done.stdout + done.stderr)

    def test_check_warns_of_what_only_this_machine_reaches(self) -> None:
        config = self.directory() / "fendmail.toml"
        backend = '[backend]\naddress = "127.0.0.1:10025"\n'
        warning = "warning: server.listen: only this machine can connect"
        for listen, wanted in (
            ('["127.0.0.1:25", "[::1]:25", "127.0.1.1:25"]', True),
            ('["127.0.0.1:25", "192.0.2.1:25"]', False),
            ('["0.0.0.0:25"]', False),
        ):
            with self.subTest(listen):
                config.write_text(f"[server]\nlisten = {listen}\n{backend}", "ascii")
                done = run_command("check", "-c", str(config))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(warning in done.stderr, wanted)

    def test_mistakes_exit_with_2(self) -> None:
        for arguments in (["--nonsense"], ["--output"], ["--cache", "x", "main.cf"]):
            done = run_command("migrate", *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)

    def test_help_names_the_options(self) -> None:
        done = run_command("migrate", "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for option in ("--config-dir", "--output", "--force", "--cache", "--parameters",
                       "--map", "--service", "--tables"):  # fmt: skip
            self.assertIn(option, done.stdout)

    def test_the_table_is_the_one_in_the_docs(self) -> None:
        done = run_command("migrate", "--table")
        self.assertEqual(done.returncode, 0)
        self.assertIn(done.stdout, DOCS.read_text("utf-8"))


# ── tables that a program rewrites ───────────────────────────────────────────────────────────────


class Tables(Case):
    """`migrate --tables`, as cron runs it behind the program that makes the tables."""

    def setUp(self) -> None:
        self.etc = self.directory("postfix")
        self.output = self.directory("fendmail")
        (self.etc / "main.cf").write_text(
            "compatibility_level = 3.6\nmyhostname = mx.example.org\nmynetworks = 127.0.0.1\n"
            "postscreen_access_list = permit_mynetworks, cidr:$config_directory/made,"
            " cidr:$config_directory/own\n",
            "ascii",
        )
        self.write_table("192.0.2.0/24 permit\n198.51.100.0/24 reject\n")
        (self.etc / "own").write_text("203.0.113.0/24 reject\n", "ascii")
        self.assertEqual(self.migrate().returncode, 0)

    def write_table(self, text: str) -> None:
        (self.etc / "made").write_text(text, "ascii")

    def migrate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        files = ("--output", str(self.output), str(self.etc / "main.cf"))
        return run_command("migrate", *arguments, *files)

    def networks_in(self, name: str) -> list[str]:
        lines = (self.output / name).read_text("ascii").splitlines()
        return [line for line in lines if not line.startswith("#")]

    def assert_untouched(self, done: subprocess.CompletedProcess[str], before: dict) -> None:
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("Nothing was written", done.stderr)
        self.assertEqual(files_in(self.output), before)

    def test_only_what_has_changed_is_written(self) -> None:
        config = self.output / "fendmail.toml"
        config.write_text(config.read_text("utf-8") + "# mine\n", "utf-8")
        self.write_table("192.0.2.0/25 permit\n2001:db8::/32 permit\n198.51.100.0/24 reject\n")
        done = self.migrate("--tables")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, f"wrote {self.output}/made-1-permit.cidr\n")
        self.assertEqual(self.networks_in("made-1-permit.cidr"), ["192.0.2.0/25", "2001:db8::/32"])
        self.assertTrue(config.read_text("utf-8").endswith("# mine\n"))
        self.assertFalse(list(self.output.glob("*.new")))
        check = run_command("check", "-c", str(config))
        self.assertEqual(check.returncode, 0, check.stderr)

    def test_nothing_new_is_nothing_to_say(self) -> None:
        done = self.migrate("--tables")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_a_decision_without_networks_stays_as_an_empty_file(self) -> None:
        self.write_table("192.0.2.0/24 permit\n")
        self.assertEqual(self.migrate("--tables").returncode, 0)
        self.assertEqual(self.networks_in("made-2-reject.cidr"), [])
        check = run_command("check", "-c", str(self.output / "fendmail.toml"))
        self.assertEqual(check.returncode, 0, check.stderr)
        # And comes back.
        self.write_table("192.0.2.0/24 permit\n198.51.100.9 reject\n")
        self.assertEqual(self.migrate("--tables").returncode, 0)
        self.assertEqual(self.networks_in("made-2-reject.cidr"), ["198.51.100.9"])

    def test_what_changes_the_rules_is_an_error(self) -> None:
        before = files_in(self.output)
        # Another part, another order, no table at all.
        for text in (
            "192.0.2.0/24 permit\n198.51.100.0/24 reject\n198.51.0.0/16 permit\n",
            "198.51.100.0/24 reject\n192.0.2.0/24 permit\n",
        ):
            with self.subTest(text):
                self.write_table(text)
                self.assert_untouched(self.migrate("--tables"), before)
        (self.output / "fendmail.toml").unlink()
        self.assertEqual(self.migrate("--tables").returncode, 1)

    def test_a_table_that_is_gone_takes_no_networks_away(self) -> None:
        before = files_in(self.output)
        (self.etc / "made").unlink()
        done = self.migrate("--tables")
        self.assert_untouched(done, before)
        self.assertIn(f"cannot read {self.etc}/made: No such file", done.stderr)

    def test_files_of_others_are_left_alone(self) -> None:
        config = self.output / "fendmail.toml"
        text = config.read_text("utf-8").replace("rules = [", 'rules = [\n"permit file:my.cidr",')
        config.write_text(text, "utf-8")
        (self.output / "my.cidr").write_text("192.0.2.77\n", "ascii")
        self.write_table("192.0.2.0/25 permit\n198.51.100.0/24 reject\n")
        self.assertEqual(self.migrate("--tables").returncode, 0)
        self.assertEqual(self.networks_in("my.cidr"), ["192.0.2.77"])

    def test_the_directory_has_to_be_named(self) -> None:
        done = run_command("migrate", "--tables", str(self.etc / "main.cf"))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("--tables needs --output", done.stderr)


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

    def test_nothing_at_all_is_said_to_be_nothing(self) -> None:
        fendmail = self.make_fendmail(self.start_sink().config)
        fendmail.write_config()
        arguments = ["migrate", "--cache", "-", "--config", str(fendmail.config_path)]
        done = subprocess.run(
            [str(binary()), *arguments],
            input="", capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("nothing came from standard input", done.stderr)
        # A cache that knows nobody yet.
        dump = self.directory() / "dump"
        dump.write_text(f"_LAST_CACHE_CLEANUP_COMPLETED_ {int(time.time())}\n", "ascii")
        self.assert_imported(self.import_dump(fendmail.config_path, dump), 0, 0, 0, 0)

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
