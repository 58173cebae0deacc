#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""2,000 mails of 200 clients, 50 at a time: every one arrives, and once."""

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.postfix import Postfix
from fendmail_test.smtp_client import deliver

CLIENTS = 200
MAILS_OF_EACH = 10
AT_ONCE = 50


class Load(FendmailCase):
    def test_postfix_pass(self) -> None:
        self.deliver_everything("postfix-pass")

    def test_proxy_v2(self) -> None:
        self.deliver_everything("proxy-v2")

    def deliver_everything(self, kind: str) -> None:
        postfix = self.enterContext(Postfix())
        self.show_on_failure(postfix.log)
        fendmail = self.start_fendmail(postfix.backend(kind))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            sent = [m for ids in pool.map(lambda n: send(fendmail, n), range(CLIENTS)) for m in ids]
        self.assertEqual(len(sent), CLIENTS * MAILS_OF_EACH)

        mails = postfix.mailbox.wait_for_count(len(sent), timeout=180)
        arrived = Counter(mail.message_id for mail in mails)
        self.assertEqual(arrived, Counter(sent))
        self.assertEqual(fendmail.log.count(r"PASS NEW "), CLIENTS)
        self.assertEqual(fendmail.log.count(r"PASS OLD "), len(sent) - CLIENTS)
        for mail in mails:
            self.assertIn(f"[{address_of(int(mail.message_id.split('-')[0]))}]", mail.received)


def address_of(number: int) -> str:
    return f"127.0.{10 + number // 100}.{number % 100 + 1}"


def send(fendmail: Fendmail, number: int) -> list[str]:
    """All mails of one client, one connection each; returns their Message-IDs."""
    ids = [f"{number}-{n}" for n in range(MAILS_OF_EACH)]
    for message_id in ids:
        delivery = deliver(fendmail.address, address_of(number), message_id, timeout=60)
        assert delivery.accepted, f"{message_id}: {delivery.reply}"
    return ids


if __name__ == "__main__":
    main()
