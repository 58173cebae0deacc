// SPDX-License-Identifier: Apache-2.0
// How a dialog begins and ends, its limits, and what it does with hostile octets.
#include "fendmail/core/smtp/dialog.hpp"

#include "support/catch.hpp"
#include "support/script.hpp"

#include <string>
#include <variant>
#include <vector>

using namespace fendmail;
using namespace std::string_literals;
using smtp::make_reply;
using test::dialog_script;

namespace {

smtp::dialog_options plain()
{
    smtp::dialog_options options;
    options.hostname = "mx.example";
    return options;
}

const std::string try_again = "421 mx.example Service unavailable - try again later";

} // namespace

TEST_CASE("dialog: the greeting is the host name or what the options say", "[smtp]")
{
    smtp::dialog_options options = plain();
    dialog_script{options}
        .greeted("mx.example ESMTP")
        .client("NOOP")
        .server("250 2.0.0 Ok")
        .check();
    options.greeting = "other.example no UCE";
    dialog_script{options}
        .greeted("other.example no UCE")
        .client("HELO x")
        .server("250 mx.example")
        .check();
}

TEST_CASE("dialog: a client that spoke first is answered in step, without a greeting", "[smtp]")
{
    dialog_script{plain()}
        .silent()
        .client("HELO x")
        .server("250 mx.example")
        .client("QUIT")
        .server("221 2.0.0 Bye")
        .closes()
        .check();
}

TEST_CASE("dialog: both <CRLF> and a bare <LF> end a command", "[smtp]")
{
    dialog_script{plain()}
        .greeted("mx.example ESMTP")
        .octets("NOOP\nRSET\r\nHELO x\n")
        .server("250 2.0.0 Ok")
        .server("250 2.0.0 Ok")
        .server("250 mx.example")
        .octets("\n\r\n")
        .server("502 5.5.2 Error: command not recognized")
        .server("502 5.5.2 Error: command not recognized")
        .check();
}

TEST_CASE("dialog: a NUL ends a command and a <CR> does not", "[smtp]")
{
    dialog_script{plain()}
        .greeted("mx.example ESMTP")
        .client("HELO x\0y"s)
        .server("250 mx.example")
        .client("MAIL FROM:<a@b>\rRCPT TO:<x@y>")
        .server("250 2.1.0 Ok")
        .client("RCPT TO:<c\0@d>"s)
        .server("450 4.3.2 Service currently unavailable")
        .notes("450 4.3.2 Service currently unavailable; from=<a@b>, to=<c>, proto=SMTP, helo=<x>")
        .client("\0QUIT"s)
        .server("502 5.5.2 Error: command not recognized")
        .client("QUIT\0 whatever"s)
        .server("221 2.0.0 Bye")
        .closes()
        .check();
}

TEST_CASE("dialog: one command too many ends the session", "[smtp]")
{
    smtp::dialog_options options = plain();
    options.command_limit = 3;
    dialog_script script = dialog_script{options}.greeted("mx.example ESMTP");
    script.client("NOOP").server("250 2.0.0 Ok").client("nonsense");
    script.server("502 5.5.2 Error: command not recognized").client("RSET").server("250 2.0.0 Ok");

    SECTION("the log names the command before it")
    {
        script.client("NOOP").server(try_again).notes("command_count after RSET").closes().check();
    }
    SECTION("unknown commands count")
    {
        script.client("x").server(try_again).notes("command_count after RSET").closes().check();
    }
    SECTION("DATA counts and is not noted as mail")
    {
        script.client("DATA").server(try_again).notes("command_count after RSET").closes().check();
    }
    SECTION("QUIT is never one too many")
    {
        script.client("QUIT").server("221 2.0.0 Bye").closes().check();
    }
}

TEST_CASE("dialog: with a limit of 0 the first command is one too many", "[smtp]")
{
    smtp::dialog_options options = plain();
    options.command_limit = 0;
    dialog_script{options}
        .greeted("mx.example ESMTP")
        .client("EHLO x")
        .server(try_again)
        .notes("command_count after CONNECT")
        .closes()
        .check();
}

TEST_CASE("dialog: the name in limit notes of an unknown command is not the client's", "[smtp]")
{
    smtp::dialog_options options = plain();
    options.command_limit = 1;
    dialog_script{options}
        .greeted("mx.example ESMTP")
        .client("EVIL")
        .server("502 5.5.2 Error: command not recognized")
        .client("NOOP")
        .server(try_again)
        .notes("command_count after UNIMPLEMENTED")
        .closes()
        .check();
}

TEST_CASE("dialog: a line may be as long as the limit and no longer", "[smtp]")
{
    smtp::dialog_options options = plain();
    options.line_limit_octets = 20;
    const std::string longest = "HELO 789012345678901";
    REQUIRE(longest.size() - 1 == 19);
    const std::string full = longest.substr(0, 20);

    for (const std::string& ending : {"\r\n"s, "\n"s}) {
        dialog_script{options}
            .greeted("mx.example ESMTP")
            .octets(full + ending)
            .server("250 mx.example")
            .octets(full + "x" + ending)
            .server(try_again)
            .notes("command_length after HELO")
            .closes()
            .check();
    }
    // Nothing waits for the end of a line that is too long already.
    dialog_script{options}
        .greeted("mx.example ESMTP")
        .octets(full + "x")
        .server(try_again)
        .notes("command_length after CONNECT")
        .closes()
        .check();
    dialog_script{options}.greeted("mx.example ESMTP").octets(full + "\r").check();
    dialog_script{options}
        .greeted("mx.example ESMTP")
        .octets("NOOP\r\n" + std::string(22, '\r'))
        .server("250 2.0.0 Ok")
        .server(try_again)
        .notes("command_length after NOOP")
        .closes()
        .check();
}

TEST_CASE("dialog: the time limit ends the session and is noted with the last command", "[smtp]")
{
    const std::string exceeded = "421 4.4.2 mx.example Error: timeout exceeded";
    dialog_script{plain()}
        .greeted("mx.example ESMTP")
        .time_limit()
        .server(exceeded)
        .notes("command_time after CONNECT")
        .closes()
        .check();
    dialog_script{plain()}
        .greeted("mx.example ESMTP")
        .client("MAIL FROM:<a@b>")
        .server("250 2.1.0 Ok")
        .octets("RCPT TO:<unfinished")
        .time_limit()
        .server(exceeded)
        .notes("command_time after MAIL")
        .closes()
        .check();
}

TEST_CASE("dialog: when it answers once, only QUIT is not answered with that", "[smtp]")
{
    const auto answer = make_reply(421, "4.3.2", "No system resources");
    for (const char* command : {"EHLO x", "HELO x", "DATA", "", "GET /", "BDAT 5", "RCPT TO:<a>"}) {
        CAPTURE(command);
        dialog_script{plain()}
            .answering_once(answer)
            .greeted("mx.example ESMTP")
            .client(command)
            .server("421 4.3.2 No system resources")
            .closes()
            .check();
    }
    dialog_script{plain()}
        .answering_once(answer)
        .greeted("mx.example ESMTP")
        .client("quit")
        .server("221 2.0.0 Bye")
        .closes()
        .check();
    dialog_script{plain()}
        .answering_once(answer)
        .greeted("mx.example ESMTP")
        .octets("EHLO x\r\nMAIL FROM:<>\r\nQUIT\r\n")
        .server("421 4.3.2 No system resources")
        .closes()
        .check();
    dialog_script{plain()}
        .answering_once(answer)
        .greeted("mx.example ESMTP")
        .time_limit()
        .server("421 4.4.2 mx.example Error: timeout exceeded")
        .notes("command_time after CONNECT")
        .closes()
        .check();
}

TEST_CASE("dialog: soft bounce also softens what is answered once", "[smtp]")
{
    smtp::dialog_options options = plain();
    options.soft_bounce = true;
    dialog_script{options}
        .answering_once(make_reply(521, "5.7.1", "Go away"))
        .greeted("mx.example ESMTP")
        .client("EHLO x")
        .server("421 4.7.1 Go away")
        .closes()
        .check();
}

TEST_CASE("dialog: only a whole command starts its time limit anew", "[smtp]")
{
    const smtp::dialog_options options = plain();
    smtp::dialog dialog{options, {}};
    CHECK_FALSE(dialog.start().command_done);
    CHECK_FALSE(dialog.on_octets("NOO").command_done);
    CHECK_FALSE(dialog.on_octets("P\r").command_done);
    CHECK(dialog.on_octets("\nNO").command_done);
    CHECK_FALSE(dialog.on_octets("").command_done);
    CHECK(dialog.on_octets("OP\r\nNOOP\r\n").command_done);
}

TEST_CASE("dialog: tells the last verb and the name of the client", "[smtp]")
{
    const smtp::dialog_options options = plain();
    smtp::dialog dialog{options, {}};
    CHECK(dialog.last_verb() == "CONNECT");
    CHECK(dialog.helo().empty());
    (void)dialog.on_octets("ehlo c.example\r\n");
    CHECK(dialog.last_verb() == "EHLO");
    CHECK(dialog.helo() == "c.example");
    (void)dialog.on_octets("GET /\r\n");
    CHECK(dialog.last_verb() == "UNIMPLEMENTED");
    CHECK(dialog.helo() == "c.example");
}

TEST_CASE("dialog: the note of a refused recipient holds its parts", "[smtp]")
{
    const smtp::dialog_options options = plain();
    smtp::dialog dialog{options, {.refusal = make_reply(550, "5.7.1", "No")}};
    const smtp::step step =
        dialog.on_octets("EHLO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\n");
    REQUIRE(step.notes.size() == 2);
    const auto* second = std::get_if<smtp::recipient_refused>(&step.notes[1]);
    REQUIRE(second != nullptr);
    CHECK(second->answer == make_reply(550, "5.7.1", "No"));
    CHECK(second->from == "a@b");
    CHECK(second->to == "e@f");
    CHECK(second->helo == "h");
    CHECK(second->esmtp);
}

TEST_CASE("dialog: 10 MB of anything cost one reply", "[smtp]")
{
    const smtp::dialog_options options = plain();
    for (const std::string& unit : {"\r"s, "\0"s, "x"s, "\xff"s, "NOOP "s, "\r\r"s, "\0\r"s}) {
        CAPTURE(unit);
        std::string chunk;
        while (chunk.size() < 1'000'000)
            chunk += unit;
        smtp::dialog dialog{options, {.opening = smtp::opening::silent}};
        std::string output;
        std::size_t notes = 0;
        for (int i = 0; i < 10; ++i) {
            const smtp::step step = dialog.on_octets(chunk);
            CHECK(to_string(step.then) == "close");
            output += step.output;
            notes += step.notes.size();
        }
        CHECK(output == try_again + "\r\n");
        CHECK(notes == 1);
    }
}

TEST_CASE("dialog: 10 MB of commands in one read cost no more replies than the limit", "[smtp]")
{
    const smtp::dialog_options options = plain();
    std::string flood;
    while (flood.size() < 10'000'000)
        flood += "RCPT TO:<a@b>\n";
    smtp::dialog dialog{options, {.opening = smtp::opening::silent}};
    const smtp::step step = dialog.on_octets("MAIL FROM:<>\n" + flood);
    CHECK(to_string(step.then) == "close");
    CHECK(step.notes.size() == 20);
    CHECK(step.output.ends_with(try_again + "\r\n"));
    CHECK(step.output.size() < 2000);
}

TEST_CASE("dialog: a verb, a name and a path may fill a line", "[smtp]")
{
    const std::string name(2000, 'n');
    dialog_script{plain()}.greeted("mx.example ESMTP").check();
    const smtp::dialog_options options = plain();
    smtp::dialog dialog{options, {.opening = smtp::opening::silent}};
    CHECK(dialog.on_octets(name + "\r\n").output == "502 5.5.2 Error: command not recognized\r\n");
    CHECK(dialog.on_octets("HELO " + name + "\r\n").output == "250 mx.example\r\n");
    CHECK(dialog.helo() == name);
    const smtp::step step = dialog.on_octets("MAIL FROM:<" + name + ">\r\nRCPT TO:<" +
                                             std::string(2000, '"') + ">\r\n");
    REQUIRE(step.notes.size() == 1);
    CHECK(std::get<smtp::recipient_refused>(step.notes[0]).from == name);
    CHECK(std::get<smtp::recipient_refused>(step.notes[0]).to.empty());
}

TEST_CASE("dialog: its enums have words for logs and tests", "[smtp]")
{
    CHECK(to_string(smtp::opening::greet) == "greet");
    CHECK(to_string(smtp::opening::silent) == "silent");
    CHECK(to_string(smtp::next::read) == "read");
    CHECK(to_string(smtp::next::close) == "close");
    CHECK(to_string(smtp::limit::command_count) == "command_count");
    CHECK(to_string(smtp::limit::command_length) == "command_length");
    CHECK(to_string(smtp::limit::command_time) == "command_time");
}
