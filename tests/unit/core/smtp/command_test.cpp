// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/command.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>

using namespace fendmail;
using namespace std::string_literals;
using smtp::verb;

TEST_CASE("command: a line is a verb and an argument", "[smtp]")
{
    struct row {
        const char* title;
        std::string line;
        smtp::verb want = verb::unknown;
        std::string want_token;
        std::string want_argument = {};
    };
    static const row rows[] = {
        {"EHLO", "EHLO c.example", verb::ehlo, "EHLO", "c.example"},
        {"HELO", "HELO c.example", verb::helo, "HELO", "c.example"},
        {"MAIL", "MAIL FROM:<a@b> SIZE=1", verb::mail, "MAIL", "FROM:<a@b> SIZE=1"},
        {"RCPT", "RCPT TO:<a@b>", verb::rcpt, "RCPT", "TO:<a@b>"},
        {"DATA", "DATA", verb::data, "DATA"},
        {"BDAT", "BDAT 5 LAST", verb::bdat, "BDAT", "5 LAST"},
        {"RSET", "RSET", verb::rset, "RSET"},
        {"NOOP", "NOOP", verb::noop, "NOOP"},
        {"VRFY", "VRFY a", verb::vrfy, "VRFY", "a"},
        {"ETRN", "ETRN b", verb::etrn, "ETRN", "b"},
        {"STARTTLS", "STARTTLS", verb::starttls, "STARTTLS"},
        {"QUIT", "QUIT", verb::quit, "QUIT"},
        {"small letters", "quit", verb::quit, "quit"},
        {"mixed letters", "StartTls", verb::starttls, "StartTls"},
        {"spaces before and behind the verb", "  MAIL   FROM:<>", verb::mail, "MAIL", "FROM:<>"},
        {"spaces behind the argument stay", "EHLO x ", verb::ehlo, "EHLO", "x "},
        {"only spaces behind the verb", "EHLO   ", verb::ehlo, "EHLO"},
        {"a tab is part of the verb", "EHLO\tx", verb::unknown, "EHLO\tx"},
        {"a NUL ends the line", "QUIT\0 x"s, verb::quit, "QUIT"},
        {"a NUL ends the argument", "EHLO x\0y"s, verb::ehlo, "EHLO", "x"},
        {"a NUL first", "\0QUIT"s, verb::unknown, ""},
        {"an empty line", "", verb::unknown, ""},
        {"spaces alone", "   ", verb::unknown, ""},
        {"one letter too many", "QUITS", verb::unknown, "QUITS"},
        {"one letter too few", "QUI", verb::unknown, "QUI"},
        {"a colon", "QUIT: x", verb::unknown, "QUIT:", "x"},
        {"HTTP", "GET / HTTP/1.1", verb::unknown, "GET", "/ HTTP/1.1"},
        {"AUTH is known though not offered", "AUTH LOGIN", verb::auth, "AUTH", "LOGIN"},
        {"XCLIENT is known though not offered", "XCLIENT ADDR=1", verb::xclient, "XCLIENT",
         "ADDR=1"},
        {"the logged name of unknown verbs", "UNIMPLEMENTED", verb::unknown, "UNIMPLEMENTED"},
        {"8-bit octets", "\xd1\xf5IT", verb::unknown, "\xd1\xf5IT"},
        {"a <CR> inside", "NOOP\rQUIT", verb::unknown, "NOOP\rQUIT"},
    };
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.title)
        {
            const smtp::command got = smtp::parse_command(r.line);
            CHECK(to_string(got.verb) == to_string(r.want));
            CHECK(got.verb_text == to_string(r.want));
            CHECK(got.token == r.want_token);
            CHECK(got.argument == r.want_argument);
        }
    }
}

TEST_CASE("command: only QUIT, DATA and BDAT end a session, and only QUIT is never too much",
          "[smtp]")
{
    for (const smtp::verb_row& row : smtp::verb_table) {
        CAPTURE(row.name);
        const verb v = row.verb;
        CHECK(row.ends_session == (v == verb::quit || v == verb::data || v == verb::bdat));
        CHECK(row.is_limited == (v != verb::quit));
    }
    CHECK(to_string(verb::unknown) == "UNIMPLEMENTED");
}

TEST_CASE("command: a verb of 10 MB is just unknown", "[smtp]")
{
    const std::string flood(10'000'000, 'Q');
    const smtp::command got = smtp::parse_command(flood);
    CHECK(to_string(got.verb) == "UNIMPLEMENTED");
    CHECK(got.token.size() == flood.size());
}

TEST_CASE("command: the first word is what stands before the first space", "[smtp]")
{
    CHECK(smtp::first_word("a b") == "a");
    CHECK(smtp::first_word("  a") == "a");
    CHECK(smtp::first_word("a\tb c") == "a\tb");
    CHECK(smtp::first_word("   ").empty());
    CHECK(smtp::first_word("").empty());
}
