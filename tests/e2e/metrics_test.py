#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""/metrics says what happened, in a form that Prometheus's own tool finds nothing to say about."""

import http.client
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings
from fendmail_test.fendmail_case import CLIENT, OTHER, FendmailCase
from fendmail_test.network import free_ports
from fendmail_test.waiting import wait_until

LISTED = "127.0.1.9"
HOSTILE = 'EHLO "}\\n fendmail_evil{x="1\r\n'


class MetricsCase(FendmailCase):
    def setUp(self) -> None:
        self.sink = self.start_sink("proxy-v2")
        self.dns = self.start_dns()
        self.dns.zone("zen.test", {LISTED: ["127.0.0.2"]})
        self.port = free_ports(1)[0]

    def start(self, *settings: Settings) -> Fendmail:
        return self.start_fendmail(
            self.sink.config,
            {
                "admin": {"listen": f"127.0.0.1:{self.port}"},
                "greet": {"wait": "1s"},
                "dnsbl": {
                    "sites": ["zen.test"],
                    "resolvers": [self.dns.resolver],
                    "reply_names": {"zen.test": 'zen "shown" \\'},
                },
            },
            *settings,
        )

    def get(self, path: str = "/metrics", host: str = "localhost") -> tuple[int, str]:
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        self.addCleanup(asking.close)
        asking.putrequest("GET", path, skip_host=True)
        if host:
            asking.putheader("Host", host)
        asking.endheaders()
        answer = asking.getresponse()
        return answer.status, answer.read().decode()

    def value(self, name: str) -> float:
        """Of a sample with its labels, as they are written."""
        status, text = self.get()
        self.assertEqual(status, 200)
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
        self.assertIsNotNone(found, f"{name} in\n{text}")
        return float(found[1])

    def wait_for(self, name: str, wanted: float) -> None:
        wait_until(lambda: self.value(name) == wanted, lambda: f"{name} {self.value(name)}")


class Metrics(MetricsCase):
    def test_promtool_finds_nothing_to_say(self) -> None:
        fendmail = self.start()
        self.become_known(fendmail, CLIENT)
        self.wait_for('fendmail_sessions_total{verdict="pass_new"}', 1)
        done = subprocess.run(
            ["promtool", "check", "metrics"],
            input=self.get()[1],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_the_documentation_has_each_metric_and_no_other(self) -> None:
        place = self.directory("kernel") / "kernel-bans.sock"
        self.start({"bans": {"kernel": "nftables", "kernel_socket": str(place)}})
        told = set(re.findall(r"^# TYPE (\S+)", self.get()[1], re.M))
        page = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
        section = page.read_text(encoding="utf-8").split("\n## Metrics\n")[1].split("\n## ")[0]
        rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
        self.assertEqual(told, set(re.findall(r"`(\w+)`", "".join(rows))))

    def test_each_resolver_is_counted_over_all_workers(self) -> None:
        fendmail = self.start()
        self.become_known(fendmail, CLIENT)
        resolver = self.dns.resolver
        for name in ("queries", "answers"):
            self.assertGreater(self.value(f'fendmail_dns_{name}_total{{resolver="{resolver}"}}'), 0)
        self.assertGreater(self.value(f'fendmail_dns_window{{resolver="{resolver}"}}'), 0)
        zone = 'zone="zen \\"shown\\" \\\\"'
        answered = f'fendmail_dnsbl_answers_total{{{zone},result="not_listed"}}'
        self.wait_for(answered, 1)
        self.assertEqual(self.value(f"fendmail_dnsbl_answer_seconds_count{{{zone}}}"), 1)

    def test_hits_of_a_list_are_counted_with_what_came_of_them(self) -> None:
        fendmail = self.start()
        with fendmail.client(LISTED) as client:
            client.expect_reply(220)
            client.expect("HELO x", 250)
            client.expect("MAIL FROM:<a@b.example>", 250)
            client.expect("RCPT TO:<c@d.example>", 550)
            client.expect("QUIT", 221)
        zone = 'zone="zen \\"shown\\" \\\\"'
        self.wait_for(f"fendmail_dnsbl_hits_turned_away_total{{{zone}}}", 1)
        self.assertEqual(self.value(f"fendmail_dnsbl_hits_total{{{zone}}}"), 1)
        self.assertEqual(self.value(f"fendmail_dnsbl_hits_passed_total{{{zone}}}"), 0)

    def test_sessions_are_counted_by_verdict(self) -> None:
        fendmail = self.start()
        self.become_known(fendmail, CLIENT)
        self.wait_for('fendmail_sessions_total{verdict="pass_new"}', 1)
        self.assert_delivers(fendmail, CLIENT, "again")
        self.wait_for('fendmail_sessions_total{verdict="pass_old"}', 1)
        self.assertEqual(self.value("fendmail_connections_total"), 2)
        self.assertEqual(self.value('fendmail_wait_seconds_count{verdict="pass_old"}'), 1)
        self.assertGreaterEqual(self.value('fendmail_wait_seconds_sum{verdict="pass_new"}'), 1)
        self.assertGreater(self.value('fendmail_relayed_bytes_total{direction="to_backend"}'), 0)
        self.assertEqual(self.value('fendmail_backend_up{backend="%s"}' % self.backend_name()), 1)

    def backend_name(self) -> str:
        found = re.search(r'^fendmail_backend_up\{backend="([^"]*)"\}', self.get()[1], re.M)
        self.assertIsNotNone(found)
        return found[1]

    def test_failed_tests_are_counted_with_what_came_of_them(self) -> None:
        fendmail = self.start({"greet": {"action": "ignore"}})
        with fendmail.client(OTHER) as client:
            client.send(HOSTILE.encode())
            client.expect_reply(220)
        self.wait_for('fendmail_test_failures_total{test="pregreet",action="ignore"}', 1)
        with fendmail.client(LISTED) as client:
            client.expect_reply(220)
        self.wait_for('fendmail_test_failures_total{test="dnsbl",action="enforce"}', 1)
        text = self.get()[1]
        self.assertNotIn("evil", text)
        self.assertIn('fendmail_list_up{zone="zen \\"shown\\" \\\\"} 1', text)

    def test_what_is_now_is_told(self) -> None:
        fendmail = self.start({"greet": {"wait": "20s"}})
        with fendmail.client(CLIENT):
            self.wait_for('fendmail_sessions{stage="screening"}', 1)
        self.wait_for('fendmail_sessions{stage="screening"}', 0)
        for name in ("process_open_fds", "process_resident_memory_bytes", "process_max_fds"):
            self.assertGreater(self.value(name), 1)
        self.assertGreater(self.value("process_start_time_seconds"), 1.7e9)
        self.assertEqual(self.value("fendmail_config_last_reload_successful"), 1)

    def test_a_reload_that_fails_is_told_and_one_that_works_again(self) -> None:
        fendmail = self.start()
        good = fendmail.config_path.read_text(encoding="utf-8")
        fendmail.config_path.write_text(good + "\n[nonsense]\n", encoding="utf-8")
        fendmail.reload()
        self.wait_for("fendmail_config_last_reload_successful", 0)
        fendmail.config_path.write_text(good, encoding="utf-8")
        fendmail.reload()
        self.wait_for("fendmail_config_last_reload_successful", 1)

    def test_a_name_that_is_not_ours_is_refused(self) -> None:
        self.start({"admin": {"hosts": ["mx.internal"]}})
        for host in ("localhost", "127.0.0.1:80", "[::1]:8025", "MX.internal:8025", ""):
            self.assertEqual(self.get(host=host)[0], 200, host)
        for path in ("/metrics", "/livez", "/readyz"):
            status, text = self.get(path, "evil.example")
            self.assertEqual(status, 403)
            self.assertIn("this is not a name of this host; see admin.hosts", text)


if __name__ == "__main__":
    main()
