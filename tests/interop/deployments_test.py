#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""README's three deployments on fresh Debians with a real systemd, by copy and paste of its blocks.

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
        mx.run("systemctl stop fendmail")


if __name__ == "__main__":
    main()
