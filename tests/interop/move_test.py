#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From Debian's stock postscreen to fendmail and back, on a fresh Debian with a real systemd.

What is typed are the blocks of docs/from-postscreen.md and README.md; what an admin does with his
editor is done with sed. transcripts/ in the build directory has all of it as he would have seen it.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.booted_debian import BootedDebian, HostCase, blocks_of
from fendmail_test.case import main

PAGE = "docs/from-postscreen.md"
MASTER = "/etc/postfix/master.cf"
CONFIG = "/etc/fendmail/fendmail.toml"

# As Debian ships it, postscreen stands in master.cf as comments.
TURN_POSTSCREEN_ON = f"""\
sed -i -e '/^smtp  *inet .* smtpd$/s/^/#/' -e '/^#smtp  *inet .* postscreen$/s/^#//' \\
  -e '/^#smtpd  *pass /s/^#//' -e '/^#dnsblog /s/^#//' -e '/^#tlsproxy /s/^#//' {MASTER}"""
# Step 5: "#" in front of postscreen, "n" in the third column of its pass service.
TAKE_THE_PORT = f"""\
sed -i -e '/^smtp  *inet .* postscreen$/s/^/#/' -e '/^smtpd  *pass /s/pass  -/pass  n/' {MASTER}"""
GIVE_THE_PORT_BACK = f"""\
sed -i -e '/^#smtp  *inet .* postscreen$/s/^#//' -e '/^smtpd  *pass /s/pass  n/pass  -/' {MASTER}"""


class Move(HostCase):
    def test_to_fendmail_and_back(self) -> None:
        (migrate, key, group, check, trial, cache, lines, start, back) = blocks_of(
            PAGE, "## The move, step by step"
        )
        with BootedDebian(self, ["postfix"], "move from postscreen") as mx:
            self.install(mx)
            mx.say("a host with Debian's stock postscreen")
            mx.run(TURN_POSTSCREEN_ON)
            mx.run("postconf -e postscreen_greet_action=enforce && postfix reload")
            self.send(mx, "through postscreen")
            self.assertIn("postscreen", mx.run("ss -ltnp; journalctl -o cat -t postfix/postscreen"))

            mx.say("step 2: translate the configuration")
            mx.run(migrate)
            mx.run(f"head -n 30 {CONFIG}")
            mx.say("what is left to do is found, all of it")
            found = mx.run(check, status=1)
            self.assertRegex(found, r"error: tls.key: cannot read .*Permission denied")
            self.assertRegex(found, r'server.listen: cannot bind .* \(it is "master", process')
            mx.run(key)
            mx.run(group)
            mx.say("step 3: check, and a trial")
            found = mx.run(check, status=1)
            self.assertNotIn("tls.key", found)
            self.assertRegex(found, r'backend.address: .*write "n" in the third column')
            tried = mx.type(trial)
            self.assertIn("220-", tried)
            self.assertRegex(tried, r"<\*\* 421 ")

            mx.say("step 4: bring the known clients over")
            self.assertRegex(mx.run(cache), r"1 (of 1 )?client")

            mx.say("step 5: change two lines of master.cf")
            mx.run(TAKE_THE_PORT)
            told = mx.quiet(f"grep -E '^#?smtpd? +(inet .* postscreen|pass)' {MASTER}")
            self.assertEqual(columns(told), columns(lines))
            self.close_the_port_and_see(mx, start)
            self.assertNotIn("error", mx.run("fendmail check --as-service"))
            self.see_fendmail_serve(mx)

            mx.say("the way back")
            mx.run(GIVE_THE_PORT_BACK)
            mx.run(back)
            mx.wait("ss -ltnp", r":25 .*master")
            self.send(mx, "through postscreen again")
            mx.wait("journalctl -o cat -t postfix/postscreen -n 2", "^PASS OLD")

    def close_the_port_and_see(self, mx: BootedDebian, start: str) -> None:
        """The mistake that everybody makes once: the old line is still on."""
        mx.say("without `postfix reload` the port is taken: systemctl says so, and why")
        mx.run("systemctl start fendmail", status=1)
        why = mx.wait("journalctl -o cat -u fendmail -n 30", r"cannot bind to .*Address already in use")
        self.assertIn("postfix reload", why)
        mx.run("systemctl stop fendmail")
        mx.say("now as the page says")
        mx.run(start)

    def see_fendmail_serve(self, mx: BootedDebian) -> None:
        status = mx.run("systemctl status fendmail")
        self.assertRegex(status, r"Active: active \(running\)")
        self.assertIn('Status: "serving on 0.0.0.0:25, [::]:25"', status)
        self.assertIn("fendmail", mx.run("ss -ltnp"))
        self.send(mx, "through fendmail")
        mx.wait("journalctl -o cat -t postfix/postscreen", "^SUMMARY .* verdict=pass_old")
        self.assertIn("550 5.5.1 Protocol error", self.talk_early(mx))

        mx.say("a reload with a mistake keeps what was")
        mx.run(f"sed -i 's/^threshold = .*//; 1i [greet\\nwait = 3' {CONFIG}")
        mx.run("systemctl reload fendmail", status=1)
        self.assertRegex(mx.run("systemctl is-active fendmail"), "^active$")
        mx.run(f"sed -i 1,2d {CONFIG} && systemctl reload fendmail")
        mx.run("systemctl restart fendmail")
        self.send(mx, "after a restart")


def columns(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


if __name__ == "__main__":
    main()
