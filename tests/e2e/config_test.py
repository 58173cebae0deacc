#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where settings come from: files, conf.d and the environment; `fendmail config` tells."""

import json
import re
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail import Fendmail, run_command, to_toml
from fendmail_test.fendmail_case import CLIENT, OTHER, FendmailCase


class ConfigCommand(Case):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.directory("etc") / "fendmail.toml"
        self.path.write_text('[greet]\nwait = "3s"\nttl = "2d"\n', encoding="utf-8")
        more = self.path.parent / "conf.d"
        more.mkdir()
        (more / "20.toml").write_text('[greet]\nwait = "5s"\n', encoding="utf-8")
        (more / "10.toml").write_text('[greet]\nwait = "4s"\naction = "drop"\n', encoding="utf-8")

    def show(self, *options: str, **variables: str) -> str:
        done = run_command("config", "-c", str(self.path), *options, variables=variables)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_shows_every_key_with_its_value_and_source(self) -> None:
        text = self.show(FENDMAIL_BACKEND_ADDRESS="192.0.2.1:25")
        folder = re.escape(str(self.path.parent))
        for line in (
            rf'wait = "5s"  # {folder}/conf.d/20\.toml:2',
            rf'ttl = "2d"  # {folder}/fendmail\.toml:3',
            rf'action = "drop"  # {folder}/conf.d/10\.toml:3',
            r'address = "192\.0\.2\.1:25"  # environment FENDMAIL_BACKEND_ADDRESS',
            r'kind = "proxy-v2"  # default',
        ):
            self.assertRegex(text, rf"(?m)^{line}$")
        keys = sum(len(section) for section in tomllib.loads(text).values())
        defaults = tomllib.loads(run_command("defaults").stdout)
        self.assertEqual(keys, sum(len(section) for section in defaults.values()))

    def test_is_a_configuration_itself(self) -> None:
        copy = self.directory() / "copy.toml"
        copy.write_text(self.show(), encoding="utf-8")
        before = tomllib.loads(self.show())
        self.path = copy
        self.assertEqual(tomllib.loads(self.show()), before)
        done = run_command("check", str(copy))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_set_leaves_the_defaults_out(self) -> None:
        for option in ("-n", "--set"):
            self.assertEqual(
                tomllib.loads(self.show(option)),
                {"greet": {"wait": "5s", "ttl": "2d", "action": "drop"}},
            )
        self.assertEqual(
            tomllib.loads(self.show("--set", FENDMAIL_GREET_WAIT="7s"))["greet"]["wait"], "7s"
        )

    def test_as_json(self) -> None:
        shown = json.loads(self.show("--json", FENDMAIL_SERVER_LISTEN="127.0.0.1:25, [::1]:25"))
        self.assertEqual(shown["path"], str(self.path))
        keys = {entry.pop("key"): entry for entry in shown["keys"]}
        self.assertEqual(
            keys["server.listen"],
            {
                "value": '["127.0.0.1:25", "[::1]:25"]',
                "source": "environment FENDMAIL_SERVER_LISTEN",
            },
        )
        self.assertEqual(keys["log.format"], {"value": '"postscreen"', "source": "default"})
        self.assertEqual(keys["greet.wait"]["source"], f"{self.path.parent}/conf.d/20.toml:2")

    def test_a_configuration_that_cannot_be_used_is_not_shown(self) -> None:
        self.path.write_text("[greet]\nwait = 3\n", encoding="utf-8")
        done = run_command("config", str(self.path))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"{self.path}:2:8: error: greet.wait: ", done.stderr)

    def test_a_wrong_variable_is_an_error_and_an_unknown_one_a_warning(self) -> None:
        done = run_command(
            "check", "-c", str(self.path), variables={"FENDMAIL_SERVER_WORKERS": "many"}
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("environment FENDMAIL_SERVER_WORKERS: error: server.workers: ", done.stderr)
        done = run_command(
            "check",
            "-c",
            str(self.path),
            variables={
                "FENDMAIL_SERVER_WORKER": "2",
                "FENDMAIL_PORT": "tcp://192.0.2.1:25",
                "FENDMAIL_PORT_25_TCP_ADDR": "192.0.2.1",
                "FENDMAIL_SERVICE_HOST": "192.0.2.1",
            },
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        told = [line for line in done.stderr.splitlines() if "environment" in line]
        self.assertEqual(
            told,
            [
                "environment FENDMAIL_SERVER_WORKER: warning: no key has this name; did you mean "
                "FENDMAIL_SERVER_WORKERS?"
            ],
        )


class Environment(FendmailCase):
    def test_a_server_takes_it_at_its_start_and_keeps_it_over_a_reload(self) -> None:
        fendmail = self.make_fendmail(self.start_sink().config, {"greet": {"banner": "of a file"}})
        fendmail.variables = {"FENDMAIL_GREET_BANNER": "of the environment"}
        with fendmail:
            self.assertIn("of the environment", self.teaser(fendmail, CLIENT))
            more = fendmail.config_path.parent / "conf.d"
            more.mkdir()
            (more / "a.toml").write_text(
                to_toml({"greet": {"banner": "of another file", "wait": "2s"}}), encoding="utf-8"
            )
            fendmail.reload()
            fendmail.expect_log("reloaded configuration")
            self.assertIn("of the environment", self.teaser(fendmail, OTHER))

    def teaser(self, fendmail: Fendmail, source: str) -> str:
        with fendmail.client(source) as client:
            greeting = self.read_greeting(client)
            client.expect("QUIT", 221)
        return str(greeting.lines[0])


if __name__ == "__main__":
    main()
