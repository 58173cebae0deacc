#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our log against fail2ban's own postfix filter, unchanged, as Debian installs it, and against ours.

With ident "postfix/postscreen" the filter must find every client that was refused as listed, in
the mode that a plain `[postfix]` jail uses, and never an address that a client wrote.

The lines below have the forms that tests/unit/core/event/render_test.cpp fixes word for word; the
last test takes a log that the real binary wrote.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, OTHER, FendmailCase

FAIL2BAN = pathlib.Path("/etc/fail2ban")
FILTER = FAIL2BAN / "filter.d/postfix.conf"
OURS = pathlib.Path(__file__).resolve().parents[2] / "config/fail2ban"
PREFIX = "Nov 21 06:07:08 mx.example {ident}[17427]: "
IDENT = "postfix/postscreen"
FORGED = "203.0.113.66"
# What passes, and tries to get another one banned, in each format.
EVIL = (
    f'EHLO x","client":"{FORGED}","client_port":1,"local":"x","local_port":1,"verdict":"rejected" '
    f"client={FORGED} verdict=rejected SUMMARY [{FORGED}]:1 session=1 verdict=rejected "
)

# Address -> line. One address to a line, so that a match tells which line it was.
LINES = {
    "192.0.2.1": "CONNECT from [192.0.2.1]:12345 to [198.51.100.9]:25",
    "192.0.2.2": "NOQUEUE: reject: RCPT from [192.0.2.2]:12345: 550 5.7.1 Service unavailable; "
                 "client [192.0.2.2] blocked using zen.example; from=<a@b>, to=<c@d>, "
                 "proto=ESMTP, helo=<h>",
    "2001:db8::1": "NOQUEUE: reject: RCPT from [2001:db8::1]:25000: 550 5.7.1 Service "
                   "unavailable; client [2001:db8::1] blocked using zen.example; from=<a@b>, "
                   "to=<c@d>, proto=ESMTP, helo=<h>",
    "192.0.2.3": "NOQUEUE: reject: RCPT from [192.0.2.3]:12345: 450 4.3.2 Service currently "
                 "unavailable; from=<a@b>, to=<c@d>, proto=ESMTP, helo=<h>",
    "192.0.2.4": "NOQUEUE: reject: RCPT from [192.0.2.4]:12345: 550 5.5.1 Protocol error; "
                 "from=<a@b>, to=<c@d>, proto=ESMTP, helo=<h>",
    "192.0.2.6": r"PREGREET 11 after 0.23 from [192.0.2.6]:12345: EHLO x\r\n",
    "192.0.2.7": "HANGUP after 0.23 from [192.0.2.7]:12345 in tests before SMTP handshake",
    "192.0.2.8": "HANGUP after 0.23 from [192.0.2.8]:12345 in tests after SMTP handshake",
    "192.0.2.9": "HANGUP after 0.23 from [192.0.2.9]:12345 while handing off",
    "192.0.2.10": "HANGUP after 0.23 from [192.0.2.10]:12345 in relay",
    "192.0.2.11": "COMMAND TIME LIMIT from [192.0.2.11]:12345 after CONNECT",
    "192.0.2.12": "COMMAND COUNT LIMIT from [192.0.2.12]:12345 after NOOP",
    "192.0.2.13": "COMMAND LENGTH LIMIT from [192.0.2.13]:12345 after EHLO",
    "192.0.2.14": "NOQUEUE: reject: CONNECT from [192.0.2.14]:12345: too many connections",
    "192.0.2.15": "PASS NEW [192.0.2.15]:12345",
    "192.0.2.16": "DNSBL rank 3 for [192.0.2.16]:12345",
    "192.0.2.17": "SUMMARY [192.0.2.17]:12345 session=7 verdict=rejected phase=dialog "
                  "ended_by=fendmail reasons=dnsbl dnsbl=3 reply=\"550 5.7.1 Service unavailable; "
                  "client [192.0.2.17] blocked\" helo=h screening=6.010 total=6.100",
    "192.0.2.18": "warning: backend 127.0.0.1:10025 unavailable for [192.0.2.18]:12345: refused",
    # A client that tries to get somebody else banned.
    "192.0.2.19": rf"PREGREET 99 after 0.1 from [192.0.2.19]:12345: \r\nNov 21 06:07:08 mx "
                  rf"postfix/postscreen[1]: NOQUEUE: reject: RCPT from x[{FORGED}]:1: 550 5.7.1",
    "192.0.2.20": "NOQUEUE: reject: RCPT from [192.0.2.20]:12345: 450 4.3.2 Try again; "
                  f"from=<a]: NOQUEUE: reject: RCPT from x[{FORGED}]: 550 5.7.1 Service "
                  f"unavailable>, to=<c@d>, proto=ESMTP, helo=<RCPT from x[{FORGED}]: 550 5.7.1>",
}
SUMMARY = ("SUMMARY [{0}]:12345 session=7 verdict={1} phase=dialog ended_by=fendmail reasons={2} "
           "dnsbl=0 reply=\"550 5.7.1 {3}\" helo={3} screening=6.010 total=6.100")
# Address -> verdict, reason, and what the client wrote.
SESSIONS = {
    "192.0.2.1": ("rejected", "pregreet", "h"),
    "192.0.2.2": ("rejected", "access_list", "h"),
    "192.0.2.3": ("dropped", "dnsbl", "h"),
    "192.0.2.4": ("dropped", "access_list", "h"),
    "2001:db8::5": ("rejected", "pregreet,dnsbl", "h"),
    "192.0.2.6": ("rejected", "bare_newline", "h"),
    "192.0.2.11": ("deferred", "too_many_connections", "h"),
    "192.0.2.12": ("left", "", "h"),
    "192.0.2.13": ("pass_new", "", "h"),
    "192.0.2.14": ("passed", "pregreet", "h"),
    "192.0.2.15": ("allowlisted", "", "h"),
    # Clients that try to get somebody else, or a passed one, banned.
    "192.0.2.16": ("pass_new", "", f"SUMMARY [{FORGED}]:1 session=1 verdict=rejected "),
    "192.0.2.7": ("rejected", "dnsbl", f"[{FORGED}]:1 session=1 verdict=rejected "),
}
BAD = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "2001:db8::5", "192.0.2.6", "192.0.2.7"}
REFUSED = {"192.0.2.2", "2001:db8::1"}
NUISANCE = {"192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.9", "192.0.2.10", "192.0.2.11",
            "192.0.2.12", "192.0.2.13", "192.0.2.19"}


class OwnFilter(Case):
    """The filter and the jail that are installed beside fail2ban's."""

    def setUp(self):
        super().setUp()
        self.etc = with_ours(self.directory("fail2ban"))

    def found(self, lines):
        log = self.etc.parent / "fendmail.log"
        log.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return found_by(log, self.etc / "filter.d/fendmail.conf")

    def test_finds_whoever_was_refused_once_for_each_session(self):
        for ident in ("fendmail", IDENT):
            lines = [
                PREFIX.format(ident=ident) + SUMMARY.format(address, *rest)
                for address, rest in SESSIONS.items()
            ]
            lines += [PREFIX.format(ident=ident) + line for line in LINES.values()]
            with self.subTest(ident):
                # LINES has one summary of a refused client.
                self.assertEqual(sorted(self.found(lines)), sorted(BAD | {"192.0.2.17"}))

    def test_finds_nothing_of_other_programs(self):
        lines = [
            PREFIX.format(ident="postfix/smtpd") + SUMMARY.format(address, *rest)
            for address, rest in SESSIONS.items()
        ]
        self.assertEqual(self.found(lines), [])

    def test_jail_is_one_that_fail2ban_takes(self):
        # The log has to exist, and the journal needs a package more.
        jail = self.etc / "jail.d/fendmail.conf"
        log = self.etc.parent / "mail.log"
        log.touch()
        wanted = f"backend = auto\nlogpath = {log}"
        text = jail.read_text(encoding="utf-8")
        self.assertIn("backend  = systemd", text)
        jail.write_text(text.replace("backend  = systemd", wanted), encoding="utf-8")
        for other in (self.etc / "jail.d").iterdir():
            if other != jail:
                other.unlink()
        run = subprocess.run(["fail2ban-client", "-c", str(self.etc), "-d"],
                             capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("['add', 'fendmail', 'auto']", run.stdout)
        self.assertIn("SUMMARY", run.stdout)


def with_ours(directory):
    """fail2ban's configuration with our files: what a filter includes is looked for beside it."""
    etc = directory / "etc"
    shutil.copytree(FAIL2BAN, etc, symlinks=True)
    shutil.copytree(OURS, etc, dirs_exist_ok=True)
    return etc


def found_by(logfile, filter_):
    """Addresses that the filter finds in `logfile`, one for each line that matches."""
    # <ip> as the output makes fail2ban-regex print the address of each match and nothing else.
    run = subprocess.run(["fail2ban-regex", "--out", "<ip>", str(logfile), str(filter_)],
                         capture_output=True, text=True, timeout=60, check=False)
    found = re.findall(r"^([0-9a-fA-F.:]+)$", run.stdout, re.MULTILINE)
    if not found and run.stderr.strip():
        raise RuntimeError(run.stderr)
    return found


def matches(logfile, mode=None):
    """Addresses that the filter finds in `logfile`, one for each line that matches.

    mode: of the filter; None is what the bare path of the filter means ("more")."""
    return found_by(logfile, f"{FILTER}[mode={mode}]" if mode else FILTER)


class Filter(Case):
    def matches(self, ident, mode=None):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
            for line in LINES.values():
                print(PREFIX.format(ident=ident) + line, file=log)
            log.flush()
            return matches(log.name, mode)

    def test_the_default_mode_finds_listed_clients_and_no_other(self):
        for mode in (None, "normal", "more", "extra"):
            with self.subTest(mode=mode):
                self.assertEqual(set(self.matches(IDENT, mode)), REFUSED)

    def test_mode_ddos_finds_pregreets_hangups_and_limits(self):
        self.assertEqual(set(self.matches(IDENT, "ddos")), NUISANCE)

    def test_mode_aggressive_finds_both(self):
        self.assertEqual(set(self.matches(IDENT, "aggressive")), REFUSED | NUISANCE)

    def test_no_mode_finds_an_address_that_a_client_wrote(self):
        for mode in (None, "auth", "normal", "rbl", "ddos", "extra", "aggressive", "errors"):
            with self.subTest(mode=mode):
                self.assertNotIn(FORGED, self.matches(IDENT, mode))

    def test_another_ident_is_not_found(self):
        """Why docs/log-events.md tells an admin to set the ident."""
        self.assertEqual(self.matches("fendmail", "aggressive"), [])


class RealLog(FendmailCase):
    """A listed client of the real binary, in the log that the binary wrote."""

    def test_the_filter_finds_the_listed_client_in_a_log_of_the_binary(self):
        dns = self.start_dns()
        dns.zone("bl.test", {CLIENT: ["127.0.0.2"]})
        fendmail = self.start_fendmail(
            self.start_sink().config,
            NO_GREET_WAIT,
            {"dnsbl": {"sites": ["bl.test"], "resolvers": [dns.resolver]}, "log": {"ident": IDENT}},
        )
        reply = f"550 5.7.1 Service unavailable; client [{CLIENT}] blocked using bl.test"
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, reply)
        self.become_known(fendmail, OTHER)
        fendmail.expect_log(rf"NOQUEUE: reject: RCPT from \[{re.escape(CLIENT)}\]")
        self.assertEqual(matches(fendmail.log.path), [CLIENT])

    def test_our_filter_finds_whoever_was_refused_in_a_log_of_the_binary(self):
        self.see_who_is_found("postscreen", "reloaded configuration", "SUMMARY")

    def test_our_filter_finds_whoever_was_refused_in_json(self):
        self.see_who_is_found("json", '"event":"reloaded"', '"event":"session_ended"')

    def test_our_filter_finds_whoever_was_refused_in_logfmt(self):
        self.see_who_is_found("logfmt", "event=reloaded ", "event=session_ended ")

    def see_who_is_found(self, form, reloaded, ended):
        dropped, early = "127.0.1.8", "127.0.1.9"
        settings = {
            "access": {"rules": [f"reject {CLIENT}"], "action": "enforce"},
            "greet": {"wait": "2s"},
            "log": {"format": form},
        }
        fendmail = self.start_fendmail(self.start_sink().config, settings)
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            self.assert_recipients_get(client, "550 5.3.2 Service currently unavailable")
        with fendmail.client(early) as client:
            client.send(b"EHLO bot.example.org\r\n")
            client.read_line()  # the teaser, completed by the reply to EHLO
            client.expect_reply(250)
            self.assert_recipients_get(client, "550 5.5.1 Protocol error", helo="")
        fendmail.write_config({"access": {"rules": [f"reject {dropped}"], "action": "drop"}})
        fendmail.reload()
        fendmail.expect_log(reloaded)
        with fendmail.client(dropped) as client:
            client.read_to_end()
        with fendmail.client(OTHER) as client:
            self.read_greeting(client)
            client.expect(EVIL, 250)
            client.expect("QUIT", 221)
        fendmail.log.wait_for(ended, count=4)
        self.assertEqual(
            found_by(
                fendmail.log.path,
                with_ours(self.directory("fail2ban")) / "filter.d/fendmail.conf",
            ),
            [CLIENT, early, dropped],
        )


if __name__ == "__main__":
    main()
