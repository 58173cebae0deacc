// SPDX-License-Identifier: Apache-2.0
// What each command is answered with: every row of postscreen's command table.
#include "fendmail/core/smtp/dialog.hpp"

#include "support/catch.hpp"
#include "support/script.hpp"

#include <string>
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

/// A dialog in which the client has been greeted.
dialog_script greeted(const smtp::dialog_options& options = plain())
{
    return dialog_script{options}.greeted("mx.example ESMTP");
}

/// ... and has said MAIL.
dialog_script in_transaction(const smtp::dialog_options& options = plain())
{
    return greeted(options).client("MAIL FROM:<a@b.example>").server("250 2.1.0 Ok");
}

const std::string not_available = "450 4.3.2 Service currently unavailable";

} // namespace

TEST_CASE("dialog: EHLO is answered with the extensions in postscreen's order", "[smtp]")
{
    greeted()
        .client("EHLO c.example")
        .server("250-mx.example")
        .server("250-SIZE")
        .server("250-VRFY")
        .server("250-ETRN")
        .server("250-ENHANCEDSTATUSCODES")
        .server("250-8BITMIME")
        .server("250-DSN")
        .server("250-SMTPUTF8")
        .server("250 CHUNKING")
        .check();
}

TEST_CASE("dialog: EHLO offers what the options leave over", "[smtp]")
{
    smtp::dialog_options options = plain();
    options.size_limit_octets = 10240000;
    options.disable_vrfy = true;
    options.hide_ehlo = {"ETRN", "DSN", "CHUNKING"};
    greeted(options)
        .client("EHLO c.example")
        .server("250-mx.example")
        .server("250-SIZE 10240000")
        .server("250-ENHANCEDSTATUSCODES")
        .server("250-8BITMIME")
        .server("250 SMTPUTF8")
        .check();

    options.hide_ehlo = {"SIZE",     "VRFY", "ETRN",     "ENHANCEDSTATUSCODES",
                         "8BITMIME", "DSN",  "SMTPUTF8", "CHUNKING"};
    greeted(options).client("EHLO c.example").server("250 mx.example").check();
}

TEST_CASE("dialog: HELO is answered with the host name", "[smtp]")
{
    greeted().client("HELO c.example").server("250 mx.example").check();
}

TEST_CASE("dialog: HELO and EHLO need a name", "[smtp]")
{
    greeted()
        .client("HELO")
        .server("501 Syntax: HELO hostname")
        .client("EHLO   ")
        .server("501 Syntax: EHLO hostname")
        .check();
}

TEST_CASE("dialog: MAIL without a colon is a syntax error, everything else a sender", "[smtp]")
{
    greeted()
        .client("MAIL")
        .server("501 5.5.4 Syntax: MAIL FROM:<address>")
        .client("MAIL FROM <a@b>")
        .server("501 5.5.4 Syntax: MAIL FROM:<address>")
        .client("MAIL nonsense: no address at all")
        .server("250 2.1.0 Ok")
        .client("MAIL FROM:<a@b>")
        .server("503 5.5.1 Error: nested MAIL command")
        .check();
}

TEST_CASE("dialog: the null sender opens a transaction like any other", "[smtp]")
{
    greeted()
        .client("MAIL FROM:<>")
        .server("250 2.1.0 Ok")
        .client("MAIL FROM:<>")
        .server("503 5.5.1 Error: nested MAIL command")
        .client("RCPT TO:<c@d>")
        .server(not_available)
        .notes(not_available + "; from=<>, to=<c@d>, proto=SMTP, helo=<>")
        .check();
}

TEST_CASE("dialog: MAIL and ETRN wait for HELO or EHLO when it is required", "[smtp]")
{
    smtp::dialog_options options = plain();
    options.helo_required = true;
    greeted(options)
        .client("MAIL FROM:<a@b>")
        .server("503 5.5.1 Error: send HELO/EHLO first")
        .client("MAIL")
        .server("503 5.5.1 Error: send HELO/EHLO first")
        .client("ETRN")
        .server("503 5.5.1 Error: send HELO/EHLO first")
        .client("HELO")
        .server("501 Syntax: HELO hostname")
        .client("MAIL FROM:<a@b>")
        .server("503 5.5.1 Error: send HELO/EHLO first")
        .client("VRFY a")
        .server(not_available)
        .client("HELO c")
        .server("250 mx.example")
        .client("MAIL FROM:<a@b>")
        .server("250 2.1.0 Ok")
        .client("ETRN d")
        .server("458 Unable to queue messages")
        .check();
}

TEST_CASE("dialog: RCPT is refused and noted, but not before MAIL", "[smtp]")
{
    greeted()
        .client("RCPT TO:<c@d>")
        .server("503 5.5.1 Error: need MAIL command")
        .client("MAIL FROM:<@r.example:a@b> SIZE=7")
        .server("250 2.1.0 Ok")
        .client("RCPT")
        .server("501 5.5.4 Syntax: RCPT TO:<address>")
        .client("RCPT TO:<@r.example:c@d> NOTIFY=NEVER")
        .server(not_available)
        .notes(not_available + "; from=<a@b>, to=<c@d>, proto=SMTP, helo=<>")
        .client("RCPT TO:<\"e f\"@d>")
        .server(not_available)
        .notes(not_available + "; from=<a@b>, to=<\"e f\"@d>, proto=SMTP, helo=<>")
        .check();
}

TEST_CASE("dialog: RCPT and VRFY get the refusal of the test that failed", "[smtp]")
{
    in_transaction()
        .refusing(make_reply(550, "5.7.1", "Service unavailable; client [192.0.2.1] blocked"))
        .client("RCPT TO:<c@d>")
        .server("550 5.7.1 Service unavailable; client [192.0.2.1] blocked")
        .notes("550 5.7.1 Service unavailable; client [192.0.2.1] blocked; "
               "from=<a@b.example>, to=<c@d>, proto=SMTP, helo=<>")
        .client("VRFY c")
        .server("550 5.7.1 Service unavailable; client [192.0.2.1] blocked")
        .check();
}

TEST_CASE("dialog: ESMTP sticks after EHLO and the name is the last one given", "[smtp]")
{
    smtp::dialog_options options = plain();
    options.hide_ehlo = {"SIZE",     "VRFY", "ETRN",     "ENHANCEDSTATUSCODES",
                         "8BITMIME", "DSN",  "SMTPUTF8", "CHUNKING"};
    greeted(options)
        .client("EHLO first")
        .server("250 mx.example")
        .client("HELO second and more words")
        .server("250 mx.example")
        .client("HELO")
        .server("501 Syntax: HELO hostname")
        .client("MAIL FROM:<a@b>")
        .server("250 2.1.0 Ok")
        .client("RCPT TO:<c@d>")
        .server(not_available)
        .notes(not_available + "; from=<a@b>, to=<c@d>, proto=ESMTP, helo=<second>")
        .check();
}

TEST_CASE("dialog: HELO, EHLO and RSET end a transaction, other commands do not", "[smtp]")
{
    smtp::dialog_options options = plain();
    options.hide_ehlo = {"SIZE",     "VRFY", "ETRN",     "ENHANCEDSTATUSCODES",
                         "8BITMIME", "DSN",  "SMTPUTF8", "CHUNKING"};
    struct row {
        const char* command;
        const char* answer;
        bool ends;
    };
    for (const row& r :
         {row{"HELO x", "250 mx.example", true}, row{"EHLO x", "250 mx.example", true},
          row{"RSET", "250 2.0.0 Ok", true}, row{"NOOP", "250 2.0.0 Ok", false},
          row{"HELO", "501 Syntax: HELO hostname", false},
          row{"EHLO", "501 Syntax: EHLO hostname", false}}) {
        CAPTURE(r.command);
        in_transaction(options)
            .client(r.command)
            .server(r.answer)
            .client("MAIL FROM:<a@b>")
            .server(r.ends ? "250 2.1.0 Ok" : "503 5.5.1 Error: nested MAIL command")
            .check();
    }
}

TEST_CASE("dialog: DATA ends the session whatever it is answered with", "[smtp]")
{
    greeted()
        .client("DATA")
        .server("503 5.5.1 Error: need RCPT command")
        .notes("DATA without valid RCPT")
        .closes()
        .check();
    greeted()
        .client("DATA now")
        .server("501 5.5.4 Syntax: DATA")
        .notes("DATA without valid RCPT")
        .closes()
        .check();
    in_transaction()
        .client("DATA now")
        .server("501 5.5.4 Syntax: DATA")
        .notes("DATA without valid RCPT")
        .closes()
        .check();
    in_transaction()
        .client("data")
        .server("554 5.5.1 Error: no valid recipients")
        .notes("DATA without valid RCPT")
        .closes()
        .check();
}

TEST_CASE("dialog: mail behind DATA is not taken for commands", "[smtp]")
{
    in_transaction()
        .octets("DATA\r\nRSET\r\nMAIL FROM:<x@y>\r\n.\r\nQUIT\r\n")
        .server("554 5.5.1 Error: no valid recipients")
        .notes("DATA without valid RCPT")
        .closes()
        .check();
}

TEST_CASE("dialog: BDAT ends the session whatever it is answered with", "[smtp]")
{
    greeted()
        .client("BDAT")
        .server("501 5.5.4 Syntax: BDAT count [LAST]")
        .notes("BDAT without valid RCPT")
        .closes()
        .check();
    greeted()
        .client("BDAT 5 LAST")
        .server("554 5.5.1 Error: need MAIL command")
        .notes("BDAT without valid RCPT")
        .closes()
        .check();
    in_transaction()
        .octets("BDAT 6 LAST\r\nNOOP\r\n")
        .server("554 5.5.1 Error: no valid recipients")
        .notes("BDAT without valid RCPT")
        .closes()
        .check();
}

TEST_CASE("dialog: BDAT is not implemented where CHUNKING is hidden", "[smtp]")
{
    smtp::dialog_options options = plain();
    options.hide_ehlo = {"DSN", "CHUNKING"};
    for (const char* command : {"BDAT", "BDAT 5 LAST"}) {
        CAPTURE(command);
        in_transaction(options)
            .client(command)
            .server("502 5.5.1 Error: command not implemented")
            .notes("BDAT without valid RCPT")
            .closes()
            .check();
    }
}

TEST_CASE("dialog: RSET and NOOP are fine with or without words behind them", "[smtp]")
{
    greeted()
        .client("RSET")
        .server("250 2.0.0 Ok")
        .client("NOOP")
        .server("250 2.0.0 Ok")
        .client("rset x")
        .server("250 2.0.0 Ok")
        .client("NoOp x y")
        .server("250 2.0.0 Ok")
        .check();
}

TEST_CASE("dialog: VRFY needs an address and may be disabled", "[smtp]")
{
    smtp::dialog_options options = plain();
    greeted(options)
        .client("VRFY")
        .server("501 5.5.4 Syntax: VRFY address")
        .client("VRFY postmaster")
        .server(not_available)
        .check();
    options.disable_vrfy = true;
    greeted(options)
        .client("VRFY")
        .server("501 5.5.4 Syntax: VRFY address")
        .client("VRFY postmaster")
        .server("502 5.5.1 VRFY command is disabled")
        .check();
}

TEST_CASE("dialog: ETRN is never able to queue", "[smtp]")
{
    greeted()
        .client("ETRN")
        .server("500 Syntax: ETRN domain")
        .client("ETRN b.example")
        .server("458 Unable to queue messages")
        .check();
}

TEST_CASE("dialog: STARTTLS is not implemented", "[smtp]")
{
    greeted()
        .client("STARTTLS x")
        .server("501 5.5.4 Syntax: STARTTLS")
        .client("STARTTLS")
        .server("502 5.5.1 Error: command not implemented")
        .check();
}

TEST_CASE("dialog: all other commands are not recognized", "[smtp]")
{
    dialog_script script = greeted();
    for (const char* command :
         {"AUTH LOGIN", "XCLIENT ADDR=192.0.2.1", "XFORWARD NAME=x", "HELP", "EXPN list",
          "GET / HTTP/1.1", "Subject: x", "", "   ", "QUIT\t", "\x16\x03\x01", "\xff\xfe"})
        script.client(command).server("502 5.5.2 Error: command not recognized");
    script.check();
}

TEST_CASE("dialog: QUIT is answered and closes", "[smtp]")
{
    greeted().client("QUIT").server("221 2.0.0 Bye").closes().check();
    greeted().client("quit now").server("221 2.0.0 Bye").closes().check();
    in_transaction().octets("QUIT\r\nNOOP\r\n").server("221 2.0.0 Bye").closes().check();
}

TEST_CASE("dialog: with soft bounce no reply and no note is permanent", "[smtp]")
{
    smtp::dialog_options options = plain();
    options.soft_bounce = true;
    const auto refusal = make_reply(550, "5.7.1", "blocked");
    in_transaction(options)
        .refusing(refusal)
        .client("RCPT TO:<c@d>")
        .server("450 4.7.1 blocked")
        .notes("450 4.7.1 blocked; from=<a@b.example>, to=<c@d>, proto=SMTP, helo=<>")
        .client("VRFY c")
        .server("450 4.7.1 blocked")
        .client("HELP")
        .server("402 4.5.2 Error: command not recognized")
        .client("ETRN")
        .server("400 Syntax: ETRN domain")
        .client("ETRN d")
        .server("458 Unable to queue messages")
        .client("NOOP")
        .server("250 2.0.0 Ok")
        .client("DATA")
        .server("454 4.5.1 Error: no valid recipients")
        .notes("DATA without valid RCPT")
        .closes()
        .check();
}
