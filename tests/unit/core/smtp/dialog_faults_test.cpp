// SPDX-License-Identifier: Apache-2.0
// What a client can do wrong in a dialog, when it is seen, and what follows.
#include "fendmail/core/smtp/dialog.hpp"

#include "support/catch.hpp"
#include "support/script.hpp"

#include <string>
#include <vector>

using namespace fendmail;
using namespace std::string_literals;
using smtp::fault;
using smtp::on_fault;
using test::describe;
using test::dialog_script;

namespace {

smtp::dialog_options plain()
{
    smtp::dialog_options options;
    options.hostname = "mx.example";
    for (const char* command : {"CONNECT", "GET", "POST", "/^[^A-Z]/"})
        REQUIRE(options.forbidden.add(command).has_value());
    return options;
}

dialog_script watching(fault f, on_fault what)
{
    return dialog_script{plain()}.silent().watching(f, what);
}

/// Everything that one read gives.
struct outcome {
    std::string output;
    std::vector<std::string> notes;
    bool closed = false;
};

outcome read_once(const smtp::dialog_options& options, smtp::dialog_terms terms,
                  std::string_view octets, std::string_view waiting = {})
{
    smtp::dialog dialog{options, std::move(terms)};
    const smtp::step step = dialog.on_octets(octets, waiting);
    outcome out{step.output, {}, step.then == smtp::next::close};
    for (const auto& what : step.notes)
        out.notes.push_back(describe(what));
    return out;
}

smtp::dialog_terms looking_for(fault f, on_fault what)
{
    smtp::dialog_terms terms{.opening = smtp::opening::silent};
    terms.faults[f] = what;
    return terms;
}

using list = std::vector<std::string>;

} // namespace

TEST_CASE("faults: a bare newline is told once, and the command is answered", "[smtp]")
{
    watching(fault::bare_newline, on_fault::tell)
        .octets("NOOP\r\n")
        .server("250 2.0.0 Ok")
        .octets("HELO x\n")
        .server("250 mx.example")
        .notes("bare_newline after : HELO x")
        .octets("RSET\n")
        .server("250 2.0.0 Ok")
        .check();
}

TEST_CASE("faults: a fault that is refused changes the reply to the recipients behind it", "[smtp]")
{
    watching(fault::bare_newline, on_fault::refuse)
        .client("MAIL FROM:<a@b>")
        .server("250 2.1.0 Ok")
        .client("RCPT TO:<c@d>")
        .server("450 4.3.2 Service currently unavailable")
        .notes("450 4.3.2 Service currently unavailable; from=<a@b>, to=<c@d>, proto=SMTP, helo=<>")
        .octets("RCPT TO:<e@f>\n")
        .server("550 5.5.1 Protocol error")
        .notes("bare_newline after : RCPT TO:<e@f>")
        .notes("550 5.5.1 Protocol error; from=<a@b>, to=<e@f>, proto=SMTP, helo=<>")
        .check();
}

TEST_CASE("faults: a fault can end the session at once", "[smtp]")
{
    watching(fault::bare_newline, on_fault::end)
        .octets("HELO x\n")
        .server("521 5.5.1 Protocol error")
        .notes("bare_newline after : HELO x")
        .closes()
        .check();
    watching(fault::non_smtp_command, on_fault::end)
        .client("GET / HTTP/1.1")
        .server("521 5.7.0 Error: I can break rules, too. Goodbye.")
        .notes("non_smtp_command after CONNECT: GET / HTTP/1.1")
        .closes()
        .check();
    const auto options = plain();
    const auto piped = read_once(options, looking_for(fault::pipelining, on_fault::end),
                                 "HELO x\r\nMAIL FROM:<a@b>\r\n");
    CHECK(piped.output == "521 5.5.1 Protocol error\r\n");
    CHECK(piped.notes == list{"pipelining after HELO: MAIL FROM:<a@b>\r\n"});
    CHECK(piped.closed);
}

TEST_CASE("faults: soft_bounce makes 4xx of them", "[smtp]")
{
    auto options = plain();
    options.soft_bounce = true;
    const auto ended =
        read_once(options, looking_for(fault::bare_newline, on_fault::end), "RSET\n");
    CHECK(ended.output == "421 4.5.1 Protocol error\r\n");
    const auto refused = read_once(options, looking_for(fault::bare_newline, on_fault::refuse),
                                   "MAIL FROM:<>\nRCPT TO:<a@b>\n");
    CHECK(refused.output == "250 2.1.0 Ok\r\n450 4.5.1 Protocol error\r\n");
}

TEST_CASE("faults: what is another protocol's and what is not", "[smtp]")
{
    struct row {
        std::string line;
        bool is_foreign = false;
    };
    const auto options = plain();
    for (const auto& [line, is_foreign] : {row{"GET / HTTP/1.0", true},
                                           row{"get /", true},
                                           row{"CONNECT 192.0.2.1:25", true},
                                           row{"Subject: hi", true},
                                           row{"  Subject: hi", true},
                                           row{"Subject : hi", true},
                                           row{"X-A\t:b", true},
                                           row{"{\"json\"", true},
                                           row{"1234", true},
                                           row{"\xff\xfe", true},
                                           row{"HELP \xff", true},
                                           row{"HELP", false},
                                           row{"", false},
                                           row{"   ", false},
                                           row{"FROM a: b", false},
                                           row{"AUTH LOGIN", false},
                                           row{"XCLIENT ADDR=1", false},
                                           row{"MAIL: x", true},
                                           row{"MAIL :x", false},
                                           row{"GETX", false},
                                           row{"HELP \xc3\xa4", false},
                                           row{"NOOP \xff", false},
                                           row{": x", true}}) {
        CAPTURE(line);
        const auto seen =
            read_once(options, looking_for(fault::non_smtp_command, on_fault::tell), line + "\r\n");
        CHECK((seen.notes.size() == 1) == is_foreign);
        CHECK(seen.output.size() > 0);
    }
}

TEST_CASE("faults: text that is not UTF-8 is foreign only where SMTPUTF8 is offered", "[smtp]")
{
    auto options = plain();
    options.hide_ehlo = {"SMTPUTF8"};
    const auto terms = looking_for(fault::non_smtp_command, on_fault::tell);
    CHECK(read_once(options, terms, "HELP \xff\r\n").notes.empty());
}

TEST_CASE("faults: the non-SMTP command is told with the verb before it", "[smtp]")
{
    watching(fault::non_smtp_command, on_fault::tell)
        .client("EHLO x")
        .server("250-mx.example")
        .server("250-SIZE")
        .server("250-VRFY")
        .server("250-ETRN")
        .server("250-ENHANCEDSTATUSCODES")
        .server("250-8BITMIME")
        .server("250-DSN")
        .server("250-SMTPUTF8")
        .server("250 CHUNKING")
        .client("Received: by x")
        .server("502 5.5.2 Error: command not recognized")
        .notes("non_smtp_command after EHLO: Received: by x")
        .check();
}

TEST_CASE("faults: pipelining is what came behind a command before its answer", "[smtp]")
{
    const auto options = plain();
    const auto terms = looking_for(fault::pipelining, on_fault::tell);

    SECTION("in the same read")
    {
        const auto seen = read_once(options, terms, "RSET\r\nNOO");
        CHECK(seen.notes == list{"pipelining after RSET: NOO"});
    }
    SECTION("in a segment of its own that arrived before we answered")
    {
        const auto seen = read_once(options, terms, "RSET\r\n", "NOOP\r\n");
        CHECK(seen.notes == list{"pipelining after RSET: NOOP\r\n"});
    }
    SECTION("not the rest of a command that came in pieces")
    {
        CHECK(read_once(options, terms, "RSE", "T\r\n").notes.empty());
    }
    SECTION("not the octets of a BDAT")
    {
        const auto seen = read_once(options, terms, "BDAT 3\r\nabc");
        CHECK(seen.notes == list{"BDAT without valid RCPT"});
    }
    SECTION("told once")
    {
        const auto seen = read_once(options, terms, "RSET\r\nRSET\r\nRSET\r\n");
        CHECK(seen.notes == list{"pipelining after RSET: RSET\r\nRSET\r\n"});
    }
}

TEST_CASE("faults: two faults of one line are told in the order of the tests", "[smtp]")
{
    const auto options = plain();
    auto terms = looking_for(fault::bare_newline, on_fault::tell);
    terms.faults[fault::non_smtp_command] = on_fault::tell;
    terms.faults[fault::pipelining] = on_fault::tell;
    const auto seen = read_once(options, terms, "GET /\nHost: x\n");
    CHECK(seen.notes == list{"bare_newline after : GET /", "non_smtp_command after CONNECT: GET /",
                             "pipelining after UNIMPLEMENTED: Host: x\n"});
}

TEST_CASE("faults: what is not watched for is not told", "[smtp]")
{
    const auto options = plain();
    const auto seen = read_once(options, {.opening = smtp::opening::silent}, "GET /\nHost: x\n");
    CHECK(seen.notes.empty());
}

TEST_CASE("faults: a recipient is told of whatever its reply is", "[smtp]")
{
    const auto options = plain();
    for (const auto* text : {"RCPT TO:<a@b>\r\n", "RCPT\r\n", "rcpt x\r\n"}) {
        smtp::dialog dialog{options, {.opening = smtp::opening::silent}};
        CHECK(dialog.on_octets(text).recipient_named);
    }
    smtp::dialog dialog{options, {.opening = smtp::opening::silent}};
    CHECK_FALSE(dialog.on_octets("MAIL FROM:<>\r\nDATA\r\n").recipient_named);
}

TEST_CASE("faults: who is dropped for a fault at RCPT has named no recipient", "[smtp]")
{
    const auto options = plain();
    smtp::dialog dialog{options, looking_for(fault::bare_newline, on_fault::end)};
    const auto step = dialog.on_octets("RCPT TO:<a@b>\n");
    CHECK(step.dropped);
    CHECK_FALSE(step.recipient_named);
}

TEST_CASE("faults: HELO with a name of ours, in HELO and EHLO, told once", "[smtp]")
{
    auto options = plain();
    options.own_names.add("mx.example");
    dialog_script{options}
        .silent()
        .watching(fault::own_helo, on_fault::tell)
        .octets("HELO c.example\r\n")
        .server("250 mx.example")
        .octets("helo  MX.example. \r\n")
        .server("250 mx.example")
        .notes("own_helo after HELO: MX.example.")
        .octets("HELO mx.example\r\n")
        .server("250 mx.example")
        .check();
    dialog_script{options}
        .silent()
        .watching(fault::own_helo, on_fault::refuse)
        .octets("HELO 0.0.0.0\r\n") // what `local` is when it is not given
        .server("250 mx.example")
        .notes("own_helo after HELO: 0.0.0.0")
        .octets("MAIL FROM:<a@b>\r\n")
        .server("250 2.1.0 Ok")
        .octets("RCPT TO:<c@d>\r\n")
        .server("550 5.7.1 Service unavailable; HELO name is not yours")
        .notes("550 5.7.1 Service unavailable; HELO name is not yours; from=<a@b>, to=<c@d>, "
               "proto=SMTP, helo=<0.0.0.0>")
        .check();
    const auto ended =
        read_once(options, looking_for(fault::own_helo, on_fault::end), "EHLO mx.example\r\n");
    CHECK(ended.closed);
    CHECK(ended.output == "521 5.7.1 Service unavailable; HELO name is not yours\r\n");
    CHECK(ended.notes == list{"own_helo after EHLO: mx.example"});
    const auto none =
        read_once(options, looking_for(fault::own_helo, on_fault::end), "NOOP mx.example\r\n");
    CHECK_FALSE(none.closed);
}
