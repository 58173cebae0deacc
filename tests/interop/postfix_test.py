#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Postfix behind fendmail, with every kind of hand-off."""

import os
import pwd
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, log_name
from fendmail_test.mta_tests import MtaCase, MtaTests, RelayingMtaTests, deliver_behind
from fendmail_test.network import to_text
from fendmail_test.postfix import Postfix
from fendmail_test.waiting import wait_until

UNPRIVILEGED = "nobody"


class PostfixCase(MtaCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.mta = cls.enterClassContext(Postfix())


class Pass(MtaTests, PostfixCase):
    kind = "postfix-pass"

    def test_frozen_mta_serves_the_waiting_client_later(self) -> None:
        fendmail = self.start()
        self.mta.pause()
        try:
            with fendmail.client(CLIENT) as client:
                client.read_line()
                self.assertTrue(client.is_silent_for(2))
                self.mta.resume()
                deliver_behind(client, self.unique("one"))
        finally:
            self.mta.resume()
        self.assert_arrived(self.unique("one"), CLIENT)

    def test_postfix_stopped_while_the_client_is_in_transit_defers(self) -> None:
        fendmail = self.start()
        self.mta.pause()
        stopped = False
        try:
            with fendmail.client(CLIENT) as client:
                client.read_line()
                self.assertTrue(client.is_silent_for(2))
                self.mta.kill()
                stopped = True
                client.expect_reply(220)
                self.assertRegex(str(client.command("EHLO client.example.org")), r"^421 4\.3\.2 ")
        finally:
            if stopped:
                self.mta.start()
            else:
                self.mta.resume()
        self.assert_delivers(fendmail, CLIENT, self.unique("later"))
        self.assert_arrived(self.unique("later"), CLIENT)

    def test_public_service_is_reached_without_privileges(self) -> None:
        """The way that is recommended: an own user in the group postdrop."""
        fendmail = self.make_fendmail(
            {"kind": "postfix-pass", "address": f"unix:{self.mta.pass_public}"},
            {"server": {"user": UNPRIVILEGED, "groups": ["postdrop"]}},
        )
        user = pwd.getpwnam(UNPRIVILEGED)
        os.chown(fendmail.directory, user.pw_uid, user.pw_gid)
        with fendmail:
            status = Path(f"/proc/{fendmail.child.pid}/status").read_text(encoding="ascii")
            self.assertRegex(status, rf"(?m)^Uid:\s+{user.pw_uid}\s+{user.pw_uid}\s")
            self.assert_delivers(fendmail, CLIENT, self.unique("one"))
        self.assert_arrived(self.unique("one"), CLIENT)

    def test_private_service_is_out_of_reach_without_privileges(self) -> None:
        fendmail = self.make_fendmail(
            self.backend(), {"server": {"user": UNPRIVILEGED, "groups": ["postdrop"]}}
        )
        user = pwd.getpwnam(UNPRIVILEGED)
        os.chown(fendmail.directory, user.pw_uid, user.pw_gid)
        with fendmail:
            self.assert_deferred(fendmail)
            fendmail.expect_log(r"warning: backend \S+ unavailable for .*ermission denied")

    def test_our_copy_of_the_socket_is_closed(self) -> None:
        fendmail = self.start(NO_GREET_WAIT)
        open_files = Path(f"/proc/{fendmail.child.pid}/fd")
        self.assert_delivers(fendmail, CLIENT, self.unique("first"))
        before = len(list(open_files.iterdir()))
        for n in range(20):
            self.assert_delivers(fendmail, CLIENT, self.unique(f"m{n}"))
        wait_until(lambda: len(list(open_files.iterdir())) <= before, "closed sockets")


class ProxyV2(RelayingMtaTests, PostfixCase):
    kind = "proxy-v2"

    def test_proxy_port_on_ipv6(self) -> None:
        fendmail = self.start(address=to_text(self.mta.proxy6))
        self.assert_delivers(fendmail, CLIENT, self.unique("one"))
        self.assert_arrived(self.unique("one"), CLIENT)


class ProxyV1(RelayingMtaTests, PostfixCase):
    kind = "proxy-v1"


class Xclient(RelayingMtaTests, PostfixCase):
    kind = "xclient"

    def test_client_is_not_offered_xclient(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            self.assertNotIn("XCLIENT", str(client.expect("EHLO client.example.org", 250)))
            client.expect("QUIT", 221)

    def test_port_that_does_not_trust_us_defers(self) -> None:
        fendmail = self.start(address=to_text(self.mta.plain))
        fendmail.expect_log(r"warning: backend \S+ suspended: .*smtpd_authorized_xclient_hosts")
        with fendmail.client(CLIENT) as client:
            self.assert_has_teaser(self.read_greeting(client))
            self.assertRegex(str(client.command("EHLO client.example.org")), r"^421 4\.3\.2 ")
            fendmail.expect_log(rf"SUMMARY {log_name(client)} .*verdict=deferred")


class Plain(RelayingMtaTests, PostfixCase):
    kind = "plain"


if __name__ == "__main__":
    main()
