# SPDX-License-Identifier: Apache-2.0
"""A certificate for tests."""

from pathlib import Path

from .process import require_program, run


def make_certificate(directory: Path, hostname: str) -> tuple[Path, Path]:
    """Writes cert.pem and key.pem, self-signed, and returns their paths."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    run(
        [
            require_program("openssl", "openssl"), "req", "-x509", "-nodes", "-days", "2",
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-subj", f"/CN={hostname}", "-keyout", key, "-out", certificate,
        ]  # fmt: skip
    )
    return certificate, key
