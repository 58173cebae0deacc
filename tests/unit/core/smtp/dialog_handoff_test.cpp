// SPDX-License-Identifier: Apache-2.0
// How a client that has passed leaves our dialog for the backend.
#include "fendmail/core/smtp/dialog.hpp"

#include "support/catch.hpp"
#include "support/script.hpp"

#include <string>

using namespace fendmail;
using namespace std::string_literals;
using smtp::dialog;
using smtp::make_reply;

namespace {

smtp::dialog_options plain()
{
    smtp::dialog_options options;
    options.hostname = "mx.example";
    return options;
}

const smtp::extensions backend{
    smtp::reply{250,
                "",
                {"backend", "PIPELINING", "SIZE 1000", "VRFY", "STARTTLS", "AUTH PLAIN LOGIN",
                 "DSN", "XCLIENT NAME ADDR", "PIPECONNECT", "BINARYMIME"}}};

smtp::dialog_terms going_on()
{
    return {.opening = smtp::opening::silent, .hands_off = true, .backend_offers = &backend};
}

std::string ask(dialog& d, const std::string& line)
{
    return d.on_octets(line + "\r\n").output;
}

} // namespace

TEST_CASE("hand-off: at the first recipient, with everything behind it", "[smtp]")
{
    const auto options = plain();
    dialog d{options, going_on()};
    CHECK(ask(d, "ehlo  client.example  x").starts_with("250-mx.example\r\n"));
    CHECK(ask(d, "mail FROM:<a@b>  SIZE=5") == "250 2.1.0 Ok\r\n");
    const auto step = d.on_octets("rcpt to:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\nsub");
    CHECK(step.output.empty());
    CHECK(step.recipient_named);
    CHECK(to_string(step.then) == "hand_off");
    CHECK(d.what_to_replay().helo == "EHLO client.example");
    CHECK(d.what_to_replay().mail == "MAIL FROM:<a@b>  SIZE=5");
    CHECK(d.octets_to_relay() == "RCPT to:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\nsub");
}

TEST_CASE("hand-off: not before the session has come to it", "[smtp]")
{
    const auto options = plain();
    dialog d{options, going_on()};
    CHECK(ask(d, "RCPT TO:<a@b>") == "503 5.5.1 Error: need MAIL command\r\n");
    CHECK(ask(d, "HELO x") == "250 mx.example\r\n");
    CHECK(ask(d, "MAIL FROM:<a@b>") == "250 2.1.0 Ok\r\n");
    CHECK(ask(d, "RCPT") == "501 5.5.4 Syntax: RCPT TO:<address>\r\n");
    CHECK(ask(d, "RSET") == "250 2.0.0 Ok\r\n");
    CHECK(d.what_to_replay().mail.empty());
    CHECK(ask(d, "MAIL FROM:<c@d>") == "250 2.1.0 Ok\r\n");
    CHECK(to_string(d.on_octets("RCPT TO:<e@f>\n").then) == "hand_off");
    CHECK(d.what_to_replay().helo == "HELO x");
    CHECK(d.what_to_replay().mail == "MAIL FROM:<c@d>");
    CHECK(d.octets_to_relay() == "RCPT TO:<e@f>\r\n");
}

TEST_CASE("hand-off: a fault that refuses the client keeps it here", "[smtp]")
{
    const auto options = plain();
    auto terms = going_on();
    terms.faults[smtp::fault::bare_newline] = smtp::on_fault::refuse;
    dialog d{options, std::move(terms)};
    (void)d.on_octets("HELO x\n");
    (void)d.on_octets("MAIL FROM:<a@b>\r\n");
    CHECK(ask(d, "RCPT TO:<c@d>") == "550 5.5.1 Protocol error\r\n");
}

TEST_CASE("hand-off: the backend's refusal is the reply to each recipient of that mail", "[smtp]")
{
    const auto options = plain();
    dialog d{options, going_on()};
    (void)ask(d, "HELO x");
    (void)ask(d, "MAIL FROM:<a@b>");
    (void)d.on_octets("RCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nRSE");
    const auto step = d.on_backend_refused(make_reply(553, "5.1.8", "No such sender"));
    CHECK(step.output == "553 5.1.8 No such sender\r\n553 5.1.8 No such sender\r\n");
    REQUIRE(step.notes.size() == 2);
    CHECK(test::describe(step.notes[1]) ==
          "553 5.1.8 No such sender; from=<a@b>, to=<e@f>, proto=SMTP, helo=<x>");
    CHECK(to_string(step.then) == "read");
    // What had begun goes on, and the next mail is asked about anew.
    CHECK(d.on_octets("T\r\n").output == "250 2.0.0 Ok\r\n");
    CHECK(ask(d, "MAIL FROM:<g@h>") == "250 2.1.0 Ok\r\n");
    CHECK(to_string(d.on_octets("RCPT TO:<c@d>\r\n").then) == "hand_off");
}

TEST_CASE("hand-off: only what the backend offers is offered, and can be repeated to it", "[smtp]")
{
    const auto options = plain();
    dialog d{options, going_on()};
    CHECK(ask(d, "EHLO x") ==
          "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-STARTTLS\r\n"
          "250-AUTH PLAIN LOGIN\r\n250-DSN\r\n250 BINARYMIME\r\n");
    auto terms = going_on();
    terms.backend_offers = nullptr;
    dialog unknown{options, std::move(terms)};
    CHECK(ask(unknown, "EHLO x") == "250 mx.example\r\n");
    auto hiding = plain();
    hiding.hide_ehlo = {"AUTH", "STARTTLS"};
    dialog less{hiding, going_on()};
    CHECK(ask(less, "EHLO x") ==
          "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-DSN\r\n250 BINARYMIME\r\n");
}

TEST_CASE("hand-off: pipelining is offered where nobody tests it", "[smtp]")
{
    const auto options = plain();
    dialog untested{options, going_on()};
    CHECK(ask(untested, "EHLO x").find("250-PIPELINING\r\n") != std::string::npos);
    auto terms = going_on();
    terms.faults[smtp::fault::pipelining] = smtp::on_fault::tell;
    dialog tested{options, std::move(terms)};
    CHECK(ask(tested, "EHLO x").find("PIPELINING") == std::string::npos);
}

TEST_CASE("hand-off: it is known whether the client was offered more than there is", "[smtp]")
{
    const auto options = plain();
    const dialog d{options, going_on()};
    CHECK(d.offered_what(backend));
    CHECK_FALSE(d.offered_what(smtp::extensions{smtp::reply{250, "", {"backend", "SIZE 1000"}}}));
    // STARTTLS is gone behind STARTTLS, and AUTH may be there only behind it.
    CHECK(d.offered_what(smtp::extensions{
        smtp::reply{250, "", {"backend", "PIPELINING", "SIZE 1", "DSN", "BINARYMIME"}}}));
}

TEST_CASE("hand-off: at STARTTLS where TLS is the backend's", "[smtp]")
{
    const auto options = plain();
    dialog d{options, going_on()};
    (void)ask(d, "EHLO x");
    (void)ask(d, "MAIL FROM:<a@b>");
    const auto step = d.on_octets("STARTTLS\r\n");
    CHECK(to_string(step.then) == "hand_off");
    CHECK_FALSE(step.recipient_named);
    CHECK(d.octets_to_relay() == "STARTTLS\r\n");
    CHECK(d.what_to_replay().mail.empty());
    const auto answered = d.on_backend_refused(make_reply(451, "4.3.2", "down"));
    CHECK(answered.output == "454 4.7.0 Not available due to local problem\r\n");
    // Plain text behind it ends the session here as well.
    dialog injected{options, going_on()};
    CHECK(to_string(injected.on_octets("STARTTLS\r\nNOOP\r\n").then) == "close");
}

TEST_CASE("hand-off: STARTTLS is ours where we speak it", "[smtp]")
{
    auto options = plain();
    options.tls = smtp::tls_level::may;
    dialog d{options, going_on()};
    CHECK(ask(d, "EHLO x").find("STARTTLS") != std::string::npos);
    CHECK(to_string(d.on_octets("STARTTLS\r\n").then) == "start_tls");
    d.on_tls_started();
    CHECK(d.what_to_replay().helo.empty());
    CHECK(ask(d, "EHLO y").find("STARTTLS") == std::string::npos);
    CHECK(d.what_to_replay().helo == "EHLO y");
}

TEST_CASE("hand-off: at AUTH, which is the backend's alone", "[smtp]")
{
    const auto options = plain();
    dialog d{options, going_on()};
    (void)ask(d, "EHLO x");
    CHECK(to_string(d.on_octets("AUTH PLAIN AGEAYg==\r\n").then) == "hand_off");
    CHECK(d.octets_to_relay() == "AUTH PLAIN AGEAYg==\r\n");
    dialog here{options, {.opening = smtp::opening::silent}};
    CHECK(ask(here, "AUTH PLAIN") == "502 5.5.2 Error: command not recognized\r\n");
}

TEST_CASE("hand-off: AUTH is not offered in plain text where nothing goes in plain text", "[smtp]")
{
    auto options = plain();
    options.tls = smtp::tls_level::encrypt;
    dialog d{options, going_on()};
    CHECK(ask(d, "EHLO x").find("AUTH") == std::string::npos);
    (void)ask(d, "STARTTLS");
    d.on_tls_started();
    CHECK(ask(d, "EHLO x").find("250-AUTH PLAIN LOGIN\r\n") != std::string::npos);
}

TEST_CASE("hand-off: a tab is white space to every server", "[smtp]")
{
    const auto options = plain();
    dialog d{options, going_on()};
    (void)ask(d, "EHLO x");
    CHECK(ask(d, "MAIL FROM:<a@b>\t") == "250 2.1.0 Ok\r\n");
    CHECK(d.what_to_replay().mail == "MAIL FROM:<a@b>\t");
}

TEST_CASE("hand-off: a line that two servers may read in two ways is not repeated", "[smtp]")
{
    const auto options = plain();
    for (const auto& line :
         {"EHLO x\rMAIL FROM:<a@b>"s, "HELO x\0y"s, "RCPT TO:<a@b>\x7f"s, "AUTH PLAIN \x01"s}) {
        CAPTURE(line);
        dialog d{options, going_on()};
        CHECK(ask(d, line) == "500 5.5.2 Error: bad syntax\r\n");
        CHECK(d.what_to_replay().helo.empty());
        CHECK(d.what_to_replay().mail.empty());
    }
}
