#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates for clients that name one of several names (SNI), and chains in any order."""

import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail, run_command
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, FendmailCase
from fendmail_test.process import require_program, run
from fendmail_test.tls import OpensslClient, client_context, der_of, make_certificate


class Names(FendmailCase):
    def setUp(self) -> None:
        super().setUp()
        self.files = self.directory("tls")
        self.certificates: dict[str, bytes] = {}
        self.paths: dict[str, tuple[Path, Path]] = {}

    def make(self, name: str, hostname: str, kind: str = "ecdsa") -> tuple[Path, Path]:
        paths = make_certificate(self.files, hostname, kind, f"{name}-")
        self.paths[name] = paths
        self.certificates[name] = der_of(paths[0])
        return paths

    def table(self, name: str, names: list[str]) -> str:
        certificate, key = self.paths[name]
        listed = ", ".join(f'"{one}"' for one in names)
        return (
            f'\n[[tls.certificate]]\nnames = [{listed}]\ncertificate = "{certificate}"\n'
            f'key = "{key}"\n'
        )

    def start(self, *tables: str) -> Fendmail:
        certificate, key = self.make("common", "mx.example.test")
        fendmail = self.start_fendmail(
            self.start_sink().config,
            NO_GREET_WAIT,
            {
                "access": {"rules": ["reject 0.0.0.0/0"], "action": "enforce"},
                "tls": {"level": "may", "certificate": str(certificate), "key": str(key)},
            },
        )
        self.tables(fendmail, *tables)
        return fendmail

    def tables(self, fendmail: Fendmail, *tables: str) -> None:
        fendmail.write_config({})
        with fendmail.config_path.open("a", encoding="utf-8") as file:
            file.write("".join(tables))
        mark = fendmail.log.mark()
        fendmail.reload()
        fendmail.expect_log("reloaded configuration", after=mark)

    def served(self, fendmail: Fendmail, name: str | None, version=None) -> str:
        """Which certificate a client gets."""
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.expect("EHLO client.example.org", 250)
            client.expect("STARTTLS", 220)
            context = client_context(version)
            with context.wrap_socket(client._socket, server_hostname=name) as tls:
                got = tls.getpeercert(binary_form=True)
                tls.sendall(b"EHLO client.example.org\r\n")
                self.assertTrue(tls.recv(4096).startswith(b"250"))
        return next(known for known, der in self.certificates.items() if der == got)

    def test_who_names_a_name_gets_its_certificate(self) -> None:
        self.make("one", "mx.one.example")
        self.make("wild", "*.two.example")
        self.make("deep", "a.two.example")
        fendmail = self.start(
            self.table("one", ["MX.One.Example", "mail.one.example"]),
            self.table("wild", [".two.example"]),
            self.table("deep", ["a.two.example"]),
        )
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for name, wanted in (
                (None, "common"), ("mx.example.test", "common"), ("one.example", "common"),
                ("mx.one.example", "one"), ("mX.oNe.example", "one"), ("mail.one.example", "one"),
                ("x.mx.one.example", "common"), ("two.example", "common"),
                ("b.two.example", "wild"), ("c.b.two.example", "wild"), ("a.two.example", "deep"),
                ("x" * 60 + ".example", "common"),
            ):  # fmt: skip
                with self.subTest(name=name, version=version):
                    self.assertEqual(self.served(fendmail, name, version), wanted)

    def test_two_kinds_of_keys_for_one_name(self) -> None:
        self.make("ec", "mx.one.example")
        self.make("rsa", "mx.one.example", "rsa")
        fendmail = self.start(
            self.table("ec", ["mx.one.example"]), self.table("rsa", ["mx.one.example"])
        )
        for algorithms, kind in (("ECDSA+SHA256", "ECDSA"), ("RSA-PSS+SHA256", "RSA")):
            client = OpensslClient(
                fendmail.address, "-servername", "mx.one.example", "-sigalgs", algorithms,
                source=CLIENT,
            )  # fmt: skip
            self.assertEqual(client.key_type, kind, str(client))

    def test_a_reload_takes_new_files_and_leaves_out_what_is_broken(self) -> None:
        self.make("one", "one.example")
        self.make("two", "two.example")
        tables = [self.table("one", ["one.example"]), self.table("two", ["two.example"])]
        fendmail = self.start(*tables)
        self.assertEqual(self.served(fendmail, "one.example"), "one")
        new = make_certificate(self.files, "one.example", name="new-")
        for source, target in zip(new, self.paths["one"], strict=True):
            source.replace(target)
        self.certificates["new"] = der_of(self.paths["one"][0])
        self.paths["two"][1].write_text("none\n", encoding="ascii")
        self.tables(fendmail, *tables)
        fendmail.expect_log(
            r"tls\.certificate\.key: .*two-key\.pem\" holds no private key; its clients get the "
            "certificate of all others"
        )
        self.assertEqual(self.served(fendmail, "one.example"), "new")
        self.assertEqual(self.served(fendmail, "two.example"), "common")
        self.assertEqual(self.served(fendmail, None), "common")

    def test_a_table_without_names_is_for_all_others(self) -> None:
        self.make("rsa", "mx.example.test", "rsa")
        fendmail = self.start(self.table("rsa", []))
        client = OpensslClient(fendmail.address, "-sigalgs", "RSA-PSS+SHA256", source=CLIENT)
        self.assertEqual(client.key_type, "RSA", str(client))

    def test_check_tells_each_mistake(self) -> None:
        self.make("one", "one.example")
        self.make("two", "two.example")
        self.paths["mixed"] = (self.paths["one"][0], self.paths["two"][1])
        for tables, status, wanted in (
            (self.table("one", ["one.example"]), 0, None),
            (self.table("one", ["other.example"]), 0,
             r':\d+:\d+: warning: tls\.certificate\.certificate: the certificate in "\S+one-cert\.pem" '
             r'is not for "other\.example"'),
            (self.table("one", [".one.example"]), 0, r'is not for "\.one\.example"'),
            (self.table("mixed", ["one.example"]), 0,
             r"warning: tls\.certificate\.key: .* does not belong to the certificate in"),
            (self.table("one", ["no name"]), 1, r"error: tls\.certificate\.names: not a host name"),
            ("\n[[tls.certificate]]\nnames = [\"a.example\"]\n", 1,
             r":\d+:\d+: error: tls\.certificate: certificate is missing"),
            ("\n[[tls.certificate]]\nname = [\"a.example\"]\n", 1, r'did you mean "names"'),
            (self.table("one", ["one.example"]) + self.table("two", ["one.example", "two.example"]),
             0, r'another table has "one\.example" already'),
        ):  # fmt: skip
            with self.subTest(tables):
                common = self.make("common", "mx.example.test")
                path = self.files / "fendmail.toml"
                path.write_text(
                    f'[tls]\nlevel = "may"\ncertificate = "{common[0]}"\nkey = "{common[1]}"\n{tables}',
                    encoding="utf-8",
                )
                done = run_command("check", "-c", str(path))
                self.assertEqual(done.returncode, status, done.stderr)
                if wanted is None:
                    self.assertEqual(done.stderr, "")
                else:
                    self.assertRegex(done.stderr, wanted)


class Chain(FendmailCase):
    def test_a_client_verifies_whatever_the_order_in_the_file(self) -> None:
        files = self.directory("tls")
        openssl = require_program("openssl", "openssl")
        extensions = files / "ca.cnf"
        extensions.write_text("basicConstraints=critical,CA:true\n", encoding="ascii")
        issuer = None
        for name in ("root", "middle", "leaf"):
            key, request, certificate = (files / f"{name}.{end}" for end in ("key", "csr", "pem"))
            run([
                openssl, "req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-keyout", key, "-out", request,
                "-subj", "/CN=mx.example.test" if name == "leaf" else f"/CN={name}",
            ])  # fmt: skip
            sign = ["-signkey", key] if issuer is None else [
                "-CA", files / f"{issuer}.pem", "-CAkey", files / f"{issuer}.key", "-CAcreateserial"
            ]  # fmt: skip
            ca = [] if name == "leaf" else ["-extfile", extensions]
            run([openssl, "x509", "-req", "-in", request, "-days", "30", "-out", certificate,
                 *sign, *ca])  # fmt: skip
            issuer = name
        chain = files / "chain.pem"
        middle_first = (files / "middle.pem").read_bytes() + (files / "leaf.pem").read_bytes()
        chain.write_bytes(middle_first)
        fendmail = self.start_fendmail(
            self.start_sink().config,
            NO_GREET_WAIT,
            {
                "access": {"rules": ["reject 0.0.0.0/0"], "action": "enforce"},
                "tls": {"level": "may", "certificate": str(chain), "key": str(files / "leaf.key")},
            },
        )
        client = OpensslClient(
            fendmail.address, "-CAfile", str(files / "root.pem"), "-verify_return_error",
            source=CLIENT,
        )  # fmt: skip
        self.assertIn("Verify return code: 0 (ok)", str(client))
        chain.write_bytes((files / "leaf.pem").read_bytes())
        done = run_command("check", "-c", str(fendmail.config_path))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r'may lack a certificate, that of "CN=middle"')


if __name__ == "__main__":
    main()
