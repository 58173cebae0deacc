#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""logrotate with the snippet that is shipped: no line is lost, and the new file is written to."""

import getpass
import grp
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail
from fendmail_test.fendmail_case import CLIENT, OTHER, FendmailCase
from fendmail_test.process import require_program, run
from fendmail_test.waiting import wait_until

SNIPPET = Path(__file__).resolve().parents[2] / "config" / "logrotate.d" / "fendmail"


class Logrotate(FendmailCase):
    def test_the_new_file_is_written_to_and_the_old_one_is_whole(self) -> None:
        fendmail = self.start_fendmail(self.start_sink().config)
        self.become_known(fendmail, CLIENT)
        fendmail.log.wait_for("SUMMARY")
        told = self.rotate(fendmail, "--force", "--verbose")
        self.assertNotIn("error", told)
        old = fendmail.log.path.with_suffix(".log.1")
        self.assertIn(f"PASS NEW [{CLIENT}]", old.read_text(encoding="utf-8"))

        # logrotate waits for the signal being sent, not for the log being opened.
        wait_until(fendmail.log.path.exists, "the new log file")
        self.become_known(fendmail, OTHER)
        fendmail.log.wait_for(rf"PASS NEW \[{OTHER}\]")
        self.assertNotIn(OTHER, old.read_text(encoding="utf-8"))

    def test_a_trial_finds_nothing_to_say(self) -> None:
        fendmail = self.start_fendmail(self.start_sink().config)
        told = self.rotate(fendmail, "--debug")
        self.assertNotRegex(told, r"(?i)error(?!s\b)")
        self.assertIn("considering log " + str(fendmail.log.path), told)

    def rotate(self, fendmail: Fendmail, *options: str) -> str:
        """With this test's directory and user, and the signal sent as systemctl would."""
        text = SNIPPET.read_text(encoding="utf-8")
        group = grp.getgrgid(os.getgid()).gr_name
        for shipped, here in (
            ("/var/log/fendmail/*.log", str(fendmail.log.path)),
            ("su fendmail fendmail", f"su {getpass.getuser()} {group}"),
            ("systemctl kill --kill-who=main --signal=USR1 fendmail.service",
             f"kill -USR1 {fendmail.child.pid}"),
        ):
            self.assertIn(shipped, text)
            text = text.replace(shipped, here)
        config = fendmail.directory / "logrotate.conf"
        config.write_text(text, encoding="utf-8")
        config.chmod(0o644)  # logrotate takes no file that others may write
        state = str(fendmail.directory / "logrotate.state")
        program = require_program("logrotate", "logrotate")
        return run([program, *options, "--state", state, config])


if __name__ == "__main__":
    main()
