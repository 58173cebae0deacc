#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""config/monitoring: Prometheus takes the rules, each alert is raised when it should be, and whatever
they and the dashboard ask for is a metric of the real program, with the labels that it has."""

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail_case import CLIENT, FendmailCase
from fendmail_test.network import free_ports
from fendmail_test.process import require_program

HERE = Path(__file__).resolve().parent
CONFIG = HERE.parents[1] / "config" / "monitoring"
ALERTS = CONFIG / "alerts.yml"
ALERTS_TEST = HERE / "monitoring" / "alerts.test.yml"
DOCS = HERE.parents[1] / "docs"
DASHBOARD = CONFIG / "grafana-dashboard.json"

# What Prometheus itself adds, and the buckets of a histogram.
ADDED_LABELS = {"instance", "job", "le"}
METRIC = re.compile(r"\b((?:fendmail|process)_[a-z0-9_]+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
OF_HISTOGRAM = re.compile(r"_(?:bucket|sum|count)$")


class Rules(Case):
    def promtool(self, *arguments: str | Path) -> None:
        done = subprocess.run(
            [require_program("promtool", "prometheus"), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_promtool_takes_the_rules(self) -> None:
        self.promtool("check", "rules", ALERTS)

    def test_each_alert_is_raised_when_it_should_be(self) -> None:
        self.promtool("test", "rules", ALERTS_TEST)
        tested = ALERTS_TEST.read_text(encoding="utf-8")
        for name in alert_names():
            self.assertRegex(tested, rf"\b{name}\b", "is not tested")

    def test_each_alert_says_how_urgent_it_is_and_what_to_do(self) -> None:
        text = ALERTS.read_text(encoding="utf-8")
        alerts = text.split("- alert: ")[1:]
        self.assertEqual(len(alerts), len(alert_names()))
        for alert in alerts:
            self.assertRegex(alert, r"severity: (page|ticket) \}")
            self.assertRegex(alert, r"(?s)summary: \".*description: \"")


class Metrics(FendmailCase):
    def test_what_is_asked_for_is_what_the_program_exports(self) -> None:
        exported = self.exported()
        asked = asked_in([*alert_expressions(), *expressions(dashboard())])
        self.assertGreater(len(asked), 30)
        self.assertEqual(sorted(asked.keys() - exported.keys()), [])
        for name, labels in asked.items():
            self.assertEqual(labels - exported[name] - ADDED_LABELS, set(), name)

    def exported(self) -> dict[str, set[str]]:
        """The metrics, each with the labels of its samples."""
        dns = self.start_dns()
        dns.zone("zen.test", {})
        port = free_ports(1)[0]
        fendmail = self.start_fendmail(
            self.start_sink().config,
            {
                "admin": {"listen": f"127.0.0.1:{port}"},
                "greet": {"wait": "1s"},
                "dnsbl": {"sites": ["zen.test"], "resolvers": [dns.resolver]},
            },
        )
        self.become_known(fendmail, CLIENT)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        found: dict[str, set[str]] = {name: set() for name in types}
        for sample, labels in re.findall(r"^([a-z]\w+)(?:\{(.*)\})? \S+$", text, re.M):
            base = OF_HISTOGRAM.sub("", sample)
            name = base if types.get(base) == "histogram" else sample
            found[name] |= set(re.findall(r'(\w+)="', labels))
        return found


class Dashboard(Case):
    def test_panels_have_places_and_names_of_their_own(self) -> None:
        panels = dashboard()["panels"]
        taken: set[tuple[int, int]] = set()
        for panel in panels:
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            self.assertEqual(cells & taken, set(), panel["title"])
            taken |= cells
        for of_panel in ("id", "title"):
            values = [panel[of_panel] for panel in panels]
            self.assertEqual(len(values), len(set(values)))

    def test_each_target_has_a_letter_of_its_own_and_the_chosen_source(self) -> None:
        for panel in dashboard()["panels"]:
            letters = [target["refId"] for target in panel["targets"]]
            self.assertEqual(len(letters), len(set(letters)), panel["title"])
            for target in panel["targets"]:
                self.assertEqual(target["datasource"]["uid"], "${datasource}")
                self.assertIn("$instance", target["expr"], panel["title"])


class Recipes(Case):
    """The patterns that docs/operations.md has for mails about trouble."""

    TROUBLE = (
        "backend_unavailable",
        "backend_suspended",
        "list_suspended",
        "resolver_distrusted",
        "resolver_unavailable",
        "store_unavailable",
        "accept_failed",
        "reload_rejected",
        "log_unavailable",
        "log_lines_lost",
        "internal_error",
    )
    NO_TROUBLE = (
        "backend_restored",
        "list_restored",
        "resolver_available",
        "store_restored",
        "reloaded",
        "passed",
        "pregreeted",
        "dnsbl_scored",
        "session_ended",
    )

    def test_they_find_trouble_and_nothing_else(self) -> None:
        head = "Nov 21 06:07:08 mx fendmail[7]: "
        for pattern, before in zip(self.patterns(), ("", head), strict=True):
            for event in self.TROUBLE:
                self.assertRegex(before + self.line_of(event), pattern, event)
            for event in self.NO_TROUBLE:
                self.assertNotRegex(before + self.line_of(event), pattern, event)

    def patterns(self) -> list[str]:
        """For the journal and for a plain file."""
        page = (DOCS / "operations.md").read_text(encoding="utf-8")
        found = re.findall(r"'([^'\n]*\(warning\|error\)[^']*)'", page)
        self.assertEqual(len(found), 2, found)
        return found

    def line_of(self, event: str) -> str:
        """As docs/log-events.md shows it, with numbers."""
        page = (DOCS / "log-events.md").read_text(encoding="utf-8")
        found = re.search(rf"^\| `{event}` \| `([^`]*)", page, re.M)
        self.assertIsNotNone(found, event)
        return re.sub(r"\bN\b", "7", found[1])


def alert_names() -> list[str]:
    return re.findall(r"^ +- alert: (\w+)$", ALERTS.read_text(encoding="utf-8"), re.M)


def dashboard() -> dict[str, Any]:
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))


def expressions(node: Any) -> Iterator[str]:
    """All that the dashboard asks Prometheus."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def asked_in(texts: list[str]) -> dict[str, set[str]]:
    """Metrics, each with the labels that it is chosen by."""
    asked: dict[str, set[str]] = {}
    for text in texts:
        for name, labels in METRIC.findall(text):
            base = OF_HISTOGRAM.sub("", name)
            asked.setdefault(base, set()).update(LABEL.findall(labels))
    return asked


def alert_expressions() -> list[str]:
    text = ALERTS.read_text(encoding="utf-8")
    found = re.findall(r"expr: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)", text)
    return [block or line for block, line in found]


if __name__ == "__main__":
    main()
