#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fendmail migrate: examples with their exact results, and Postfix's own tools as the judge.

migrate/NN-name/ holds main.cf, master.cf, postconf-n or postconf-j, and tables as under
/etc/postfix; `options` has further options. expected/ is what comes out, with the warnings in a
file of that name; /etc/fendmail stands for the directory of the output. Nothing writes there: who
changes what comes out makes it anew beside it, reads each line that differs, and copies it:
    fendmail migrate --config-dir . --output new $(cat options) FILES 2> new/warnings
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail import run_command
from fendmail_test.migration import (
    DOCS,
    EXAMPLES,
    EXAMPLES_FOLDER,
    USUAL_OUTPUT,
    files_in,
    inputs_of,
    make_old,
    marked_texts,
    migrate,
)
from fendmail_test.process import require_program
from fendmail_test.tls import make_certificate, make_chain_file

# The keys of lists that are in the examples.
KEYS = r"abcdefghij|k3y9k3y9|shortkey"
WARNING = r"(\S.*:\d+|fendmail migrate): warning: \S.*"


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
        example = EXAMPLES_FOLDER / "03-weighted-lists"
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


if __name__ == "__main__":
    main()
