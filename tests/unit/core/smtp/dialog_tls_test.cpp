// SPDX-License-Identifier: Apache-2.0
// STARTTLS in our own dialog (RFC 3207).
#include "fendmail/core/smtp/dialog.hpp"

#include "support/catch.hpp"
#include "support/script.hpp"

#include <string>

using namespace fendmail;
using smtp::tls_level;

namespace {

smtp::dialog_options with_tls(tls_level level)
{
    smtp::dialog_options options;
    options.hostname = "mx.example";
    options.tls = level;
    return options;
}

/// One line in, the reply out.
std::string ask(smtp::dialog& dialog, const std::string& line)
{
    return dialog.on_octets(line + "\r\n").output;
}

} // namespace

TEST_CASE("STARTTLS: is offered where it is configured and not yet done", "[smtp]")
{
    for (const auto level : {tls_level::none, tls_level::may, tls_level::encrypt}) {
        CAPTURE(to_string(level));
        const auto options = with_tls(level);
        smtp::dialog dialog{options, {}};
        const bool offered = ask(dialog, "EHLO x").find("250-STARTTLS\r\n") != std::string::npos;
        CHECK(offered == (level != tls_level::none));
        dialog.on_tls_started();
        CHECK(ask(dialog, "EHLO x").find("STARTTLS") == std::string::npos);
    }
}

TEST_CASE("STARTTLS: its replies", "[smtp]")
{
    const auto options = with_tls(tls_level::may);
    smtp::dialog dialog{options, {}};
    CHECK(ask(dialog, "STARTTLS now") == "501 5.5.4 Syntax: STARTTLS\r\n");
    const auto step = dialog.on_octets("STARTTLS\r\n");
    CHECK(step.output == "220 2.0.0 Ready to start TLS\r\n");
    CHECK(to_string(step.then) == "start_tls");
    dialog.on_tls_started();
    CHECK(ask(dialog, "STARTTLS") == "554 5.5.1 Error: TLS already active\r\n");
    CHECK(ask(dialog, "NOOP") == "250 2.0.0 Ok\r\n");
}

TEST_CASE("STARTTLS: hidden, it is not implemented", "[smtp]")
{
    auto options = with_tls(tls_level::may);
    options.hide_ehlo = {"STARTTLS"};
    smtp::dialog dialog{options, {}};
    CHECK(ask(dialog, "EHLO x").find("STARTTLS") == std::string::npos);
    CHECK(ask(dialog, "STARTTLS") == "502 5.5.1 Error: command not implemented\r\n");
}

TEST_CASE("STARTTLS: keywords hidden from this client stand for those hidden from all", "[smtp]")
{
    auto options = with_tls(tls_level::may);
    options.hide_ehlo = {"DSN"};
    const std::vector<std::string> hidden{"STARTTLS", "CHUNKING"};
    smtp::dialog dialog{options, {.hide_ehlo = std::span{hidden}}};
    const auto offered = ask(dialog, "EHLO x");
    CHECK(offered.find("STARTTLS") == std::string::npos);
    CHECK(offered.find("CHUNKING") == std::string::npos);
    CHECK(offered.find("SMTPUTF8") != std::string::npos);
    CHECK(offered.find("DSN") != std::string::npos);
    CHECK(ask(dialog, "STARTTLS") == "502 5.5.1 Error: command not implemented\r\n");
}

TEST_CASE("STARTTLS: required, nothing but the way to it is taken in plain text", "[smtp]")
{
    const auto options = with_tls(tls_level::encrypt);
    const std::string must = "530 5.7.0 Must issue a STARTTLS command first\r\n";
    for (const auto* line : {"MAIL FROM:<a@b>", "RCPT TO:<a@b>", "RSET", "VRFY x", "ETRN x", "DATA",
                             "BDAT 1", "AUTH PLAIN", "HELP"}) {
        CAPTURE(line);
        smtp::dialog dialog{options, {}};
        CHECK(ask(dialog, line) == must);
    }
    smtp::dialog dialog{options, {}};
    CHECK(ask(dialog, "HELO x") == "250 mx.example\r\n");
    CHECK(ask(dialog, "NOOP") == "250 2.0.0 Ok\r\n");
    CHECK(ask(dialog, "STARTTLS") == "220 2.0.0 Ready to start TLS\r\n");
    dialog.on_tls_started();
    CHECK(ask(dialog, "MAIL FROM:<a@b>") == "250 2.1.0 Ok\r\n");
    CHECK(ask(dialog, "QUIT") == "221 2.0.0 Bye\r\n");
}

TEST_CASE("STARTTLS: plain text behind it ends the session", "[smtp]")
{
    const auto options = with_tls(tls_level::may);
    const std::string answer = "421 4.7.0 mx.example Error: plain text behind STARTTLS\r\n";
    SECTION("in the same read")
    {
        smtp::dialog dialog{options, {}};
        const auto step = dialog.on_octets("STARTTLS\r\nEHLO evil\r\n");
        CHECK(step.output == answer);
        CHECK(to_string(step.then) == "close");
        REQUIRE(step.notes.size() == 1);
        CHECK(test::describe(step.notes[0]) == "behind STARTTLS: EHLO evil\r\n");
    }
    SECTION("in a segment of its own that arrived before our answer")
    {
        smtp::dialog dialog{options, {}};
        const auto step = dialog.on_octets("STARTTLS\r\n", "M");
        CHECK(step.output == answer);
        CHECK(to_string(step.then) == "close");
    }
    SECTION("not where STARTTLS is refused anyway")
    {
        const auto without = with_tls(tls_level::none);
        smtp::dialog dialog{without, {}};
        const auto step = dialog.on_octets("STARTTLS\r\nNOOP\r\n");
        CHECK(step.output == "502 5.5.1 Error: command not implemented\r\n250 2.0.0 Ok\r\n");
    }
}

TEST_CASE("STARTTLS: what the client said before is forgotten", "[smtp]")
{
    auto options = with_tls(tls_level::may);
    options.helo_required = true;
    smtp::dialog dialog{options, {}};
    (void)dialog.on_octets("EHLO before\r\n");
    (void)dialog.on_octets("MAIL FROM:<a@b>\r\n");
    (void)dialog.on_octets("STARTTLS\r\n");
    dialog.on_tls_started();
    CHECK(dialog.helo().empty());
    CHECK(ask(dialog, "RCPT TO:<c@d>") == "503 5.5.1 Error: need MAIL command\r\n");
    CHECK(ask(dialog, "MAIL FROM:<a@b>") == "503 5.5.1 Error: send HELO/EHLO first\r\n");
    (void)dialog.on_octets("HELO after\r\n");
    (void)dialog.on_octets("MAIL FROM:<>\r\n");
    const auto step = dialog.on_octets("RCPT TO:<c@d>\r\n");
    REQUIRE(step.notes.size() == 1);
    const auto& refused = std::get<smtp::recipient_refused>(step.notes[0]);
    CHECK(refused.helo == "after");
    CHECK_FALSE(refused.esmtp);
}
