#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`fendmail report`: what a real log says of real sessions, in each format and from each source."""

import datetime
import email
import email.policy
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import Case, main
from fendmail_test.fendmail import Fendmail, Settings, binary, is_sanitized, run_command
from fendmail_test.fendmail_case import CLIENT, FendmailCase
from fendmail_test.waiting import wait_until

LISTED = "127.0.6.66"
BOT = "127.0.6.67"
CLIENTS = 120_000
CONFIG = Path(__file__).resolve().parents[2] / "config"
SESSION = (
    '{{"time":"{time}","event":"session_ended","level":"info","session":1,"client":"{client}",'
    '"client_port":1,"verdict":"{verdict}","ended_by":"client","phase":"dialog",'
    '"reasons":"{reasons}","dnsbl_complete":true,"dnsbl_lists":"","screening_seconds":0.010,'
    '"total_seconds":0.010,"octets_in":0,"octets_out":0}}\n'
)


def report(*arguments: str | Path, stdin: bytes | None = None) -> dict[str, Any]:
    """As JSON; it must work."""
    done = subprocess.run(
        [binary(), "report", "--json", *arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def session(client: str, verdict: str, reasons: str = "", ago: float = 60) -> str:
    """A line of JSON."""
    when = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago)
    time = when.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return SESSION.format(time=time, client=client, verdict=verdict, reasons=reasons)


class SessionsCase(FendmailCase):
    def make(self, *more: Settings) -> Fendmail:
        dns = self.start_dns()
        dns.zone("bl.test", {LISTED: ["127.0.0.2"]})
        settings: Settings = {
            "dnsbl": {"sites": ["bl.test*2"], "threshold": 2, "resolvers": [dns.resolver]},
        }
        return self.make_fendmail(self.start_sink().config, settings, *more)

    def be_clients(self, fendmail: Fendmail) -> None:
        """A clean one, twice, one on a list, and one that speaks too early."""
        self.assert_delivers(fendmail, CLIENT, "one")
        self.assert_delivers(fendmail, CLIENT, "two")
        with fendmail.client(LISTED) as client:
            self.read_greeting(client)
            self.assert_recipients_get(
                client, f"550 5.7.1 Service unavailable; client [{LISTED}] blocked using bl.test"
            )
        with fendmail.client(BOT) as client:
            client.send(b"EHLO bot.example.org\r\n")
            client.read_line()
            client.expect_reply(250)
            self.assert_recipients_get(client, "550 5.5.1 Protocol error", helo="")

    def check_sessions(self, said: dict[str, Any]) -> None:
        now = said["now"]
        self.assertEqual(now["sessions"], 4)
        verdicts = {name: count for name, count in now["verdicts"].items() if count}
        self.assertEqual(verdicts, {"pass_new": 1, "pass_old": 1, "rejected": 2})
        self.assertEqual(now["reasons"]["dnsbl"]["refused_alone"], 1)
        self.assertEqual(now["reasons"]["pregreet"]["refused"], 1)
        self.assertEqual(now["lists"]["bl.test"]["refused_alone"], 1)
        self.assertEqual(said["top_clients"][0]["name"], CLIENT)
        self.assertEqual(said["waited"][0]["client"], CLIENT)
        self.assertGreaterEqual(said["waited"][0]["waited_seconds"], 1.0)


class RealSessions(SessionsCase):
    def play(self, log_format: str) -> Fendmail:
        """Some clients; a reload, and a stop."""
        fendmail = self.make({"log": {"format": log_format}})
        with fendmail:
            self.be_clients(fendmail)
            fendmail.reload()
            fendmail.expect_log("reloaded")
        return fendmail

    def check(self, said: dict[str, Any]) -> None:
        self.check_sessions(said)
        self.assertEqual(
            [one["what"] for one in said["changes"]],
            ["started", "configuration reloaded", "stopped"],
        )
        self.assertEqual(said["log"]["damaged"], 0)
        self.assertEqual(said["troubles"], [])

    def test_each_format_from_each_source(self) -> None:
        for log_format in ("postscreen", "json", "logfmt"):
            with self.subTest(log_format):
                fendmail = self.play(log_format)
                log = fendmail.log.path
                self.check(report("-c", fendmail.config_path))
                self.check(report(log))
                self.check(report("-", stdin=log.read_bytes()))
                self.check(report("-", stdin=gzip.compress(log.read_bytes())))
                # As logrotate leaves it: some of it in a packed file. The order is no matter.
                lines = log.read_bytes().splitlines(keepends=True)
                half = len(lines) // 2
                packed = log.with_name(f"{log.name}.1.gz")
                packed.write_bytes(gzip.compress(b"".join(lines[:half])))
                log.write_bytes(b"".join(lines[half:]))
                self.check(report("-c", fendmail.config_path))
                self.check(report(log, packed))

    def test_the_journal_is_asked_for_what_is_needed(self) -> None:
        fendmail = self.play("postscreen")
        lines = fendmail.log.text().splitlines()
        place = self.directory("programs")
        now = datetime.datetime.now(datetime.timezone.utc).timestamp()
        exported = "".join(
            json.dumps({
                "__REALTIME_TIMESTAMP": str(int(now * 1e6)),
                # Its file has a stamp, the journal has none.
                "MESSAGE": re.sub(r"^.*?\]: ", "", line),
            })
            + "\n"
            for line in lines
        )
        (place / "exported").write_text(exported, encoding="ascii")
        program = place / "journalctl"
        program.write_text(f'#!/bin/sh\necho "$@" >{place}/asked\ncat {place}/exported\n', encoding="ascii")
        program.chmod(0o755)
        environment = {**os.environ, "PATH": f"{place}:{os.environ['PATH']}"}

        def read(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [binary(), "report", "--json", *arguments], env=environment,
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip

        done = read("--journal", "--unit", "mx2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check(json.loads(done.stdout))
        asked = (place / "asked").read_text(encoding="ascii")
        self.assertIn("--unit=mx2 --output=json", asked)
        since = re.search(r"--since=@(\d+)", asked)
        assert since
        self.assertAlmostEqual(now - int(since[1]), 2 * 24 * 3600, delta=60)

        fendmail.write_config({"log": {"target": "journald"}})
        self.check(json.loads(read("-c", str(fendmail.config_path)).stdout))

        program.write_text("#!/bin/sh\necho no journal >&2\nexit 1\n", encoding="ascii")
        done = read("--journal")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("journalctl ended with exit code 1", done.stderr)


class Live(SessionsCase):
    """What the running one remembers; nothing reads its log."""

    def setUp(self) -> None:
        self.fendmail = self.enterContext(self.make())
        self.api = Admin(self.fendmail.socket_path)

    def wait_for_sessions(self, count: int) -> None:
        wait_until(
            lambda: self.api.get("sessions?limit=1")["all"] == count,
            lambda: f"{count} sessions: {self.api.get('sessions?limit=1')}",
        )

    def ask(self, *options: str) -> dict[str, Any]:
        return report("--live", "-c", self.fendmail.config_path, *options)

    def test_all_sessions_since_the_start(self) -> None:
        self.be_clients(self.fendmail)
        self.wait_for_sessions(4)
        said = self.ask()
        self.check_sessions(said)
        self.assertEqual(said["begin"], self.api.get("status")["started"])
        self.assertEqual([one["what"] for one in said["changes"]], ["started"])
        self.assertTrue(said["live"]["whole"])
        self.assertEqual(said["live"]["troubles"], [])
        text = run_command("report", "--live", "--socket", str(self.fendmail.socket_path))
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertIn("4 sessions, all since then", " ".join(text.stdout.split()))
        self.assertRegex(text.stdout, r"(?m)^  turned away +2$")
        mail = run_command(
            "report", "--live", "-c", str(self.fendmail.config_path), "--html", "--to", "root"
        )
        self.assertIn("Content-Type: multipart/alternative", mail.stdout)

    def test_more_sessions_than_are_remembered(self) -> None:
        """Verdicts are of all of them, and the rest says of which it is."""
        left = 600
        self.be_clients(self.fendmail)
        for n in range(left):
            self.fendmail.client(f"127.0.8.{n % 250 + 1}").close()
        self.wait_for_sessions(4 + left)
        said = self.ask("--top", "1")
        self.assertEqual(said["now"]["sessions"], 4 + left)
        self.assertEqual(said["now"]["verdicts"]["left"], left)
        self.assertEqual(said["now"]["verdicts"]["rejected"], 2)
        self.assertEqual(sum(one["rejected"] for one in said["hours"]), 2)
        self.assertFalse(said["live"]["whole"])
        self.assertEqual(said["live"]["decisions"], 512)
        self.assertEqual(len(said["top_clients"]), 1)
        text = run_command("report", "--live", "-c", str(self.fendmail.config_path)).stdout
        self.assertIn("of the last 512", " ".join(text.split()))

    def test_what_is_wrong_now(self) -> None:
        self.api.change("POST", "lists/bl.test/disable")
        self.assertEqual(self.ask()["live"]["troubles"], ["list bl.test: switched off"])

    def test_nothing_that_runs(self) -> None:
        socket = self.directory("no") / "admin.sock"
        done = run_command("report", "--live", "--socket", str(socket))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("Is fendmail running", done.stderr)

    def test_wrong_usage(self) -> None:
        log = str(self.fendmail.log.path)
        for other in (["--since", "2h"], ["--until", "1h"], ["--journal"], ["--unit", "x"], [log]):
            with self.subTest(other):
                done = run_command("report", "--live", *other)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertEqual(run_command("report", "--socket", "/x", log).returncode, 2)


class Logs(Case):
    def log(self, text: str | bytes, name: str = "fendmail.log") -> Path:
        path = self.directory("log") / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def test_the_period_is_chosen(self) -> None:
        hour = 3600
        log = self.log(
            session("192.0.2.1", "rejected", ago=47 * hour)
            + session("192.0.2.2", "left", ago=25 * hour)
            + session("192.0.2.3", "dropped", ago=3 * hour)
            + session("192.0.2.4", "pass_new", ago=hour)
        )
        said = report(log)
        self.assertEqual((said["now"]["sessions"], said["before"]["sessions"]), (2, 2))
        self.assertEqual(report("--since", "2h", log)["now"]["sessions"], 1)
        self.assertEqual(report("--since", "4h", "--until", "2h", log)["now"]["sessions"], 1)
        said = report("--since", "all", log)
        self.assertEqual((said["now"]["sessions"], said["before"]), (4, None))

    def test_damage_is_counted_and_ends_nothing(self) -> None:
        line = session("192.0.2.1", "rejected", "dnsbl")
        log = self.log(line + line[:80] + "\n" + "\0\xff\xfe{}[\n" * 5 + "x" * 200_000 + "\n" + line)
        said = report(log)
        self.assertEqual(said["now"]["sessions"], 2)
        self.assertEqual(said["log"]["lines"], 9)
        self.assertEqual(said["log"]["damaged"], 1)
        text = run_command("report", str(log))
        self.assertEqual(text.returncode, 0)
        self.assertIn("1 damaged", text.stdout)

    def test_a_packed_file_that_is_cut_off_is_used_as_far_as_it_goes(self) -> None:
        lines = "".join(session(f"192.0.2.{n % 250}", "rejected") for n in range(20_000))
        packed = gzip.compress(lines.encode())
        log = self.log(packed[: len(packed) // 2], "fendmail.log.1.gz")
        said = report(log)
        self.assertGreater(said["now"]["sessions"], 1000)
        self.assertIn("could not be read to its end", said["log"]["failures"][0])

    def test_several_members_of_gzip_are_one_log(self) -> None:
        one = gzip.compress(session("192.0.2.1", "rejected").encode())
        self.assertEqual(report(self.log(one * 3))["now"]["sessions"], 3)

    def test_what_cannot_be_read_is_an_error(self) -> None:
        for path in ("/nonexistent/fendmail.log", str(self.directory("log"))):
            done = run_command("report", path)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(path, done.stderr)
        done = run_command("report", "-c", "/nonexistent/fendmail.toml")
        self.assertEqual(done.returncode, 1)
        config = self.directory() / "fendmail.toml"
        config.write_text('[log]\ntarget = "syslog"\n', encoding="ascii")
        done = run_command("report", "-c", str(config))
        self.assertEqual(done.returncode, 1)
        self.assertIn("/var/log/mail.log", done.stderr)

    def test_wrong_usage(self) -> None:
        log = str(self.log(""))
        for arguments in (
            ["--since", "tomorrow"],
            ["--since", "1h", "--until", "2h"],
            ["--html", "--json"],
            ["--to", "root\nBcc: all@example.org"],
            ["--top", "0"],
        ):
            with self.subTest(arguments):
                done = run_command("report", *arguments, log)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertNotEqual(done.stderr, "")

    def test_memory_stays_within_bounds(self) -> None:
        """Clients that come once each, of which none is ever seen again."""
        program = subprocess.Popen(
            [binary(), "report", "--json", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.addCleanup(program.kill)
        assert program.stdin
        for n in range(CLIENTS):
            line = session(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "rejected", "dnsbl")
            program.stdin.write(line.encode())
        program.stdin.flush()
        # It has read all but what the pipe holds.
        status = Path(f"/proc/{program.pid}/status").read_text(encoding="ascii")
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        said = json.loads(program.communicate(timeout=60)[0])
        self.assertEqual(said["now"]["sessions"], CLIENTS)
        assert peak
        if not is_sanitized():
            self.assertLess(int(peak[1]), 50 * 1024)


class Mails(Case):
    def setUp(self) -> None:
        super().setUp()
        self.place = self.directory("programs")
        log = self.place / "fendmail.log"
        log.write_text(session("192.0.2.1", "rejected", "<script>", ago=1), encoding="ascii")
        self.config = self.place / "fendmail.toml"
        self.config.write_text(f'[log]\ntarget = "file:{log}"\n', encoding="ascii")

    def assert_is_the_mail(self, octets: bytes, to: str, with_html: bool) -> None:
        mail = email.message_from_bytes(octets, policy=email.policy.default)
        self.assertEqual(mail["To"], to)
        self.assertRegex(mail["Subject"], r"^fendmail \S+: \d session")
        text = mail.get_body(("plain",))
        assert text is not None
        self.assertIn("OVERVIEW", text.get_content())
        html = mail.get_body(("html",))
        self.assertEqual(html is not None, with_html)
        if html is not None:
            self.assertNotIn("<script", html.get_content())
        for line in octets.splitlines():
            self.assertLess(len(line), 998)

    def test_a_mail_of_either_kind(self) -> None:
        for options, with_html in (([], False), (["--html"], True)):
            done = run_command(
                "report", "-c", str(self.config), "--to", "postmaster@example.org", *options
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assert_is_the_mail(done.stdout.encode(), "postmaster@example.org", with_html)

    def test_the_unit_sends_one(self) -> None:
        """Its command line as systemd reads it, with the real program and a sendmail that keeps it."""
        unit = (CONFIG / "fendmail-report.service").read_text(encoding="ascii")
        found = re.search(r"^ExecStart=/bin/sh -ec '(.*?)'$", unit, re.MULTILINE | re.DOTALL)
        assert found
        script = found[1].replace("\\\n", " ").replace("$$", "$").replace("%%", "%")
        script = script.replace("\\\\", "\\")
        fake = {
            "fendmail": f'#!/bin/sh\nexec {binary()} "$@" -c {self.config}\n',
            "sendmail": f'#!/bin/sh\necho "$@" >{self.place}/asked\ncat >{self.place}/mail\n',
        }
        for name, text in fake.items():
            (self.place / name).write_text(text, encoding="ascii")
            (self.place / name).chmod(0o755)

        def run(to: str, options: str = "") -> int:
            return subprocess.run(
                ["/bin/sh", "-ec", script],
                env={
                    "PATH": f"{self.place}:/usr/bin:/bin",
                    "REPORT_TO": to,
                    "REPORT_OPTIONS": options,
                },
                stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
            ).returncode  # fmt: skip

        self.assertEqual(run("root"), 0)
        self.assertEqual((self.place / "asked").read_text(encoding="ascii"), "-t\n")
        self.assert_is_the_mail((self.place / "mail").read_bytes(), "root", False)
        self.assertEqual(run("root", "--html --top 3"), 0)
        self.assert_is_the_mail((self.place / "mail").read_bytes(), "root", True)
        # Without a report there is no mail, and the unit fails.
        (self.place / "mail").unlink()
        self.config.unlink()
        self.assertNotEqual(run("root"), 0)
        self.assertFalse((self.place / "mail").exists())


if __name__ == "__main__":
    main()
