#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real OpenSMTPD behind fendmail."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail_case import CLIENT
from fendmail_test.mta_tests import MtaCase
from fendmail_test.network import to_text
from fendmail_test.opensmtpd import OpenSmtpd
from fendmail_test.opensmtpd_tests import OpenSmtpdTests


class OpenSmtpdCase(MtaCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.mta = cls.enterClassContext(OpenSmtpd())


class ProxyV2(OpenSmtpdTests, OpenSmtpdCase):
    kind = "proxy-v2"

    def test_proxy_port_on_ipv6(self) -> None:
        fendmail = self.start(address=to_text(self.mta.proxy6))
        self.assert_delivers(fendmail, CLIENT, self.unique("one"))
        self.assert_arrived(self.unique("one"), CLIENT)


class Plain(OpenSmtpdTests, OpenSmtpdCase):
    kind = "plain"


if __name__ == "__main__":
    main()
