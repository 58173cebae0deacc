#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""README's four deployments on fresh Debians with a real systemd, by copy and paste of its blocks.

transcripts/ in the build directory has all of it as an admin would have seen it.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.booted_debian import BootedDebian, HostCase, blocks_of
from fendmail_test.case import main

PASSING = "### By passing the socket (Postfix on the same machine; the cheapest way)"
MASTER = "/etc/postfix/master.cf"
CONFIG = "/etc/fendmail/fendmail.toml"
TURN_SMTPD_OFF = f"sed -i '/^smtp  *inet .* smtpd$/s/^/#/' {MASTER}"


class Deployments(HostCase):
    def test_postfix_by_passing_the_socket(self) -> None:
        lines, toml, start = blocks_of("README.md", PASSING)
        with BootedDebian(self, ["postfix"], "postfix by passing the socket") as mx:
            self.install(mx)
            service = lines.splitlines()[1]
            self.assertTrue(service.startswith("smtpd     pass  n"))
            mx.run(f"{TURN_SMTPD_OFF}\necho '{service}' >> {MASTER}")
            mx.put(CONFIG, toml)
            mx.run(start)
            self.see_it_serve(mx, "smtpd")

    def test_postfix_by_proxy_protocol(self) -> None:
        _, toml, start = blocks_of("README.md", PASSING)
        service, backend = blocks_of("README.md", "### By PROXY protocol (Postfix anywhere)")
        with BootedDebian(self, ["postfix"], "postfix by proxy protocol") as mx:
            self.install(mx)
            mx.run(f"{TURN_SMTPD_OFF}\ncat >> {MASTER} <<'END'\n{service}END")
            mx.put(CONFIG, re.sub(r"^\[backend\]\n(.+\n)+", backend, toml, flags=re.MULTILINE))
            mx.run(start)
            self.see_it_serve(mx, "smtpd")

    def test_exim(self) -> None:
        interfaces, macros = blocks_of("README.md", "## Put it in front of Exim")
        start = blocks_of("README.md", PASSING)[2]
        settings = "/etc/exim4/update-exim4.conf.conf"
        with BootedDebian(self, ["exim4-daemon-heavy"], "exim") as mx:
            # There is no group postdrop without Postfix, and no need of it.
            mx.quiet("groupadd --force postdrop")
            self.install(mx)
            mx.say("an Exim that takes mail for mx.example.org")
            mx.run(
                "sed -i -e \"s/^dc_eximconfig_configtype=.*/dc_eximconfig_configtype='internet'/\" \\\n"
                f"  -e \"s/^dc_other_hostnames=.*/dc_other_hostnames='mx.example.org'/\" {settings}"
            )
            mx.say("README")
            mx.run(
                f"sed -i '/^dc_local_interfaces=/d' {settings}\n"
                f"cat >> {settings} <<'END'\n{interfaces}END"
            )
            mx.put("/etc/exim4/exim4.conf.localmacros", macros)
            mx.run("systemctl restart exim4")
            mx.run(f"cp /usr/local/share/doc/fendmail/examples/exim-proxy.toml {CONFIG}")
            mx.run(start.replace("postfix reload\n", ""))
            self.see_it_serve(mx, "exim")

    def test_opensmtpd(self) -> None:
        (config,) = blocks_of("README.md", "## Put it in front of OpenSMTPD")
        start = blocks_of("README.md", PASSING)[2]
        with BootedDebian(self, ["opensmtpd"], "opensmtpd") as mx:
            # There is no group postdrop without Postfix, and no need of it.
            mx.quiet("groupadd --force postdrop")
            self.install(mx)
            # Into the mailbox that is looked at.
            mx.put("/etc/smtpd.conf", config.replace("maildir", "mbox"))
            mx.run("smtpd -n && systemctl restart opensmtpd")
            mx.run(f"cp /usr/local/share/doc/fendmail/examples/opensmtpd-proxy.toml {CONFIG}")
            mx.run(start.replace("postfix reload\n", ""))
            # No list can be asked there.
            self.assertIn("it takes the address of the client", mx.run("fendmail check --online", status=1))
            self.see_it_serve(mx, "smtpd")

    def see_it_serve(self, mx: BootedDebian, mta: str) -> None:
        self.assertRegex(mx.run("systemctl status fendmail"), r"Active: active \(running\)")
        self.assertNotIn(mta, mx.run("ss -ltnp sport = :25"))
        self.send(mx, "a first mail")
        self.send(mx, "one of a client that is known")
        self.assertRegex(self.talk_early(mx), "(?m)^550 5.5.1 Protocol error")
        # journald is a moment behind.
        log = mx.wait("journalctl -o cat -u fendmail", "^SUMMARY .* reasons=pregreet")
        for line in ("PASS NEW", "PASS OLD", "PREGREET", "NOQUEUE: reject", "SUMMARY"):
            self.assertIn(line, log)
        self.see_it_report(mx)
        mx.run("systemctl stop fendmail")

    def see_it_report(self, mx: BootedDebian) -> None:
        """From the journal, and as a mail by the unit's own user, through this mail server."""
        self.assertRegex(mx.run("fendmail report"), r"(?m)^  turned away +1$")
        # What `systemctl edit` would write.
        mx.run("mkdir -p /etc/systemd/system/fendmail-report.service.d")
        mx.put(
            "/etc/systemd/system/fendmail-report.service.d/to.conf",
            "[Service]\nEnvironment=REPORT_TO=alice@mx.example.org\n",
        )
        mx.run("systemctl daemon-reload && systemctl start fendmail-report.service")
        mx.wait("cat /var/mail/alice", "^Subject: fendmail mx.example.org: 0 sessions")
        mx.run("systemctl enable --now fendmail-report.timer && systemctl list-timers fendmail-report")


if __name__ == "__main__":
    main()
