#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many clients at once."""

import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Settings
from fendmail_test.fendmail_case import (
    CLIENT,
    NO_GREET_WAIT,
    OTHER,
    TEASER,
    FendmailCase,
    log_name,
)
from fendmail_test.waiting import wait_until

TOO_MANY = b"421 4.7.0 Error: too many connections\r\n"
LONG_WAIT: Settings = {"greet": {"wait": "60s", "wait_under_stress": "60s"}}


def limits(**values: int) -> Settings:
    return {"server": {"workers": 1}, "limits": values}


class ClientsPerAddress(FendmailCase):
    def test_one_too_many_gets_421(self) -> None:
        fendmail = self.start_fendmail(
            self.start_sink().config, LONG_WAIT, limits(clients_per_address=2)
        )
        with contextlib.ExitStack() as stack:
            admitted = [stack.enter_context(fendmail.client(CLIENT)) for _ in range(2)]
            for client in admitted:
                self.assertEqual(client.read_line(), TEASER)
            with fendmail.client(CLIENT) as client:
                self.assert_says_only(client, TOO_MANY)
                name = log_name(client)
            fendmail.expect_log(
                rf"NOQUEUE: reject: CONNECT from {name}: too many connections$"
            )
            fendmail.expect_log(rf"DISCONNECT {name}$")
            with fendmail.client(OTHER) as client:
                self.assertEqual(client.read_line(), TEASER)

    def test_a_place_becomes_free(self) -> None:
        fendmail = self.start_fendmail(
            self.start_sink().config, LONG_WAIT, limits(clients_per_address=1)
        )
        with fendmail.client(CLIENT) as client:
            self.assertEqual(client.read_line(), TEASER)
            name = log_name(client)
        fendmail.expect_log(rf"DISCONNECT {name}$")

        def is_admitted() -> bool:
            with fendmail.client(CLIENT) as client:
                return client.read_line() == TEASER

        wait_until(is_admitted, "a free place")

    def test_permitted_clients_are_counted_too(self) -> None:
        fendmail = self.start_fendmail(
            self.start_sink("proxy-v2").config,
            {"access": {"rules": ["permit 0.0.0.0/0"]}},
            limits(clients_per_address=1),
        )
        with fendmail.client(CLIENT) as first:
            self.read_greeting(first)
            with fendmail.client(CLIENT) as second:
                self.assert_says_only(second, TOO_MANY)

    def test_zero_is_no_limit(self) -> None:
        fendmail = self.start_fendmail(
            self.start_sink().config, LONG_WAIT, limits(clients_per_address=0)
        )
        with contextlib.ExitStack() as stack:
            for client in [stack.enter_context(fendmail.client(CLIENT)) for _ in range(60)]:
                self.assertEqual(client.read_line(), TEASER)

    def test_limit_holds_across_workers(self) -> None:
        """Sixteen connections land on both workers; no more than the limit may stay."""
        fendmail = self.start_fendmail(
            self.start_sink().config,
            LONG_WAIT,
            {"server": {"workers": 2}, "limits": {"clients_per_address": 4}},
        )
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(fendmail.client(CLIENT)) for _ in range(16)]
            first_lines = [client.read_line() for client in clients]
        self.assertEqual(first_lines.count(TEASER), 4)
        self.assertEqual(first_lines.count(TOO_MANY), 12)


class Screening(FendmailCase):
    def test_flood_from_one_address_takes_no_place_from_others(self) -> None:
        fendmail = self.start_fendmail(
            self.start_sink().config, LONG_WAIT, limits(screening=20, clients_per_address=2)
        )
        with contextlib.ExitStack() as stack:
            # They are told to go and stay: what they hold must not be a place in screening.
            flood = [stack.enter_context(fendmail.client(CLIENT)) for _ in range(60)]
            self.assertEqual([c.read_line() for c in flood].count(TOO_MANY), 58)
            with fendmail.client(OTHER) as client:
                self.assertEqual(client.read_line(), TEASER)
        self.assertEqual(fendmail.log.count("STRESS mode"), 0)

    def test_full_screening_defers_new_clients_but_not_known_ones(self) -> None:
        fendmail = self.start_fendmail(
            self.start_sink().config, {"greet": {"wait_under_stress": "1s"}}, limits(screening=10)
        )
        self.become_known(fendmail, CLIENT)
        fendmail.write_config(LONG_WAIT)
        fendmail.reload()
        fendmail.expect_log("reloaded configuration")
        with contextlib.ExitStack() as stack:
            lines = [
                stack.enter_context(fendmail.client(f"127.0.6.{n}")).read_line()
                for n in range(1, 16)
            ]
            busy = b"421 4.3.2 All screening ports are busy\r\n"
            self.assertEqual(lines, sorted(lines), "a place was refused before all were taken")
            self.assertIn(lines.count(TEASER), (9, 10))
            self.assertEqual(lines.count(busy), 15 - lines.count(TEASER))
            fendmail.expect_log(r"NOQUEUE: reject: CONNECT from \S+: all screening ports busy$")
            fendmail.expect_log(r"entering STRESS mode with \d+ connections$")
            with fendmail.client(CLIENT) as client:
                self.assert_has_no_teaser(self.read_greeting(client))
        fendmail.expect_log(r"leaving STRESS mode with \d+ connections$")

    def test_stress_shortens_the_greet_wait(self) -> None:
        fendmail = self.start_fendmail(
            self.start_sink().config,
            {"greet": {"wait": "60s", "wait_under_stress": "1s"}},
            limits(screening=2),
        )
        with fendmail.client(CLIENT) as first, fendmail.client(OTHER) as second:
            self.assertEqual(first.read_line(), TEASER)
            fendmail.expect_log(r"entering STRESS mode")
            self.assert_has_teaser(self.read_greeting(second))


class Descriptors(FendmailCase):
    def test_without_descriptors_a_listed_client_waits_and_does_not_pass(self) -> None:
        """With none left for DNS, every list would seem not to know the client."""
        dns = self.start_dns()
        dns.zone("bl.test", {OTHER: ["127.0.0.2"]})
        fendmail = self.make_fendmail(
            self.start_sink().config,
            {"greet": {"wait": "60s"}},
            {"server": {"workers": 1}, "limits": {"clients_per_address": 0}},
            {"dnsbl": {"sites": ["bl.test"], "resolvers": [dns.resolver], "action": "drop"}},
        )
        fendmail.before_command = ["sh", "-c", 'ulimit -n 128; exec "$@"', "sh"]
        self.enterContext(fendmail)
        with contextlib.ExitStack() as stack:
            for n in range(150):
                stack.enter_context(fendmail.client(f"127.0.7.{n + 1}"))
            fendmail.expect_log("no descriptors left for more clients")
            listed = self.enterContext(fendmail.client(OTHER, timeout=60.0))
            self.assertEqual(fendmail.log.count(rf"CONNECT from {log_name(listed)}"), 0)
        # The others have left: now it has its turn, and its lists their answers.
        self.assertEqual(listed.read_line(), TEASER)
        self.assertEqual(
            listed.read_line(),
            f"521 5.7.1 Service unavailable; client [{OTHER}] blocked using bl.test\r\n".encode(),
        )
        self.assertEqual(fendmail.log.count("resolver unavailable|gives no answer"), 0)


class HandingOff(FendmailCase):
    def test_sockets_in_transit_are_limited(self) -> None:
        sink = self.start_sink("postfix-pass")
        fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT, limits(handing_off=1))
        clients = [fendmail.client(f"127.0.7.{n}") for n in range(1, 21)]
        for client in clients:
            with client:
                reply = client.read_reply()
                self.assertIn(reply.code, (220, 421), reply)
        # Taken at once, each frees its place: the next one must be served.
        self.assert_delivers(fendmail, CLIENT, "one")


if __name__ == "__main__":
    main()
