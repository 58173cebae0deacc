#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client that passes its deep tests goes on to the backend in the same session."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Fendmail
from fendmail_test.fendmail_case import CLIENT, NO_GREET_WAIT, OTHER, log_name
from fendmail_test.network import refused_port
from fendmail_test.relay_case import ALL, OFFERS, ONE_WORKER, TAKEN_OVER, UNAVAILABLE, RelayCase
from fendmail_test.smtp_client import make_message
from fendmail_test.waiting import wait_until


class GoingOn(RelayCase):
    def test_a_new_client_delivers_on_its_first_connection(self) -> None:
        for kind in ("proxy-v2", "proxy-v1", "xclient", "postfix-pass"):
            with self.subTest(kind):
                fendmail = self.start(kind=kind)
                with fendmail.client(CLIENT) as client:
                    client.expect_reply(220)
                    client.expect("EHLO client.example.org", 250)
                    client.send_mail(make_message("one"))
                    client.expect("QUIT", 221)
                    who = (client.address, client.port)
                    self.wait_for_pass(fendmail, client, "NEW")
                fendmail.expect_log(rf"SUMMARY {log_name(client)} .*verdict=pass_new phase=relay")
                (session,) = self.sessions()
                self.assertEqual(session.client, who)
                commands = [c for c in session.commands if not c.startswith("XCLIENT")]
                self.assertEqual(commands[-5:], [
                    "EHLO client.example.org", "MAIL FROM:<sender@example.org>",
                    "RCPT TO:<user@example.test>", "DATA", "QUIT",
                ])  # fmt: skip
                (mail,) = self.sink.mails()
                self.assertEqual(mail.octets, make_message("one"))
                self.assert_delivers(fendmail, CLIENT, "two")
                fendmail.expect_log(r"PASS OLD \[127\.0\.1\.5\]")

    def test_the_client_is_offered_what_the_backend_offers_clients(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            offered = client.expect("EHLO client.example.org", 250)
            self.assertEqual(list(offered.lines[1:]), TAKEN_OVER)

    def test_pipelining_is_offered_when_it_is_no_test(self) -> None:
        fendmail = self.start({"pipelining": {"enable": False}})
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            self.assertIn("250-PIPELINING", client.expect("EHLO client.example.org", 250).lines)
            client.send(
                b"MAIL FROM:<a@example.org>\r\nRCPT TO:<one@example.test>\r\n"
                b"RCPT TO:<two@example.test>\r\nDATA\r\n"
            )
            for code in (250, 250, 250, 354):
                client.expect_reply(code)
            client.send(make_message("one") + b".\r\nQUIT\r\n")
            client.expect_reply(250)
            client.expect_reply(221)
        (mail,) = self.sink.wait_for_mails(1)
        self.assertEqual(mail.recipients, ["one@example.test", "two@example.test"])

    def test_several_mails_in_one_session(self) -> None:
        fendmail = self.start()
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.expect("EHLO client.example.org", 250)
            for name in ("one", "two", "three"):
                client.send_mail(make_message(name))
            client.expect("QUIT", 221)
        self.assertEqual(
            [mail.octets for mail in self.sink.wait_for_mails(3)],
            [make_message(name) for name in ("one", "two", "three")],
        )
        self.assertEqual(len(self.sessions()), 1)

    def test_the_backend_refuses_recipients_itself(self) -> None:
        fendmail = self.start()
        self.sink.behaviour.replies["RCPT"] = b"550 5.1.1 nobody here\r\n"
        client = self.begin(fendmail)
        self.assertEqual(str(client.command("RCPT TO:<x@example.test>")), "550 5.1.1 nobody here")
        self.assertEqual(str(client.command("RCPT TO:<y@example.test>")), "550 5.1.1 nobody here")
        client.expect("QUIT", 221)

    def test_who_fails_a_test_never_gets_there(self) -> None:
        fendmail = self.start()
        for source, greeting in ((CLIENT, b"EHLO bot\n"), (OTHER, b"EHLO bot\r\nNOOP\r\n")):
            with fendmail.client(source) as client:
                client.expect_reply(220)
                client.send(greeting)
                client.expect_reply(250)
                if b"NOOP" in greeting:
                    client.expect_reply(250)
                client.expect("MAIL FROM:<a@example.org>", 250)
                reply = str(client.command("RCPT TO:<b@example.test>"))
                self.assertEqual(reply, "550 5.5.1 Protocol error")
        self.assertEqual(self.sessions(), [])

    def test_auth_goes_on_at_the_command(self) -> None:
        fendmail = self.start()
        self.sink.behaviour.replies["AUTH"] = b"235 2.7.0 welcome\r\n"
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.expect("EHLO client.example.org", 250)
            self.assertEqual(str(client.command("AUTH PLAIN AGEAYg==")), "235 2.7.0 welcome")
            client.send_mail(make_message("one"))
        (session,) = self.sessions()
        self.assertEqual(session.commands[:2], ["EHLO client.example.org", "AUTH PLAIN AGEAYg=="])

    def test_nothing_is_repeated_that_two_servers_read_in_two_ways(self) -> None:
        fendmail = self.start({"bare_newline": {"enable": False}})
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            client.send(b"EHLO a\rMAIL FROM:<evil@example.org>\r\n")
            self.assertEqual(str(client.read_reply()), "500 5.5.2 Error: bad syntax")
            client.send(b"HELO a\0b\r\n")
            self.assertEqual(str(client.read_reply()), "500 5.5.2 Error: bad syntax")
            client.expect("HELO good", 250)
            client.send_mail(make_message("one"))
        (session,) = self.sessions()
        self.assertEqual(session.commands[0], "HELO good")

    def test_retry_is_as_before(self) -> None:
        self.sink = self.start_sink("proxy-v2")
        fendmail = self.start_fendmail(
            self.sink.config, NO_GREET_WAIT, ALL, {"deep": {"after": "retry"}}
        )
        client = self.begin(fendmail)
        client.expect("RCPT TO:<user@example.test>", 450)
        self.assertEqual(self.sink.sessions, [])


class BackendInTrouble(RelayCase):
    def test_its_refusal_of_the_sender_is_the_clients_to_hear(self) -> None:
        fendmail = self.start()
        for reply in (b"552 5.3.4 too big\r\n", b"450-4.1.0 later\r\n450 4.1.0 please\r\n"):
            self.sink.behaviour.replies["MAIL"] = reply
            client = self.begin(fendmail)
            for recipient in ("a", "b"):
                got = client.command(f"RCPT TO:<{recipient}@example.test>")
                self.assertEqual("".join(f"{line}\r\n" for line in got.lines).encode(), reply)
            # The next mail is asked about anew.
            self.sink.behaviour.replies.clear()
            client.expect("RSET", 250)
            client.send_mail(make_message("one"))
            client.expect("QUIT", 221)
            client.close()
            fendmail.expect_log(rf"SUMMARY {log_name(client)} .*phase=relay")
        self.assertEqual(len(self.sink.mails()), 2)

    def test_its_refusal_of_the_name_too(self) -> None:
        fendmail = self.start()
        self.sink.behaviour.replies["EHLO"] = b"550 5.7.1 bad name\r\n"
        client = self.begin(fendmail)
        self.assertEqual(str(client.command("RCPT TO:<a@example.test>")), "550 5.7.1 bad name")

    def test_a_refusal_for_what_only_we_offered_is_no_refusal_for_good(self) -> None:
        fendmail = self.start()
        self.sink.behaviour.extensions = ("PIPELINING", "SIZE 50000000")
        self.sink.behaviour.replies["MAIL"] = b"555 5.5.4 Unsupported option: SMTPUTF8\r\n"
        client = self.begin(fendmail)
        self.assertEqual(str(client.command("RCPT TO:<a@example.test>")), UNAVAILABLE)
        fendmail.expect_log(
            rf"unavailable for {log_name(client)}: it offers this client less than we did, and "
            r"said 555 5\.5\.4 Unsupported option: SMTPUTF8"
        )

    def test_nor_does_a_client_go_on_that_was_offered_more(self) -> None:
        """It would send BDAT and be refused."""
        fendmail = self.start()
        self.sink.behaviour.extensions = tuple(word for word in OFFERS if word != "CHUNKING")
        client = self.begin(fendmail)
        self.assertEqual(str(client.command("RCPT TO:<a@example.test>")), UNAVAILABLE)
        # From now on we know.
        with fendmail.client(OTHER) as other:
            other.expect_reply(220)
            self.assertNotIn("CHUNKING", str(other.expect("EHLO client.example.org", 250)))
            other.send_mail(make_message("one"))

    def test_what_it_does_not_understand_is_trouble_and_no_refusal(self) -> None:
        fendmail = self.start()
        for reply in (b"500 5.5.2 what?\r\n", b"503 5.5.1 say EHLO\r\n"):
            self.sink.behaviour.replies["MAIL"] = reply
            client = self.begin(fendmail)
            self.assertEqual(str(client.command("RCPT TO:<a@example.test>")), UNAVAILABLE)

    def test_it_closes_while_a_command_is_held(self) -> None:
        """The session ends all the same; a stop does not wait for it in vain."""
        fendmail = self.start()
        for command in ("QUIT", "RSET"):
            with self.subTest(command):
                client = self.begin(fendmail)
                client.expect("RCPT TO:<a@example.test>", 250)
                self.sink.behaviour.close_at_verb = "NOOP" if command == "QUIT" else command
                client.send(f"{command}\r\n".encode())
                client.expect_reply(221 if command == "QUIT" else 421)
                client.send(b"EHLO again\r\nDATA\r\n")
                client.read_to_end()
                client.close()
                fendmail.expect_log(rf"SUMMARY {log_name(client)} .*phase=relay")

    def test_a_fault_is_not_the_reply_to_a_mail(self) -> None:
        fendmail = self.start()
        self.sink.behaviour.close_after_mail = True
        client = self.begin(fendmail)
        client.expect("RCPT TO:<a@example.test>", 250)
        client.expect("DATA", 354)
        client.send(make_message("one") + b".\r\nNO\rOP\r\n")
        self.assertRegex(client.read_to_end(), rb"\A421 4\.3\.0 ")

    def test_it_is_down(self) -> None:
        sink = self.start_sink("proxy-v2")
        down = {**sink.config, "address": f"127.0.0.1:{refused_port()}"}
        fendmail = self.start_fendmail(down, NO_GREET_WAIT, ONE_WORKER, ALL)
        fendmail.expect_log(r"backend \S+ cannot be asked what it offers: Connection refused; ")
        with fendmail.client(CLIENT) as client:
            client.expect_reply(220)
            self.assertEqual(len(client.expect("EHLO client.example.org", 250).lines), 1)
            client.expect("MAIL FROM:<a@example.org>", 250)
            self.assertEqual(str(client.command("RCPT TO:<b@example.test>")), UNAVAILABLE)
            client.expect("QUIT", 221)
            fendmail.expect_log(
                rf"warning: backend \S+ unavailable for {log_name(client)}: Connection refused"
            )
            # It has passed all the same.
            self.wait_for_pass(fendmail, client, "NEW")
            fendmail.expect_log(
                rf"SUMMARY {log_name(client)} .*verdict=deferred .*reasons=backend_unavailable"
            )

    def test_it_ends_or_stalls_at_each_step(self) -> None:
        fendmail = self.start(greeting_timeout="1s")
        for verb in ("", "EHLO", "MAIL"):
            for trouble in ("close_at_verb", "silent_at_verb"):
                with self.subTest(verb=verb, trouble=trouble):
                    behaviour = self.sink.behaviour
                    if verb:
                        setattr(behaviour, trouble, verb)
                    elif trouble == "close_at_verb":
                        behaviour.close_instead_of_greeting = True
                    else:
                        behaviour.may_greet.clear()
                    client = self.begin(fendmail)
                    reply = str(client.command("RCPT TO:<b@example.test>"))
                    self.assertEqual(reply, UNAVAILABLE)
                    setattr(behaviour, trouble, "")
                    behaviour.close_instead_of_greeting = False
                    behaviour.may_greet.set()
                    client.expect("RSET", 250)
                    client.send_mail(make_message(f"{verb}-{trouble}"))
                    client.expect("QUIT", 221)
        self.assertEqual(len(self.sink.mails()), 6)

    def test_its_greeting_decides(self) -> None:
        fendmail = self.start()
        for greeting, wanted in (
            (b"421 4.3.2 too many\r\n", "421 4.3.2 too many"),
            (b"554 5.7.1 no\r\n", UNAVAILABLE),
            (b"SSH-2.0\r\n", UNAVAILABLE),
        ):
            with self.subTest(greeting):
                self.sink.behaviour.greeting = greeting
                client = self.begin(fendmail)
                self.assertEqual(str(client.command("RCPT TO:<b@example.test>")), wanted)
                client.close()

    def test_it_ends_in_the_middle_of_a_mail(self) -> None:
        fendmail = self.start()
        self.sink.behaviour.close_in_data_after = 2
        client = self.begin(fendmail)
        client.expect("RCPT TO:<b@example.test>", 250)
        client.expect("DATA", 354)
        client.send(make_message("half") + b".\r\n")
        self.assertEqual(
            client.read_to_end(), b"421 4.3.0 Error: mail server closed the connection\r\n"
        )
        self.assertEqual(self.sink.mails(), [])

    def test_it_ends_instead_of_a_reply(self) -> None:
        fendmail = self.start()
        self.sink.behaviour.close_at_verb = "DATA"
        client = self.begin(fendmail)
        client.expect("RCPT TO:<b@example.test>", 250)
        client.expect("DATA", 421)
        self.assertEqual(client.read_to_end(), b"")
        client.close()
        fendmail.expect_log(rf"SUMMARY {log_name(client)} .*phase=relay ended_by=backend")

    def test_an_orderly_stop_is_our_own(self) -> None:
        fendmail = self.start({"server": {"stop_timeout": "1s"}})
        client = self.begin(fendmail)
        client.expect("RCPT TO:<b@example.test>", 250)
        fendmail.stop()
        fendmail.expect_log(rf"SUMMARY {log_name(client)} .*phase=relay ended_by=fendmail")

    def test_its_last_word_arrives(self) -> None:
        fendmail = self.start()
        self.sink.behaviour.replies["RCPT"] = b"421 4.7.0 too many errors\r\n"
        client = self.begin(fendmail)
        client.send(b"RCPT TO:<b@example.test>\r\n")
        self.assertEqual(client.read_to_end(), b"421 4.7.0 too many errors\r\n")

    def test_a_client_that_leaves_while_it_connects_leaves_nothing(self) -> None:
        fendmail = self.start()
        self.sink.behaviour.may_greet.clear()
        client = self.begin(fendmail)
        client.send(b"RCPT TO:<b@example.test>\r\n")
        wait_until(lambda: len(self.sessions()) == 1, "the backend's session")
        client.close()
        self.sink.behaviour.may_greet.set()
        wait_until(lambda: self.sessions()[0].ended, "its end")
        self.assertEqual(self.sink.mails(), [])
        fendmail.expect_log(rf"SUMMARY {log_name(client)}")


class Probe(RelayCase):
    def test_there_is_one_only_without_deep_tests_or_with_retry(self) -> None:
        for settings in ({}, {**ALL, "deep": {"after": "retry"}}):
            sink = self.start_sink("proxy-v2")
            fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT, ONE_WORKER, settings)
            self.assert_answers(fendmail)
            wait_until(lambda: sink.probes, "the probe of a start")
            self.assertEqual(len(sink.probes), 1)

    def assert_answers(self, fendmail: Fendmail) -> None:
        with fendmail.client(OTHER) as client:
            client.expect_reply(220)

    def test_what_a_client_finds_there_is_learned(self) -> None:
        fendmail = self.start()
        self.sink.behaviour.extensions = ("PIPELINING", "SIZE 7", "DSN")
        self.assertEqual(
            str(self.begin(fendmail).command("RCPT TO:<b@example.test>")), UNAVAILABLE
        )
        with fendmail.client(OTHER) as client:
            client.expect_reply(220)
            offered = client.expect("EHLO client.example.org", 250)
            self.assertEqual(list(offered.lines[1:]), ["250-SIZE 7", "250 DSN"])

    def test_a_reload_asks_the_new_backend(self) -> None:
        fendmail = self.start()
        other = self.start_sink("proxy-v2")
        fendmail.write_config({"backend": other.config})
        fendmail.reload()
        wait_until(lambda: any(s.ended for s in list(other.probes)), "the probe")
        self.assertEqual(other.sessions, [])

    def test_a_stop_does_not_wait_for_it(self) -> None:
        sink = self.start_sink("proxy-v2")
        sink.behaviour.may_greet.clear()
        fendmail = self.start_fendmail(sink.config, NO_GREET_WAIT, ONE_WORKER, ALL)
        wait_until(lambda: len(sink.probes) == 1, "the probe")
        fendmail.stop()


if __name__ == "__main__":
    main()
