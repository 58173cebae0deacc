# SPDX-License-Identifier: Apache-2.0
"""A maildir that a mail server delivers to."""

import dataclasses
import email.message
import email.parser
import email.policy
from pathlib import Path

from .waiting import wait_until


@dataclasses.dataclass(frozen=True)
class StoredMail:
    """A delivered mail; lines end in LF, as in the file."""

    octets: bytes

    @property
    def headers(self) -> email.message.EmailMessage:
        parser = email.parser.BytesHeaderParser(policy=email.policy.default)
        return parser.parsebytes(self.octets)

    @property
    def message_id(self) -> str:
        """Without <>, and without the domain that make_message adds."""
        return str(self.headers["Message-ID"]).strip("<>").partition("@")[0]

    @property
    def received(self) -> str:
        """The topmost Received header on one line: who the server says it got the mail from."""
        return " ".join(str(self.headers.get_all("Received")[0]).split())

    @property
    def body(self) -> bytes:
        return self.octets.partition(b"\n\n")[2]


class Maildir:
    """Only new/ is looked at: nobody reads these mails but the tests."""

    def __init__(self, path: Path):
        self._new = path / "new"

    def files(self) -> list[Path]:
        return sorted(self._new.iterdir()) if self._new.is_dir() else []

    def mails(self) -> list[StoredMail]:
        return [StoredMail(path.read_bytes()) for path in self.files()]

    def wait_for_count(self, count: int, timeout: float) -> list[StoredMail]:
        """Waits for that many mails in all."""
        wait_until(
            lambda: len(self.files()) >= count,
            lambda: f"{count} mails in {self._new}, there are {len(self.files())}",
            timeout,
        )
        return self.mails()

    def wait_for(self, message_id: str, timeout: float = 30.0) -> StoredMail:
        """The mail that make_message(message_id) made; it must be there once."""

        def found() -> list[StoredMail]:
            return [mail for mail in self.mails() if mail.message_id == message_id]

        matching = wait_until(found, f"mail {message_id} in {self._new}", timeout)
        assert len(matching) == 1, f"{message_id} was delivered {len(matching)} times"
        return matching[0]
