# SPDX-License-Identifier: Apache-2.0
"""What tests of relayed sessions share: fendmail with deep tests in front of a sink."""

from .fendmail import Fendmail, Settings
from .fendmail_case import NO_GREET_WAIT, FendmailCase
from .sink import Session
from .smtp_client import SmtpClient
from .waiting import wait_until

ALL: Settings = {
    "pipelining": {"enable": True, "action": "enforce"},
    "non_smtp_command": {"enable": True, "action": "drop"},
    "bare_newline": {"enable": True, "action": "enforce"},
}
ONE_WORKER: Settings = {"server": {"workers": 1}}
# What backends offer a front end, a client, and nobody behind a teaser.
OFFERS = (
    "PIPELINING", "SIZE 50000000", "VRFY", "ETRN", "XFORWARD NAME ADDR", "AUTH PLAIN LOGIN",
    "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8", "CHUNKING", "PIPECONNECT", "X-OWN",
)  # fmt: skip
TAKEN_OVER = [
    "250-SIZE 50000000", "250-AUTH PLAIN LOGIN", "250-ENHANCEDSTATUSCODES", "250-8BITMIME",
    "250-DSN", "250-SMTPUTF8", "250 CHUNKING",
]  # fmt: skip
UNAVAILABLE = "451 4.3.2 Service temporarily unavailable"


class RelayCase(FendmailCase):
    def start(self, *settings: Settings, kind: str = "proxy-v2", **backend: str) -> Fendmail:
        """fendmail that has asked the sink what it offers."""
        self.sink = self.start_sink(kind)
        self.sink.behaviour.extensions = OFFERS
        fendmail = self.start_fendmail(
            {**self.sink.config, **backend}, NO_GREET_WAIT, ONE_WORKER, ALL, *settings
        )
        # Behind kind plain a probe looks like a client.
        asked = self.sink.sessions if kind == "plain" else self.sink.probes
        wait_until(lambda: any(session.ended for session in list(asked)), "the probe")
        self.wait_for_offers(fendmail)
        return fendmail

    def sessions(self) -> list[Session]:
        """Those of clients."""
        return list(self.sink.sessions)

    def begin(self, fendmail: Fendmail) -> SmtpClient:
        """A client that nobody knows, up to the point where it may name a recipient."""
        self.clients = getattr(self, "clients", 10) + 1
        client = self.enterContext(fendmail.client(f"127.0.1.{self.clients}"))
        client.expect_reply(220)
        client.expect("EHLO client.example.org", 250)
        client.expect("MAIL FROM:<sender@example.org>", 250)
        return client
