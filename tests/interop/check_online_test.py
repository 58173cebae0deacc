#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`fendmail check --online` with real mail servers, as they should be and as they should not."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.exim import Exim
from fendmail_test.fendmail import run_command
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.network import to_text
from fendmail_test.opensmtpd import OpenSmtpd
from fendmail_test.postfix import Postfix



class OnlineCase(FendmailCase):
    mta: Postfix | Exim | OpenSmtpd

    def setUp(self) -> None:
        self.show_on_failure(self.mta.log)

    def check(self, backend: dict[str, str], *who: str) -> subprocess.CompletedProcess[str]:
        fendmail = self.make_fendmail(backend, {"server": {"listen": ["127.0.0.1:0"]}})
        fendmail.write_config()
        fendmail.config_path.parent.chmod(0o755)
        who = who or ("--user", "root")
        return run_command("check", "--online", *who, "-c", str(fendmail.config_path), timeout=60)

    def assert_good(self, backend: dict[str, str], *who: str) -> None:
        done = self.check(backend, *who)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r'it greets with "220 ')
        self.assertIn("it takes the address of the client; it offers ", done.stdout)
        self.assertIn("8BITMIME", done.stdout)

    def assert_bad(self, pattern: str, backend: dict[str, str], *who: str) -> None:
        done = self.check(backend, *who)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stderr, pattern)


class WithPostfix(OnlineCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.mta = cls.enterClassContext(Postfix())

    def test_every_kind_that_is_as_configured(self) -> None:
        for kind in ("proxy-v2", "proxy-v1", "xclient", "postfix-pass"):
            with self.subTest(kind):
                self.assert_good(self.mta.backend(kind))

    def test_the_way_to_it_is_encrypted_as_that_of_a_client(self) -> None:
        for kind in ("proxy-v2", "proxy-v1", "xclient", "postfix-pass"):
            for tls in ("opportunistic", "require"):
                with self.subTest(kind=kind, tls=tls):
                    mark = self.mta.log.mark()
                    done = self.check({**self.mta.backend(kind), "tls": tls})
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                    self.assertRegex(
                        done.stdout,
                        r"STARTTLS: TLSv1\.3 with cipher \S+ \(\d+/\d+ bits\); any certificate is "
                        r"taken, it has CN = mx\.example\.test, until 2\d{3}-\d\d-\d\d",
                    )
                    self.mta.log.wait_for(r"TLS connection established from \S*\[192\.0\.2\.99\]", 10, mark)

    def test_ports_of_other_kinds(self) -> None:
        plain = to_text(self.mta.plain)
        for kind in ("proxy-v2", "proxy-v1"):
            with self.subTest(kind):
                self.assert_bad(
                    "does not take the address of the client: .*smtpd_upstream_proxy_protocol",
                    {"kind": kind, "address": plain},
                )
        self.assert_bad(
            "does not offer XCLIENT to us.*smtpd_authorized_xclient_hosts",
            {"kind": "xclient", "address": plain},
        )

    def test_a_service_that_passes_no_sockets(self) -> None:
        socket = self.mta.pass_private.parent / "rewrite"
        self.assert_bad(
            'it is no smtpd|is no "pass" service', {"kind": "postfix-pass", "address": f"unix:{socket}"}
        )

    def test_the_group_that_may_reach_the_socket(self) -> None:
        """public/ is for group postdrop alone; private/ for the user postfix."""
        passing = {"kind": "postfix-pass", "address": f"unix:{self.mta.pass_public}"}
        os.chmod(self.mta.directory, 0o755)
        self.assert_good(passing, "--user", "nobody", "--groups", "postdrop")
        self.assert_bad("run as a member of the group postdrop", passing, "--user", "nobody")


class WithPostfixOfOldTls(OnlineCase):
    """It speaks nothing newer than TLS 1.1, which fendmail does not speak."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.mta = cls.enterClassContext(
            Postfix("smtpd_tls_protocols = <=TLSv1.1\ntls_ssl_options = \n")
        )

    def test_tls_that_cannot_be_agreed_on_is_told(self) -> None:
        for tls in ("opportunistic", "require"):
            with self.subTest(tls):
                self.assert_bad(
                    "error: backend .*TLS with it does not work, .*told to come again: TLS with the "
                    "backend failed: ",
                    {**self.mta.backend("proxy-v2"), "tls": tls},
                )
        self.assert_good(self.mta.backend("proxy-v2"))


class WithExim(OnlineCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.mta = cls.enterClassContext(Exim())

    def test_as_configured_and_not(self) -> None:
        for kind in ("proxy-v2", "proxy-v1"):
            self.assert_good(self.mta.backend(kind))
            self.assert_bad(
                "does not take the address.*hosts_proxy",
                {"kind": kind, "address": to_text(self.mta.plain)},
            )


class WithOpenSmtpd(OnlineCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.mta = cls.enterClassContext(OpenSmtpd())

    def test_as_configured_and_not(self) -> None:
        self.assert_good(self.mta.backend("proxy-v2"))
        self.assert_bad(
            "does not take the address",
            {"kind": "proxy-v2", "address": to_text(self.mta.plain)},
        )
        # It knows version 2 alone.
        self.assert_bad("error: backend", self.mta.backend("proxy-v1"))


if __name__ == "__main__":
    main()
