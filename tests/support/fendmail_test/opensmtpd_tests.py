# SPDX-License-Identifier: Apache-2.0
"""What every way to OpenSMTPD has to pass: the tests of other mail servers, where it differs."""

from .fendmail import Settings
from .fendmail_case import CLIENT
from .mta_tests import RelayingMtaTests
from .smtp_client import make_message


class OpenSmtpdTests(RelayingMtaTests):
    def test_half_closed_client_gets_its_replies(self) -> None:
        """As elsewhere, but for QUIT right behind a mail: it refuses all that is pipelined."""
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            client.expect("EHLO client.example.org", 250)
            client.send_mail(make_message(self.unique("half")))
            client.send(b"QUIT\r\n")
            client.half_close()
            client.expect_reply(221)
            self.assertEqual(client.read_to_end(), b"")
        self.assert_arrived(self.unique("half"), CLIENT)

    def test_start_tls_passes_through(self) -> None:
        if self.mta.speaks_tls:
            super().test_start_tls_passes_through()
            return
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            offered = client.expect("EHLO client.example.org", 250).lines
            self.assertNotIn("STARTTLS", str(offered))

    def test_swaks_delivers(self) -> None:
        fendmail = self.start()
        for name, options in {"plain": [], "tls": ["--tls-optional"]}.items():
            with self.subTest(name):
                self.run_swaks(fendmail, self.unique(name), *options)
                self.assert_arrived(self.unique(name), CLIENT)

    def test_no_pipelining_is_offered_on_the_way_through_deep_tests(self) -> None:
        deep: Settings = {"non_smtp_command": {"enable": True}}
        fendmail = self.start(deep)
        with fendmail.client(CLIENT) as client:
            self.read_greeting(client)
            offered = str(client.expect("EHLO client.example.org", 250).lines)
            self.assertIn("8BITMIME", offered)
            self.assertNotIn("PIPELINING", offered)
            client.send_mail(make_message(self.unique("deep")))
            client.expect("QUIT", 221)
        self.assert_arrived(self.unique("deep"), CLIENT)
        fendmail.expect_log("SUMMARY .* verdict=pass_new phase=relay")
