#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our log against fail2ban's own postfix filter, unchanged, as Debian installs it.

With ident "postfix/postscreen" the filter must find every client that was refused as listed, in
the mode that a plain `[postfix]` jail uses, and never an address that a client wrote.

The lines below have the forms that tests/unit/core/event/render_test.cpp fixes word for word; the
last test takes a log that the real binary wrote.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, OTHER, FendmailCase

FILTER = pathlib.Path("/etc/fail2ban/filter.d/postfix.conf")
PREFIX = "Nov 21 06:07:08 mx.example {ident}[17427]: "
IDENT = "postfix/postscreen"
FORGED = "203.0.113.66"

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
REFUSED = {"192.0.2.2", "2001:db8::1"}
NUISANCE = {"192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.9", "192.0.2.10", "192.0.2.11",
            "192.0.2.12", "192.0.2.13", "192.0.2.19"}


def matches(logfile, mode=None):
    """Addresses that the filter finds in `logfile`, one for each line that matches.

    mode: of the filter; None is what the bare path of the filter means ("more")."""
    name = f"{FILTER}[mode={mode}]" if mode else str(FILTER)
    # <ip> as the output makes fail2ban-regex print the address of each match and nothing else.
    run = subprocess.run(["fail2ban-regex", "--out", "<ip>", str(logfile), name],
                         capture_output=True, text=True, timeout=60, check=False)
    found = re.findall(r"^([0-9a-fA-F.:]+)$", run.stdout, re.MULTILINE)
    if not found and run.stderr.strip():
        raise RuntimeError(run.stderr)
    return found


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


if __name__ == "__main__":
    main()
