#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""STARTTLS in our own dialog: what it says, what TLS it speaks, new certificates under load."""

import shutil
import ssl
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, Settings, run_command
from fendmail_test.fendmail_case import (
    CLIENT,
    NO_GREET_WAIT,
    OTHER,
    TEASER,
    FendmailCase,
    Stopwatch,
    log_name,
)
from fendmail_test.smtp_client import SmtpClient
from fendmail_test.tls import (
    OpensslClient,
    client_context,
    der_of,
    make_certificate,
    make_chain_file,
)

UNAVAILABLE = "550 5.3.2 Service currently unavailable"
TLS_REQUIRED = "530 5.7.0 Must issue a STARTTLS command first"
BOTH_VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
# So that our client is willing to speak what nobody should.
WILLING = ("-cipher", "DEFAULT:@SECLEVEL=0")


class StarttlsCase(FendmailCase):
    """Every client is refused by the access list, and so meets our dialog."""

    def setUp(self) -> None:
        super().setUp()
        self.files = self.directory("tls")
        self.certificate, self.key = make_certificate(self.files, "mx.example.test")

    def settings(self, level: str = "may", **tls) -> Settings:
        return {
            "access": {"rules": ["reject 0.0.0.0/0"], "action": "enforce"},
            "tls": {
                "level": level,
                "certificate": str(self.certificate),
                "key": str(self.key),
                **tls,
            },
        }

    def start(self, level: str = "may", *further: Settings, **tls) -> Fendmail:
        self.sink = self.start_sink()
        return self.start_fendmail(
            self.sink.config, NO_GREET_WAIT, self.settings(level, **tls), *further
        )

    def greeted(self, fendmail: Fendmail, source: str = CLIENT) -> SmtpClient:
        client = self.enterContext(fendmail.client(source))
        client.expect_reply(220)
        return client

    def encrypted(self, fendmail: Fendmail, source: str = CLIENT, **how) -> SmtpClient:
        """A client behind its handshake, before EHLO."""
        client = self.greeted(fendmail, source)
        client.expect("EHLO client.example.org", 250)
        client.start_tls(**how)
        return client

    def offers_starttls(self, client: SmtpClient) -> bool:
        lines = client.expect("EHLO client.example.org", 250).lines
        return any(line[4:] == "STARTTLS" for line in lines)


class Dialog(StarttlsCase):
    def test_a_session_goes_on_encrypted(self) -> None:
        fendmail = self.start()
        for version in BOTH_VERSIONS:
            with self.subTest(version), self.greeted(fendmail) as client:
                self.assertTrue(self.offers_starttls(client))
                client.start_tls(client_context(version))
                self.assertEqual(client.certificate, der_of(self.certificate))
                self.assertFalse(self.offers_starttls(client))
                fendmail.expect_log(
                    rf"Anonymous TLS connection established from {log_name(client)}: "
                    rf"{client.tls.version()} with cipher \S+ \(256/256 bits\)$"
                )
                self.assert_recipients_get(client, UNAVAILABLE, helo="")
                self.assertEqual(client.read_to_end(), b"")
                fendmail.expect_log(
                    rf"NOQUEUE: reject: RCPT from {log_name(client)}: {UNAVAILABLE}; "
                )
        self.assertEqual(self.sink.sessions, [])

    def test_replies(self) -> None:
        fendmail = self.start()
        client = self.greeted(fendmail)
        self.assertEqual(str(client.command("STARTTLS now")), "501 5.5.4 Syntax: STARTTLS")
        client.expect("EHLO client.example.org", 250)
        self.assertEqual(str(client.command("STARTTLS")), "220 2.0.0 Ready to start TLS")
        client = self.encrypted(fendmail)
        self.assertEqual(str(client.command("STARTTLS")), "554 5.5.1 Error: TLS already active")
        client.expect("QUIT", 221)

    def test_without_tls_nothing_is_offered(self) -> None:
        fendmail = self.start("none")
        client = self.greeted(fendmail)
        self.assertFalse(self.offers_starttls(client))
        self.assertEqual(
            str(client.command("STARTTLS")), "502 5.5.1 Error: command not implemented"
        )
        client.expect("QUIT", 221)

    def test_required_tls_lets_nothing_else_pass_before_it(self) -> None:
        fendmail = self.start("encrypt")
        client = self.greeted(fendmail)
        for command in ("HELO bot", "NOOP"):
            client.expect(command, 250)
        self.assertTrue(self.offers_starttls(client))
        for command in (
            "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.test>", "RSET",
            "VRFY b@example.test", "ETRN example.test", "NONSENSE",
        ):  # fmt: skip
            self.assertEqual(str(client.command(command)), TLS_REQUIRED, command)
        client.start_tls()
        self.assertFalse(self.offers_starttls(client))
        self.assert_recipients_get(client, UNAVAILABLE, helo="")
        with self.greeted(fendmail) as other:
            other.expect("QUIT", 221)
        with self.greeted(fendmail) as other:
            other.send(b"DATA\r\n")  # ends every session: what follows may be mail
            self.assert_says_only(other, f"{TLS_REQUIRED}\r\n".encode())

    def test_helo_and_sender_are_forgotten(self) -> None:
        fendmail = self.start("may", {"dialog": {"helo_required": True}})
        client = self.greeted(fendmail)
        client.expect("EHLO plain.example.org", 250)
        client.expect("MAIL FROM:<plain@example.org>", 250)
        client.start_tls()
        self.assertEqual(
            str(client.command("RCPT TO:<user@example.test>")), "503 5.5.1 Error: need MAIL command"
        )
        client.expect("MAIL FROM:<a@example.org>", 503)
        client.expect("EHLO encrypted.example.org", 250)
        self.assert_recipients_get(client, UNAVAILABLE, helo="")
        fendmail.expect_log(
            rf"NOQUEUE: reject: RCPT from {log_name(client)}: .*; from=<bot@example\.org>, "
            r"to=<user@example\.test>, proto=ESMTP, helo=<encrypted\.example\.org>$"
        )

    def test_a_pregreeter_gets_it_too(self) -> None:
        fendmail = self.start_fendmail(
            self.start_sink().config, self.settings(), {"access": {"rules": []}}
        )
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), TEASER)
            client.send(b"EHLO bot.example.org\r\n")
            client.expect_reply(250)
            client.start_tls()
            self.assert_recipients_get(client, "550 5.5.1 Protocol error")

    def test_command_limits_go_on(self) -> None:
        fendmail = self.start("may", {"dialog": {"command_time_limit": "1s"}})
        client = self.encrypted(fendmail)
        client.expect("EHLO client.example.org", 250)
        client.send(b"MAIL FR")
        self.assert_says_only(client, b"421 4.4.2 mx.example.test Error: timeout exceeded\r\n")
        fendmail.expect_log(rf"COMMAND TIME LIMIT from {log_name(client)} after EHLO$")


class Injection(StarttlsCase):
    """CVE-2011-0411: what somebody puts behind STARTTLS must not count as encrypted."""

    def assert_is_over(self, client: SmtpClient) -> None:
        """At most a last reply in plain text; nothing injected is answered."""
        said = client.read_to_end()
        self.assertNotIn(b"250", said)
        self.assertLessEqual(said.count(b"\r\n"), 1, said)

    def test_behind_starttls_in_one_segment(self) -> None:
        fendmail = self.start()
        for behind in (b"NOOP\r\n", b"RSET\r\nNOOP\r\n", b"N", b"\x16\x03\x01"):
            with self.subTest(behind), self.greeted(fendmail) as client:
                client.expect("EHLO client.example.org", 250)
                client.send(b"STARTTLS\r\n" + behind)
                self.assert_is_over(client)
                fendmail.expect_log(rf"PLAINTEXT AFTER STARTTLS from {log_name(client)}: ")

    def test_between_the_reply_and_the_handshake(self) -> None:
        fendmail = self.start()
        client = self.greeted(fendmail)
        client.expect("EHLO client.example.org", 250)
        client.expect("STARTTLS", 220)
        client.send(b"NOOP\r\n")
        self.assertNotIn(b"250", client.read_to_end())
        fendmail.expect_log(rf"TLS failed for {log_name(client)}: \S")

    def test_openssl_as_a_witness(self) -> None:
        fendmail = self.start()
        # Nothing that was said in plain text has an effect behind the handshake.
        shown = OpensslClient(fendmail.address, say="RCPT TO:<user@example.test>\r\nQUIT\r\n")
        self.assertTrue(shown.session, shown)
        client = self.encrypted(fendmail)
        self.assertEqual(
            str(client.command("RCPT TO:<user@example.test>")), "503 5.5.1 Error: need MAIL command"
        )


class Handshake(StarttlsCase):
    def test_a_client_that_never_begins_it_is_cut(self) -> None:
        fendmail = self.start(handshake_timeout="1s")
        client = self.greeted(fendmail)
        client.expect("EHLO client.example.org", 250)
        client.expect("STARTTLS", 220)
        watch = Stopwatch()
        self.assertEqual(client.read_to_end(), b"")
        self.assertGreater(watch.seconds(), 0.9)
        fendmail.expect_log(
            rf"TLS failed for {log_name(client)}: the handshake took too long$"
        )

    def test_garbage_is_no_handshake(self) -> None:
        fendmail = self.start()
        client = self.greeted(fendmail)
        client.expect("EHLO client.example.org", 250)
        client.expect("STARTTLS", 220)
        client.send(b"\xff" * 1000)
        self.assertLessEqual(len(client.read_to_end()), 7)  # an alert
        fendmail.expect_log(rf"TLS failed for {log_name(client)}: \S")
        with self.greeted(fendmail, OTHER) as other:
            other.expect("QUIT", 221)

    def test_an_end_without_close_notify_is_a_hang_up_like_any_other(self) -> None:
        fendmail = self.start()
        with self.encrypted(fendmail) as client:
            client.expect("EHLO client.example.org", 250)
            who = log_name(client)
        fendmail.expect_log(rf"HANGUP after [\d.]+ from {who} in tests after SMTP handshake$")
        fendmail.expect_log(rf"DISCONNECT {who}$")
        self.assertEqual(fendmail.log.count("failed"), 0, fendmail.log.tail())


class Protocols(StarttlsCase):
    def test_only_versions_that_are_safe(self) -> None:
        fendmail = self.start()
        for option, session in {
            "-tls1": "", "-tls1_1": "", "-tls1_2": "New, TLSv1.2", "-tls1_3": "New, TLSv1.3",
        }.items():  # fmt: skip
            with self.subTest(option):
                shown = OpensslClient(fendmail.address, option, *WILLING)
                self.assertEqual(shown.session, session, shown)
                if not session:
                    self.assertIn("alert protocol version", shown.output)
        fendmail.expect_log(r"TLS failed for \S+: unsupported protocol$", after=0)

    def test_the_oldest_version_can_be_set(self) -> None:
        fendmail = self.start(min_protocol="TLSv1.3")
        for option, session in {"-tls1_2": "", "-tls1_3": "New, TLSv1.3"}.items():
            with self.subTest(option):
                shown = OpensslClient(fendmail.address, option)
                self.assertEqual(shown.session, session, shown)

    def test_weak_ciphers_and_compression_are_refused(self) -> None:
        fendmail = self.start()
        for cipher in ("aNULL", "eNULL", "DES-CBC3-SHA", "RC4", "EXP", "MD5"):
            with self.subTest(cipher):
                shown = OpensslClient(
                    fendmail.address, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0"
                )
                self.assertEqual(shown.session, "", shown)
        shown = OpensslClient(fendmail.address, "-tls1_2", "-comp")
        self.assertIn("Compression: NONE", shown.output)

    def test_renegotiation_is_refused(self) -> None:
        fendmail = self.start()
        shown = OpensslClient(fendmail.address, "-tls1_2", say="R\n")
        self.assertIn("RENEGOTIATING", shown.output)
        self.assertIn("no renegotiation", shown.output)
        # RFC 5746 §3.6: said all the same, for clients that insist.
        self.assertIn("Secure Renegotiation IS supported", shown.output)

    def test_no_early_data(self) -> None:
        fendmail = self.start()
        shown = OpensslClient(fendmail.address, "-tls1_3", "-ign_eof", say="QUIT\r\n")
        self.assertIn("Early data was not sent", shown.output)
        self.assertNotRegex(shown.output, r"Max Early Data: [1-9]")

    def test_each_client_gets_its_kind_of_certificate(self) -> None:
        rsa = make_chain_file(self.files, "mx.example.test", "rsa", "rsa.pem")
        fendmail = self.start(chain_files=[str(rsa)])
        for version in ("-tls1_2", "-tls1_3"):
            for algorithms, key_type in {
                "ECDSA+SHA256": "ECDSA", "RSA-PSS+SHA256": "RSA",
                "RSA-PSS+SHA256:ECDSA+SHA256": "ECDSA",
            }.items():  # fmt: skip
                with self.subTest(f"{version} {algorithms}"):
                    shown = OpensslClient(fendmail.address, version, "-sigalgs", algorithms)
                    self.assertEqual(shown.key_type, key_type, shown)


class Tickets(StarttlsCase):
    def resume(self, fendmail: Fendmail, version: ssl.TLSVersion) -> bool:
        """Whether the session of a first connection is resumed in a second one."""
        context = client_context(version)
        with self.encrypted(fendmail, context=context) as first:
            self.assertFalse(first.tls.session_reused)
            first.expect("EHLO client.example.org", 250)
            session = first.tls_session
            first.expect("QUIT", 221)
        with self.encrypted(fendmail, context=context, session=session) as second:
            second.expect("EHLO client.example.org", 250)
            second.expect("QUIT", 221)
            return bool(second.tls.session_reused)

    def test_a_session_is_resumed(self) -> None:
        fendmail = self.start()
        for version in BOTH_VERSIONS:
            with self.subTest(version):
                self.assertTrue(self.resume(fendmail, version))

    def test_tickets_can_be_turned_off(self) -> None:
        fendmail = self.start(session_tickets=False)
        for version in BOTH_VERSIONS:
            with self.subTest(version):
                self.assertFalse(self.resume(fendmail, version))

    def test_openssl_resumes(self) -> None:
        fendmail = self.start()
        for version, shown_as in {"-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"}.items():
            with self.subTest(version):
                kept = self.files / f"session{version}"
                new = OpensslClient(fendmail.address, version, "-ign_eof", "-sess_out", str(kept))
                self.assertEqual(new.session, f"New, {shown_as}", new)
                again = OpensslClient(fendmail.address, version, "-sess_in", str(kept))
                self.assertEqual(again.session, f"Reused, {shown_as}", again)

    def test_a_reload_forgets_tickets_but_fails_nobody(self) -> None:
        fendmail = self.start()
        context = client_context()
        with self.encrypted(fendmail, context=context) as first:
            first.expect("EHLO client.example.org", 250)
            session = first.tls_session
            fendmail.reload()
            fendmail.expect_log("reloaded configuration")
            first.expect("NOOP", 250)  # a session keeps what it began with
        with self.encrypted(fendmail, context=context, session=session) as second:
            second.expect("EHLO client.example.org", 250)
            self.assertFalse(second.tls.session_reused)


class Load:
    """Clients that shake hands without a pause until they are stopped."""

    def __init__(self, fendmail: Fendmail, clients: int = 4):
        self.failures: list[str] = []
        self.certificates: list[bytes] = []
        self._stop = threading.Event()
        self._fendmail = fendmail
        self._threads = [
            threading.Thread(target=self._run, args=(f"127.0.2.{number + 1}",))
            for number in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, source: str) -> None:
        while not self._stop.is_set():
            try:
                with self._fendmail.client(source) as client:
                    client.expect_reply(220)
                    client.expect("EHLO client.example.org", 250)
                    client.start_tls()
                    self.certificates.append(client.certificate)
                    client.expect("EHLO client.example.org", 250)
                    client.expect("QUIT", 221)
            except (OSError, AssertionError) as failure:
                self.failures.append(f"{source}: {failure!r}")

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


class Reload(StarttlsCase):
    def replace_certificate(self) -> bytes:
        """A new pair of files in the place of the old ones; returns the certificate as DER."""
        new = make_certificate(self.files, "mx.example.test", name="new-")
        for source, target in zip(new, (self.certificate, self.key), strict=True):
            source.replace(target)
        return der_of(self.certificate)

    def served(self, fendmail: Fendmail) -> bytes:
        with self.encrypted(fendmail) as client:
            client.expect("EHLO client.example.org", 250)
            client.expect("QUIT", 221)
            return client.certificate

    def test_a_new_certificate_under_load(self) -> None:
        fendmail = self.start()
        load = Load(fendmail)
        self.addCleanup(load.stop)
        wanted = [der_of(self.certificate)]
        for _ in range(8):
            wanted.append(self.replace_certificate())
            mark = fendmail.log.mark()
            fendmail.reload()
            fendmail.expect_log("reloaded configuration", after=mark)
            # The workers take it in the order of their queues: whoever connects from now on.
            self.assertEqual(self.served(fendmail), wanted[-1])
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertGreater(len(load.certificates), 2 * len(wanted))
        self.assertLessEqual(set(load.certificates), set(wanted))
        self.assertEqual(fendmail.log.count("TLS failed"), 0)

    def test_a_broken_one_keeps_the_old_one(self) -> None:
        fendmail = self.start()
        old = der_of(self.certificate)
        kept = self.files / "kept.pem"
        shutil.copy(self.certificate, kept)
        other_key = make_certificate(self.files, "other.example", name="other-")[1]
        for name, text, reason in (
            ("certificate", "", "holds no certificate in PEM form"),
            ("certificate", None, "cannot read .*: No such file or directory"),
            ("key", other_key.read_text("ascii"), "does not belong to the certificate in"),
        ):
            with self.subTest(reason):
                path = self.certificate if name == "certificate" else self.key
                before = path.read_bytes()
                if text is None:
                    path.unlink()
                else:
                    path.write_text(text, encoding="ascii")
                mark = fendmail.log.mark()
                fendmail.reload()
                fendmail.expect_log(
                    rf"configuration not reloaded, the old one stays in use: \S+: error: "
                    rf"tls\.{name}: .*{reason}",
                    after=mark,
                )
                self.assertEqual(self.served(fendmail), old)
                path.write_bytes(before)

    def test_a_certificate_near_its_end_is_told(self) -> None:
        self.certificate, self.key = make_certificate(self.files, "mx.example.test", days=3)
        fendmail = self.start()
        done = run_command("check", "-c", str(fendmail.config_path))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"warning: tls\.certificate: .*expires on \d{4}-\d\d-\d\d")
        fendmail.reload()
        fendmail.expect_log(r"tls\.certificate: .*expires on \d{4}-\d\d-\d\d")
        self.assertEqual(self.served(fendmail), der_of(self.certificate))

    def test_tls_can_be_turned_on_and_off(self) -> None:
        fendmail = self.start("none")
        for level, offered in (("may", True), ("none", False)):
            with self.subTest(level):
                mark = fendmail.log.mark()
                fendmail.write_config({"tls": {"level": level}})
                fendmail.reload()
                fendmail.expect_log("reloaded configuration", after=mark)
                with self.greeted(fendmail) as client:
                    self.assertEqual(self.offers_starttls(client), offered)


if __name__ == "__main__":
    main()
