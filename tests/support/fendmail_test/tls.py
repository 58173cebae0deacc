# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, and the TLS of clients."""

import re
import ssl
import subprocess
from pathlib import Path

from .network import Address, to_text
from .process import require_program, run

KEY_OPTIONS = {
    "ecdsa": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
    "rsa": ("-newkey", "rsa:2048"),
}


def make_certificate(
    directory: Path, hostname: str, kind: str = "ecdsa", name: str = "", days: int = 90
) -> tuple[Path, Path]:
    """Writes NAMEcert.pem and NAMEkey.pem, self-signed, and returns their paths."""
    certificate, key = directory / f"{name}cert.pem", directory / f"{name}key.pem"
    run(
        [
            require_program("openssl", "openssl"), "req", "-x509", "-nodes", "-days", str(days),
            *KEY_OPTIONS[kind], "-subj", f"/CN={hostname}", "-keyout", key, "-out", certificate,
        ]  # fmt: skip
    )
    return certificate, key


def make_chain_file(directory: Path, hostname: str, kind: str, name: str = "chain.pem") -> Path:
    """One file with key and certificate."""
    certificate, key = make_certificate(directory, hostname, kind, f"{name}-")
    path = directory / name
    path.touch(0o600)
    path.write_bytes(key.read_bytes() + certificate.read_bytes())
    return path


def der_of(certificate: Path) -> bytes:
    """As SmtpClient.certificate shows it."""
    return ssl.PEM_cert_to_DER_cert(certificate.read_text("ascii"))


def client_context(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """For a client that takes any certificate and speaks one version of TLS, or any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


class OpensslClient:
    """What `openssl s_client -starttls smtp` said of a server."""

    def __init__(self, server: Address, *options: str, say: str = "QUIT\r\n", source: str = ""):
        command = [
            require_program("openssl", "openssl"), "s_client", "-connect", to_text(server),
            "-starttls", "smtp", *options,
        ]  # fmt: skip
        if source:
            command += ["-bind", source]
        if "-ign_eof" not in options:
            command.append("-no_ign_eof")
        done = subprocess.run(
            command,
            input=say.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
            check=False,
        )
        self.exit_code = done.returncode
        self.output = done.stdout.decode("utf-8", "backslashreplace")

    def __str__(self) -> str:
        return self.output

    @property
    def session(self) -> str:
        """ "New, TLSv1.3", "Reused, TLSv1.2"; "" when there was no handshake."""
        found = re.search(r"^(New|Reused), (TLSv[\d.]+), Cipher is (?!\(NONE\))", self.output, re.M)
        return f"{found[1]}, {found[2]}" if found else ""

    @property
    def key_type(self) -> str:
        """Of the server's certificate: "RSA", "ECDSA".

        OpenSSL 3.0 says ECDSA and RSA-PSS, 3.5 ecdsa_secp256r1_sha256 and rsa_pss_rsae_sha256.
        """
        found = re.search(r"^Peer signature type: (\S+)", self.output, re.M)
        return re.split("[-_]", found[1])[0].upper() if found else ""
