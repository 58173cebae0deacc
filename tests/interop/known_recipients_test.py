#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real mail servers send a mail each, and the hosts that took them are known."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.private_network import enter_private_network, route_to_ourselves

if __name__ == "__main__":
    enter_private_network()

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.network import Address
from fendmail_test.sending import EximClient, PostfixClient
from fendmail_test.sink import SmtpSink
from fendmail_test.waiting import wait_until

# Neither ours nor private; in this network all of them lead here.
NETWORK = "203.0.113.0/24"
SENDER, TAKER, OTHER_TAKER, STRANGER = (f"203.0.113.{n}" for n in (5, 77, 78, 66))


class RealSenders(FendmailCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        route_to_ourselves(NETWORK)

    def taker(self, host: str) -> Address:
        """A mail server of somebody else."""
        sink = self.enterContext(SmtpSink("plain", None, host))
        return sink.address

    def start(self, log: Path) -> Fendmail:
        fendmail = self.start_fendmail(
            self.start_sink("proxy-v2").config,
            {
                "greet": {"wait": "30s", "wait_under_stress": "30s"},
                "known_recipients": {"logs": [str(log)], "skip": "all"},
            },
        )
        self.api = Admin(fendmail.socket_path)
        fendmail.expect_log("known recipients: (following|cannot follow)")
        return fendmail

    def is_let_in(self, fendmail: Fendmail, host: str) -> bool:
        with fendmail.client(host) as client:
            return not client.is_silent_for(0.3) and client.read_line().startswith(b"220 ")

    def assert_becomes_known(self, fendmail: Fendmail, host: str) -> None:
        wait_until(lambda: self.is_let_in(fendmail, host), f"{host} is let in")
        self.assertFalse(self.is_let_in(fendmail, STRANGER))
        self.assertFalse(self.is_let_in(fendmail, SENDER))
        self.assertEqual(self.api.get("status")["known_recipients"], 1)

    def test_postfix(self) -> None:
        postfix = self.enterContext(PostfixClient())
        fendmail = self.start(postfix.log.path)
        self.assertFalse(self.is_let_in(fendmail, TAKER))
        postfix.send(self.taker(TAKER), SENDER, "one", tls=False)
        self.assert_becomes_known(fendmail, TAKER)

    def test_exim(self) -> None:
        exim = self.enterContext(EximClient())
        fendmail = self.start(exim.log.path)
        self.assertFalse(self.is_let_in(fendmail, OTHER_TAKER))
        exim.send(self.taker(OTHER_TAKER), SENDER, "one", tls=False)
        self.assert_becomes_known(fendmail, OTHER_TAKER)


if __name__ == "__main__":
    main()
