#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Start, reload with SIGHUP, orderly stop with SIGTERM."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.dns_server import Mood
from fendmail_test.fendmail import HOSTNAME, Fendmail, Settings, binary, run_command
from fendmail_test.fendmail_case import (
    CLIENT,
    NO_GREET_WAIT,
    OTHER,
    TEASER,
    FendmailCase,
    log_name,
)
from fendmail_test.logs import LogFile
from fendmail_test.network import LOOPBACK4, accepts, to_text
from fendmail_test.smtp_client import SmtpClient, dot_stuffed, make_message
from fendmail_test.tls import make_certificate
from fendmail_test.waiting import wait_until

REJECT_OTHER: Settings = {"access": {"rules": [f"reject {OTHER}"], "action": "drop"}}
# Its clients are refused in our dialog.
IN_DIALOG: Settings = {"access": {"rules": [f"reject {OTHER}"], "action": "enforce"}}
LONG_STOP: Settings = {"server": {"stop_timeout": "30s"}}
GREETING = f"220 {HOSTNAME} ESMTP\r\n".encode()
SHUTTING_DOWN = b"421 4.3.2 Service shutting down\r\n"
UNAVAILABLE = b"521 5.3.2 Service currently unavailable\r\n"


class RelayedClient:
    """A client in the middle of a mail; finish() sends the rest and must succeed."""

    def __init__(self, fendmail: Fendmail, source: str = CLIENT):
        self.client = fendmail.client(source)
        self.client.expect_reply(220)
        self.client.expect("EHLO client.example.org", 250)
        self.client.expect("MAIL FROM:<a@example.org>", 250)
        self.client.expect("RCPT TO:<user@example.test>", 250)
        self.client.expect("DATA", 354)

    def finish(self) -> None:
        with self.client:
            self.client.send(dot_stuffed(make_message("relayed")))
            self.client.expect_reply(250)
            self.client.expect("QUIT", 221)


class Start(FendmailCase):
    def test_listens_on_several_addresses(self) -> None:
        listen = {"server": {"listen": ["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"]}}
        fendmail = self.start_fendmail(self.start_sink().config, NO_GREET_WAIT, listen)
        hosts = [host for host, _ in fendmail.listening]
        self.assertEqual(hosts, ["127.0.0.1", "127.0.0.2", "::1"])
        for number, (host, port) in enumerate(fendmail.listening):
            with fendmail.client(listener=number) as client:
                client.expect_reply(220)
                local = re.escape(f"[{host}]:{port}")
                fendmail.expect_log(rf"CONNECT from {log_name(client)} to {local}$")

    def test_says_with_how_many_workers(self) -> None:
        fendmail = self.start_fendmail(self.start_sink().config, {"server": {"workers": 3}})
        fendmail.expect_log(rf"listening on \[?127\.0\.0\.1\]?:{fendmail.address[1]} with 3 workers$")

    def test_address_in_use_ends_the_start_with_an_error(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            where = to_text(taken.getsockname())
            shown = f"[127.0.0.1]:{taken.getsockname()[1]}"
            fendmail = self.make_fendmail(
                self.start_sink().config,
                {"server": {"listen": [where]}, "log": {"target": "stderr"}},
            )
            fendmail.write_config()
            done = run_command("run", "-c", str(fendmail.config_path))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"{shown}: Address already in use", done.stderr)

    def test_wrong_configuration_ends_the_start_with_all_errors(self) -> None:
        fendmail = self.make_fendmail(
            self.start_sink().config, {"greet": {"wayt": "1s"}, "dnsbl": {"threshold": "many"}}
        )
        fendmail.write_config()
        done = run_command("run", "-c", str(fendmail.config_path))
        self.assertEqual(done.returncode, 1)
        self.assertIn("wayt", done.stderr)
        self.assertIn("threshold", done.stderr)


class Reload(FendmailCase):
    def test_new_access_rule_is_effective(self) -> None:
        sink = self.start_sink()
        fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT)
        self.assert_delivers(fendmail, OTHER, "before")
        fendmail.write_config(REJECT_OTHER)
        fendmail.reload()
        fendmail.expect_log(r"reloaded configuration \S+fendmail\.toml$")
        with fendmail.client(OTHER) as client:
            self.assert_says_only(client, UNAVAILABLE)
        self.assert_delivers(fendmail, CLIENT, "after")

    def test_new_backend_is_used(self) -> None:
        old, new = self.start_sink("proxy-v2"), self.start_sink("plain")
        fendmail = self.start_fendmail(old.config, NO_GREET_WAIT)
        self.assert_delivers(fendmail, CLIENT, "before")
        fendmail.write_config({"backend": new.config})
        fendmail.reload()
        fendmail.expect_log("reloaded configuration")
        self.assert_delivers(fendmail, CLIENT, "after")
        self.assertEqual((len(old.wait_for_mails(1)), len(new.wait_for_mails(1))), (1, 1))

    def test_wrong_configuration_keeps_the_old_one(self) -> None:
        fendmail = self.start_fendmail(self.start_sink().config, NO_GREET_WAIT, REJECT_OTHER)
        good = fendmail.config_path.read_text(encoding="utf-8")
        for wrong in (good + "\n[greet", good.replace("[greet]", "[greet]\nwayt = 1"), ""):
            with self.subTest(wrong[-30:]):
                mark = fendmail.log.mark()
                fendmail.config_path.write_text(wrong or "x = 1\n", encoding="utf-8")
                fendmail.reload()
                fendmail.expect_log(
                    r"error: configuration not reloaded, the old one stays in use: "
                    r".*fendmail\.toml:\d+",
                    after=mark,
                )
                with fendmail.client(OTHER) as client:
                    self.assert_says_only(client, UNAVAILABLE)
                self.assert_delivers(fendmail, CLIENT, "one")

    def test_missing_file_keeps_the_old_configuration(self) -> None:
        fendmail = self.start_fendmail(self.start_sink().config, NO_GREET_WAIT)
        fendmail.config_path.unlink()
        fendmail.reload()
        fendmail.expect_log(r"error: configuration not reloaded")
        self.assert_delivers(fendmail, CLIENT, "one")

    def test_no_connection_is_lost(self) -> None:
        sink = self.start_sink("proxy-v2")
        fendmail = self.start_fendmail(sink.config, {"greet": {"wait": "2s"}})
        relayed = RelayedClient(fendmail)
        with fendmail.client("127.0.1.7") as waiting:
            self.assertEqual(waiting.read_line(), TEASER)
            for _ in range(5):
                mark = fendmail.log.mark()
                fendmail.reload()
                fendmail.expect_log("reloaded configuration", after=mark)
                self.assertTrue(accepts(fendmail.address))
            waiting.expect_reply(220)
            waiting.expect("QUIT", 221)
        relayed.finish()
        self.assertEqual(len(sink.wait_for_mails(1)), 1)

    def test_reloads_under_load_lose_nobody(self) -> None:
        sink = self.start_sink("proxy-v2")
        fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT)
        for n in range(60):
            if n % 3 == 0:
                fendmail.reload()
            self.assert_delivers(fendmail, f"127.0.9.{n + 1}", f"m{n}")
        self.assertEqual(len(sink.wait_for_mails(60)), 60)

    def test_change_that_needs_a_restart_is_named(self) -> None:
        fendmail = self.start_fendmail(self.start_sink().config, NO_GREET_WAIT)
        fendmail.write_config({"server": {"workers": 1}})
        fendmail.reload()
        fendmail.expect_log(r"warning: restart needed .*server\.workers")


class Signals(FendmailCase):
    def setUp(self) -> None:
        super().setUp()
        self.fendmail = self.start_fendmail(self.start_sink().config, NO_GREET_WAIT)

    def rotate(self) -> None:
        """As logrotate does it: the file gets another name, and fendmail a signal."""
        path = self.fendmail.log.path
        path.rename(path.with_suffix(".log.1"))

    def test_log_is_opened_anew_also_with_a_mistake_in_the_configuration(self) -> None:
        self.fendmail.config_path.write_text("[greet\n", encoding="utf-8")
        self.rotate()
        self.fendmail.reload()
        self.fendmail.expect_log(r"error: configuration not reloaded")
        self.assert_delivers(self.fendmail, CLIENT, "one")
        self.fendmail.expect_log(r"CONNECT from ")

    def test_log_is_opened_anew_without_a_configuration(self) -> None:
        self.fendmail.config_path.unlink()
        self.rotate()
        self.fendmail.reload()
        self.fendmail.expect_log(r"error: configuration not reloaded")

    def test_sigusr1_opens_the_log_anew_and_reloads_nothing(self) -> None:
        self.fendmail.write_config(REJECT_OTHER)
        self.rotate()
        self.fendmail.child.signal(signal.SIGUSR1)
        wait_until(self.fendmail.log.path.exists, "the new log file")
        self.assert_delivers(self.fendmail, OTHER, "one")
        self.fendmail.expect_log(r"CONNECT from ")
        self.assertEqual(self.fendmail.log.count("reloaded"), 0)

    def test_log_that_cannot_be_opened_anew_goes_on_where_it_was(self) -> None:
        old = self.fendmail.log.path.with_suffix(".log.1")
        self.rotate()
        self.fendmail.log.path.mkdir()
        self.fendmail.child.signal(signal.SIGUSR1)
        LogFile(old).wait_for(r"warning: cannot open log target .*the log goes on where it was$")
        self.assert_delivers(self.fendmail, CLIENT, "one")
        LogFile(old).wait_for(r"CONNECT from ")
        self.fendmail.log.path.rmdir()
        old.rename(self.fendmail.log.path)

    def test_signals_until_the_very_end_do_not_keep_it(self) -> None:
        fendmail = self.make_fendmail(self.start_sink().config)
        for _ in range(10):
            fendmail.start()
            end = time.monotonic() + 20
            while fendmail.child.is_running() and time.monotonic() < end:
                os.kill(fendmail.child.pid, signal.SIGTERM)
            # Behind its last line, when nothing is left to be done, the signal itself may end it.
            self.assertIn(fendmail.child.exit_code(), (0, -signal.SIGTERM))

    def test_log_is_opened_anew_while_it_stops(self) -> None:
        relayed = RelayedClient(self.fendmail)
        self.fendmail.terminate()
        self.fendmail.expect_log(r"stopping: ")
        self.rotate()
        self.fendmail.reload()
        wait_until(self.fendmail.log.path.exists, "the new log file")
        relayed.finish()
        self.assertEqual(self.fendmail.child.wait(10), 0)
        self.fendmail.expect_log(r"stopped, ")

    def test_stray_signals_end_nothing(self) -> None:
        for number in (
            signal.SIGUSR2,
            signal.SIGPIPE,
            signal.SIGALRM,
            signal.SIGVTALRM,
            signal.SIGPROF,
            signal.SIGPOLL,
        ):
            self.fendmail.child.signal(number)
        self.assert_delivers(self.fendmail, CLIENT, "one")


class UnderSystemd(FendmailCase):
    """JOURNAL_STREAM names the device and inode of a stderr that goes to the journal."""

    def lines_of_a_run(self, journal_stream) -> list[str]:
        """What a start and a stop leave on stderr; the journal's socket is not there in tests."""
        fendmail = self.make_fendmail(self.start_sink().config, NO_GREET_WAIT)
        fendmail.settings["log"]["target"] = "stderr"
        # Whatever can be warned of at a start.
        fendmail.settings["admin"]["listen"] = f"unix:{fendmail.directory}/missing/admin.sock"
        fendmail.write_config()
        errors = LogFile(fendmail.directory / "stderr")
        with errors.path.open("wb") as stderr:
            seen = errors.path.stat()
            where = journal_stream(f"{seen.st_dev}:{seen.st_ino}")
            environment = {**os.environ, **({"JOURNAL_STREAM": where} if where else {})}
            command = [str(binary()), "run", "-c", str(fendmail.config_path)]
            with subprocess.Popen(command, stderr=stderr, env=environment) as process:
                self.addCleanup(process.kill)
                errors.wait_for("listening on ")
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(20), 0)
        return errors.text().splitlines()

    def test_lines_have_priorities_and_no_prefix_of_ours(self) -> None:
        self.assertFalse(Path("/run/systemd/journal/socket").exists(), "it would get the lines")
        lines = self.lines_of_a_run(lambda stream: stream)
        starts = {line[:3] for line in lines}
        self.assertEqual(starts, {"<6>", "<4>"}, lines)
        self.assertTrue(any(re.match(r"<6>started version ", line) for line in lines), lines)
        self.assertTrue(any(re.match(r"<4>warning: admin\.listen", line) for line in lines), lines)

    def test_another_file_gets_lines_as_always(self) -> None:
        """Somebody put it in front of the journal's stream."""
        for stream in (lambda _: "", lambda _: "8:1", lambda s: f"{s}0", lambda s: f"1{s}"):
            with self.subTest(stream("5:6")):
                lines = self.lines_of_a_run(stream)
                self.assertTrue(
                    all(re.match(r"\w{3} [ \d]\d [\d:]{8} \S+ fendmail\[\d+\]: ", x) for x in lines),
                    lines,
                )


class Stop(FendmailCase):
    def test_log_that_nobody_reads_does_not_hold_up_the_end(self) -> None:
        """A full pipe takes no line; mail goes on, and so does SIGTERM."""
        fendmail = self.make_fendmail(self.start_sink().config, NO_GREET_WAIT)
        fendmail.settings["log"]["target"] = "stderr"
        fendmail.write_config()
        command = [str(binary()), "run", "-c", str(fendmail.config_path)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            self.addCleanup(process.kill)
            assert process.stderr is not None
            line = b""
            while b"listening on" not in line:
                line = process.stderr.readline()
                self.assertTrue(line, "it ended at its start")
            port = int(line.rsplit(b":", 1)[1].split()[0])
            # A session is three lines of about 100 octets; a pipe holds 65536.
            for _ in range(300):
                with SmtpClient((LOOPBACK4, port), CLIENT, 15.0) as client:
                    client.expect_reply(220)
                    client.expect("QUIT", 221)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(20), 0)

    def test_idle_process_ends_at_once_with_0(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                fendmail = self.start_fendmail(self.start_sink().config)
                fendmail.child.signal(number)
                self.assertEqual(fendmail.child.wait(10), 0)
                self.assertEqual(fendmail.log.count(r"stopped, 0 sessions cut off$"), 1)

    def test_relayed_session_may_finish_and_new_ones_are_refused(self) -> None:
        for kind in ("proxy-v2", "plain"):
            with self.subTest(kind):
                sink = self.start_sink(kind)
                fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT)
                relayed = RelayedClient(fendmail)
                fendmail.terminate()
                fendmail.expect_log(r"stopping: 1 session may finish within \d+ s$")
                wait_until(lambda f=fendmail: not accepts(f.address), "closed listeners")
                self.assertTrue(fendmail.child.is_running())
                relayed.finish()
                self.assertEqual(fendmail.child.wait(10), 0)
                self.assertEqual(len(sink.wait_for_mails(1)), 1)

    def assert_ends_soon(self, fendmail: Fendmail) -> None:
        """Long before the time that the backend's sessions have."""
        self.assertEqual(fendmail.child.wait(10), 0)
        fendmail.expect_log(r"stopped, 0 sessions cut off$")

    def test_waiting_client_has_its_greeting_completed_and_is_told_to_come_again(self) -> None:
        fendmail = self.start_fendmail(
            self.start_sink().config, {"greet": {"wait": "30s"}}, LONG_STOP
        )
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), TEASER)
            fendmail.terminate()
            self.assertEqual(client.read_to_end(), GREETING + SHUTTING_DOWN)
            self.assert_ends_soon(fendmail)
            fendmail.expect_log(
                rf"SUMMARY {log_name(client)} .*verdict=deferred .*ended_by=fendmail"
            )

    def test_client_behind_no_teaser_is_told_to_come_again(self) -> None:
        dns = self.start_dns()
        dns.zone("dnsbl.example.test", mood=Mood.SILENT)
        fendmail = self.start_fendmail(
            self.start_sink().config,
            NO_GREET_WAIT,
            LONG_STOP,
            {
                "dnsbl": {
                    "sites": ["dnsbl.example.test"],
                    "resolvers": [dns.resolver],
                    "timeout": "30s",
                }
            },
        )
        with fendmail.client(CLIENT) as client:
            fendmail.expect_log(rf"CONNECT from {log_name(client)}")
            fendmail.terminate()
            self.assertEqual(client.read_to_end(), SHUTTING_DOWN)
            self.assert_ends_soon(fendmail)

    def test_silent_clients_in_the_dialog_do_not_hold_up_the_end(self) -> None:
        fendmail = self.start_fendmail(
            self.start_sink().config, {"greet": {"wait": "2s"}}, IN_DIALOG, LONG_STOP
        )
        with fendmail.client(OTHER) as greeted, fendmail.client(OTHER) as talking:
            for client in (greeted, talking):
                client.expect_reply(220)
            talking.expect("EHLO bot.example.org", 250)
            talking.send(b"MAIL FR")
            fendmail.terminate()
            for client in (greeted, talking):
                self.assertEqual(client.read_to_end(), SHUTTING_DOWN)
            self.assert_ends_soon(fendmail)

    def test_client_in_its_handshake_does_not_hold_up_the_end(self) -> None:
        certificate, key = make_certificate(self.directory("tls"), "mx.example.test")
        tls = {"tls": {"level": "may", "certificate": str(certificate), "key": str(key)}}
        fendmail = self.start_fendmail(
            self.start_sink().config, NO_GREET_WAIT, IN_DIALOG, tls, LONG_STOP
        )
        with fendmail.client(OTHER) as client:
            client.expect_reply(220)
            client.expect("EHLO bot.example.org", 250)
            client.expect("STARTTLS", 220)
            fendmail.terminate()
            self.assertEqual(client.read_to_end(), b"")
            self.assert_ends_soon(fendmail)

    def test_only_sessions_of_the_backend_are_waited_for(self) -> None:
        sink = self.start_sink("proxy-v2")
        fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT, IN_DIALOG, LONG_STOP)
        relayed = RelayedClient(fendmail)
        with fendmail.client(OTHER) as client:
            client.expect_reply(220)
            fendmail.terminate()
            fendmail.expect_log(r"stopping: 1 session may finish within 30 s$")
            self.assertEqual(client.read_to_end(), SHUTTING_DOWN)
        self.assertTrue(fendmail.child.is_running())
        relayed.finish()
        self.assertEqual(fendmail.child.wait(10), 0)
        self.assertEqual(len(sink.wait_for_mails(1)), 1)

    def test_default_fits_what_containers_are_given(self) -> None:
        """docker stop kills after 10 s, and the store has to be written as well."""
        self.assertIn('stop_timeout = "8s"', run_command("defaults").stdout)

    def test_every_session_has_its_summary(self) -> None:
        sink = self.start_sink("proxy-v2")
        fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT)
        clients: list[SmtpClient] = []
        for n in range(10):
            client = fendmail.client(f"127.0.9.{n + 1}")
            client.expect_reply(220)
            clients.append(client)
        fendmail.terminate()
        for client in clients:
            client.expect("QUIT", 221)
        self.assertEqual(fendmail.child.wait(15), 0)
        for client in clients:
            self.assertEqual(fendmail.log.count(rf"SUMMARY {log_name(client)} "), 1)


if __name__ == "__main__":
    main()
