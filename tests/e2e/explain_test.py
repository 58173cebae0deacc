#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`fendmail explain` says of any address what would become of it, and why."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.dns_server import Mood
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import CLIENT, OTHER, FendmailCase
from fendmail_test.waiting import wait_until

PERMITTED = "192.0.2.9"
DENIED = "198.51.100.7"
LISTED = "203.0.113.5"


class ExplainCase(FendmailCase):
    def setUp(self) -> None:
        self.sink = self.start_sink()
        self.dns = self.start_dns()
        self.dns.zone("zen.test", {LISTED: ["127.0.0.2", "127.0.0.9"]})
        self.light = self.dns.zone("light.test", {LISTED: ["127.0.0.3"]})

    def make(self, *settings: Settings) -> Fendmail:
        denied = self.directory("lists") / "deny.cidr"
        denied.write_text(f"# spammers\n10.9.0.0/16\n{DENIED}/32\n", encoding="utf-8")
        self.denied = denied
        return self.make_fendmail(
            self.sink.config,
            {
                "access": {"rules": [f"permit {PERMITTED}/32", f"reject file:{denied}"]},
                "dnsbl": {
                    "sites": ["zen.test=127.0.0.2*3", "light.test"],
                    "threshold": 3,
                    "resolvers": [self.dns.resolver],
                    "timeout": "2s",
                },
            },
            *settings,
        )

    def explain(
        self,
        fendmail: Fendmail,
        address: str,
        *options: str,
        variables: dict[str, str] | None = None,
    ) -> dict:
        """What it says as JSON."""
        done = run_command(
            "explain", "-c", str(fendmail.config_path), "--json", address, *options,
            variables=variables,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def table(self, fendmail: Fendmail, address: str) -> str:
        done = run_command("explain", "-c", str(fendmail.config_path), address)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class Explain(ExplainCase):
    def setUp(self) -> None:
        super().setUp()
        self.fendmail = self.make()
        self.fendmail.write_config()

    def test_a_permitted_client_is_told_with_its_rule_and_where_that_is(self) -> None:
        said = self.explain(self.fendmail, PERMITTED)
        self.assertEqual(said["verdict"], "allowlisted")
        self.assertEqual(said["access_rule"]["rule"], f"permit {PERMITTED}/32")
        config = self.fendmail.config_path
        line = int(said["access_rule"]["place"].removeprefix(f"{config}:"))
        self.assertIn(PERMITTED, config.read_text(encoding="utf-8").splitlines()[line - 1])

    def test_a_denied_client_is_told_with_the_line_of_its_file(self) -> None:
        said = self.explain(self.fendmail, DENIED)
        self.assertEqual(said["verdict"], "rejected")
        self.assertEqual(said["access_rule"]["place"], f"{self.denied}:3")
        self.assertIn("550 5.3.2", said["explanation"])

    def test_a_rule_is_found_in_whatever_file_it_stands(self) -> None:
        parts = self.fendmail.directory / "conf.d"
        parts.mkdir()
        part = parts / "20-access.toml"
        part.write_text(
            f'[access]\n\nrules = [\n  "permit {PERMITTED}",\n  "reject file:../deny.cidr",\n]\n',
            encoding="utf-8",
        )
        beside = self.fendmail.directory / "deny.cidr"
        beside.write_text(f"# one\n\n198.51.100.0/24 # all of it\n{DENIED}\n", encoding="utf-8")
        said = self.explain(self.fendmail, PERMITTED, "--no-lists")
        self.assertEqual(said["access_rule"]["place"], f"{part}:4")
        said = self.explain(self.fendmail, DENIED, "--no-lists")
        self.assertEqual(said["access_rule"]["place"], f"{parts}/../deny.cidr:3")
        self.assertIn(f"({parts}/../deny.cidr:3)", self.table(self.fendmail, DENIED))

    def test_a_rule_of_the_environment_is_told_with_its_variable(self) -> None:
        variables = {"FENDMAIL_ACCESS_RULES": f"permit {PERMITTED}, reject file:{self.denied}"}
        said = self.explain(self.fendmail, PERMITTED, "--no-lists", variables=variables)
        self.assertEqual(said["access_rule"]["place"], "environment FENDMAIL_ACCESS_RULES")
        said = self.explain(self.fendmail, DENIED, "--no-lists", variables=variables)
        self.assertEqual(said["access_rule"]["place"], f"{self.denied}:3")

    def test_a_rule_that_is_written_nowhere_is_told_as_a_default(self) -> None:
        del self.fendmail.settings["access"]
        self.fendmail.write_config()
        said = self.explain(self.fendmail, "127.0.0.1", "--no-lists")
        self.assertEqual(said["access_rule"], {"rule": "permit 127.0.0.0/8", "place": "default",
                                               "decision": "permit"})

    def test_a_listed_client_is_told_with_each_list_its_answers_and_weight(self) -> None:
        said = self.explain(self.fendmail, LISTED)
        self.assertEqual(said["verdict"], "rejected")
        self.assertEqual(said["score"], 4)
        zen, light = said["lists"]
        self.assertEqual((zen["list"], zen["weight"], zen["meaning"]), ("zen.test", 3, "listed"))
        self.assertEqual(zen["answers"], ["127.0.0.2 listing", "127.0.0.9 listing"])
        self.assertEqual((light["weight"], light["meaning"]), (1, "listed"))
        table = self.table(self.fendmail, LISTED)
        self.assertRegex(table, r"zen\.test +\+3 +\d+ ms  listed: 127\.0\.0\.2 listing")
        self.assertRegex(table, r"score +4\n")
        self.assertIn("its score is 4 and the threshold 3", table)

    def test_an_unknown_client_is_told_to_be_screened(self) -> None:
        said = self.explain(self.fendmail, "203.0.113.6")
        self.assertEqual(said["verdict"], "pass_new")
        self.assertEqual([one["meaning"] for one in said["lists"]], ["not listed"] * 2)
        self.assertIn("is not there yet", said["store_error"])

    def test_a_list_that_does_not_answer_is_told_so(self) -> None:
        self.light.mood = Mood.SERVFAIL
        said = self.explain(self.fendmail, "203.0.113.6")
        self.assertRegex(said["lists"][1]["meaning"], "failed: SERVFAIL")
        self.assertFalse(said["score_complete"])

    def test_lists_are_not_asked_when_that_is_not_wanted(self) -> None:
        self.assertEqual(self.explain(self.fendmail, LISTED, "--no-lists")["lists"], [])
        self.assertEqual(self.dns.count(LISTED, "zen.test"), 0)

    def test_what_is_no_address_is_wrong_usage(self) -> None:
        done = run_command("explain", "-c", str(self.fendmail.config_path), "mx.example")
        self.assertEqual(done.returncode, 2)
        self.assertIn("mx.example", done.stderr)


class KnownClient(ExplainCase):
    def test_what_the_store_knows_is_told_while_fendmail_runs(self) -> None:
        fendmail = self.enterContext(self.make())
        self.become_known(fendmail, CLIENT)

        def is_written() -> bool:
            return self.explain(fendmail, CLIENT)["verdict"] == "pass_old"

        wait_until(is_written, "its record")
        passes = {one["test"]: one for one in self.explain(fendmail, CLIENT)["passes"]}
        self.assertTrue(passes["pregreet"]["passed"])
        self.assertIsNotNone(passes["pregreet"]["until"])
        self.assertRegex(self.table(fendmail, CLIENT), r"record +pregreet +passed until 20")
        self.assertEqual(self.explain(fendmail, OTHER)["verdict"], "pass_new")
        self.assert_delivers(fendmail, CLIENT, "after-explain")


class RunningFendmail(ExplainCase):
    def test_its_api_tells_the_place_of_a_rule_as_it_read_it(self) -> None:
        fendmail = self.make()
        fendmail.variables["FENDMAIL_ACCESS_RULES"] = f"permit {PERMITTED}, reject file:{self.denied}"
        self.enterContext(fendmail)
        api = Admin(fendmail.socket_path)

        def place(address: str) -> str:
            return api.get(f"clients/{address}?lists=0")["access_rule"]["place"]

        self.assertEqual(place(PERMITTED), "environment FENDMAIL_ACCESS_RULES")
        self.assertEqual(place(DENIED), f"{self.denied}:3")
        # The rule holds until a reload; its line is gone.
        self.denied.unlink()
        self.assertEqual(place(DENIED), "environment FENDMAIL_ACCESS_RULES")


if __name__ == "__main__":
    main()
