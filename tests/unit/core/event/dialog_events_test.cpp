// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/dialog_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <string_view>
#include <vector>

namespace fendmail::event {
namespace {

std::vector<row> rows()
{
    return {
        {protocol_fault{client, screen::test::bare_newline, "", "EHLO x"}, "protocol_fault", "info",
         "BARE NEWLINE from [192.0.2.1]:12345 after EHLO x",
         json(R"(,"test":"bare_newline","after":"","text":"EHLO x","action":"enforce")"),
         logfmt(R"( test=bare_newline after="" text="EHLO x" action=enforce)")},
        {protocol_fault{client, screen::test::non_smtp_command, "CONNECT", "GET /\r",
                        screen::action::drop},
         "protocol_fault", "info",
         R"(NON-SMTP COMMAND from [192.0.2.1]:12345 after CONNECT: GET /\r)",
         json(R"(,"test":"non_smtp_command","after":"CONNECT","text":"GET /\\r","action":"drop")"),
         logfmt(R"( test=non_smtp_command after=CONNECT text="GET /\\r" action=drop)")},
        {protocol_fault{client, screen::test::pipelining, "EHLO", "MAIL"}, "protocol_fault", "info",
         "COMMAND PIPELINING from [192.0.2.1]:12345 after EHLO: MAIL",
         json(R"(,"test":"pipelining","after":"EHLO","text":"MAIL","action":"enforce")"),
         logfmt(" test=pipelining after=EHLO text=MAIL action=enforce")},
        {recipient_refused{client, "550 5.7.1 Service unavailable; client [192.0.2.1] blocked",
                           "spam@example.com", "me@example.org", "bot", true},
         "recipient_refused", "info",
         "NOQUEUE: reject: RCPT from [192.0.2.1]:12345: 550 5.7.1 Service unavailable; client "
         "[192.0.2.1] blocked; from=<spam@example.com>, to=<me@example.org>, proto=ESMTP, "
         "helo=<bot>",
         json(R"(,"reply":"550 5.7.1 Service unavailable; client [192.0.2.1] blocked")"
              R"(,"from":"spam@example.com","to":"me@example.org","helo":"bot","esmtp":true)"),
         logfmt(R"( reply="550 5.7.1 Service unavailable; client [192.0.2.1] blocked")"
                " from=spam@example.com to=me@example.org helo=bot esmtp=true")},
        {open_recipient{client, "250 2.1.5 Ok", "me@example.org", "postmaster", "bot"},
         "open_recipient", "info",
         "OPEN RECIPIENT from [192.0.2.1]:12345: 250 2.1.5 Ok; from=<me@example.org>, "
         "to=<postmaster>, helo=<bot>",
         json(R"(,"reply":"250 2.1.5 Ok","from":"me@example.org","to":"postmaster","helo":"bot")"),
         logfmt(" reply=\"250 2.1.5 Ok\" from=me@example.org to=postmaster helo=bot")},
        {recipient_refused{client, "450 4.3.2 Try again", "", "me@example.org", "bot", false},
         "recipient_refused", "info",
         "NOQUEUE: reject: RCPT from [192.0.2.1]:12345: 450 4.3.2 Try again; from=<>, "
         "to=<me@example.org>, proto=SMTP, helo=<bot>",
         json(R"(,"reply":"450 4.3.2 Try again","from":"","to":"me@example.org")"
              R"(,"helo":"bot","esmtp":false)"),
         logfmt(R"( reply="450 4.3.2 Try again" from="" to=me@example.org helo=bot esmtp=false)")},
        {mail_without_recipient{client, "DATA"}, "mail_without_recipient", "info",
         "DATA without valid RCPT from [192.0.2.1]:12345", json(R"(,"verb":"DATA")"),
         logfmt(" verb=DATA")},
        {command_limit_exceeded{client, command_limit::count, "NOOP"}, "command_limit_exceeded",
         "info", "COMMAND COUNT LIMIT from [192.0.2.1]:12345 after NOOP",
         json(R"(,"which":"count","after":"NOOP")"), logfmt(" which=count after=NOOP")},
        {command_limit_exceeded{client, command_limit::length, "EHLO"}, "command_limit_exceeded",
         "info", "COMMAND LENGTH LIMIT from [192.0.2.1]:12345 after EHLO",
         json(R"(,"which":"length","after":"EHLO")"), logfmt(" which=length after=EHLO")},
        {command_limit_exceeded{client, command_limit::time, "CONNECT"}, "command_limit_exceeded",
         "info", "COMMAND TIME LIMIT from [192.0.2.1]:12345 after CONNECT",
         json(R"(,"which":"time","after":"CONNECT")"), logfmt(" which=time after=CONNECT")},
        {plaintext_injected{client, "RSET"}, "plaintext_injected", "info",
         "PLAINTEXT AFTER STARTTLS from [192.0.2.1]:12345: RSET", json(R"(,"text":"RSET")"),
         logfmt(" text=RSET")},
        {relay_stopped{client, "bare_lf", "message", 512}, "relay_stopped", "info",
         "RELAY STOPPED for [192.0.2.1]:12345: bare_lf in message at octet 512",
         json(R"(,"fault":"bare_lf","place":"message","offset":512)"),
         logfmt(" fault=bare_lf place=message offset=512")},
        {tls_started{client, "TLSv1.3"}, "tls_started", "info",
         "Anonymous TLS connection established from [192.0.2.1]:12345: TLSv1.3",
         json(R"(,"summary":"TLSv1.3")"), logfmt(" summary=TLSv1.3")},
        {tls_failed{client, "no shared cipher"}, "tls_failed", "info",
         "TLS failed for [192.0.2.1]:12345: no shared cipher",
         json(R"(,"reason":"no shared cipher")"), logfmt(R"( reason="no shared cipher")")},
    };
}

std::vector<any_event> with_text(std::string_view text)
{
    return {protocol_fault{client, screen::test::pipelining, text, text},
            plaintext_injected{client, text},
            tls_started{client, text},
            tls_failed{client, text},
            open_recipient{client, text, text, text, text},
            recipient_refused{client, text, text, text, text, true},
            mail_without_recipient{client, text},
            command_limit_exceeded{client, command_limit::count, text}};
}

} // namespace

TEST_CASE("dialog events: each has its exact line in every format", "[event]")
{
    check_rows(dialog_events{}, rows());
}

TEST_CASE("dialog events: no octet of any text can break or forge a line in any format", "[event]")
{
    check_texts(rows(), with_text);
}

} // namespace fendmail::event
