// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/client_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <string_view>
#include <vector>

namespace fendmail::event {
namespace {

std::vector<row> rows()
{
    using screen::exemption;
    return {
        {connected{client, local}, "connected", "info",
         "CONNECT from [192.0.2.1]:12345 to [198.51.100.9]:25",
         json(R"(,"local":"198.51.100.9","local_port":25)"),
         logfmt(" local=198.51.100.9 local_port=25")},
        {connected{client6, local}, "connected", "info",
         "CONNECT from [2001:db8::1]:25000 to [198.51.100.9]:25",
         R"("session":8,"client":"2001:db8::1","client_port":25000)"
         R"(,"local":"198.51.100.9","local_port":25)",
         "session=8 client=2001:db8::1 client_port=25000 local=198.51.100.9 local_port=25"},
        {allowlisted{client, "access.cidr:3"}, "allowlisted", "info",
         "ALLOWLISTED [192.0.2.1]:12345", json(R"(,"rule":"access.cidr:3")"),
         logfmt(" rule=access.cidr:3")},
        {denylisted{client, "access.cidr:4"}, "denylisted", "info",
         "DENYLISTED [192.0.2.1]:12345 by access.cidr:4", json(R"(,"rule":"access.cidr:4")"),
         logfmt(" rule=access.cidr:4")},
        {known_sender{client, "gmail.com", exemption::all}, "known_sender", "info",
         "KNOWN SENDER [192.0.2.1]:12345 gmail.com", json(R"(,"domain":"gmail.com","skip":"all")"),
         logfmt(" domain=gmail.com skip=all")},
        {known_sender{client, "gmail.com", exemption::deep}, "known_sender", "info",
         "KNOWN SENDER [192.0.2.1]:12345 gmail.com", json(R"(,"domain":"gmail.com","skip":"deep")"),
         logfmt(" domain=gmail.com skip=deep")},
        {known_recipient{client, "mx.example", exemption::deep}, "known_recipient", "info",
         "KNOWN RECIPIENT [192.0.2.1]:12345 mx.example",
         json(R"(,"host":"mx.example","skip":"deep")"), logfmt(" host=mx.example skip=deep")},
        {vetoed{client, local}, "vetoed", "info", "ALLOWLIST VETO [192.0.2.1]:12345",
         json(R"(,"local":"198.51.100.9","local_port":25)"),
         logfmt(" local=198.51.100.9 local_port=25")},
        {connect_refused{client, connect_refusal::too_many_connections}, "connect_refused", "info",
         "NOQUEUE: reject: CONNECT from [192.0.2.1]:12345: too many connections",
         json(R"(,"why":"too_many_connections")"), logfmt(" why=too_many_connections")},
        {connect_refused{client, connect_refusal::all_screening_ports_busy}, "connect_refused",
         "info", "NOQUEUE: reject: CONNECT from [192.0.2.1]:12345: all screening ports busy",
         json(R"(,"why":"all_screening_ports_busy")"), logfmt(" why=all_screening_ports_busy")},
        {connect_refused{client, connect_refusal::all_server_ports_busy}, "connect_refused", "info",
         "NOQUEUE: reject: CONNECT from [192.0.2.1]:12345: all server ports busy",
         json(R"(,"why":"all_server_ports_busy")"), logfmt(" why=all_server_ports_busy")},
        {connect_refused{client, connect_refusal::network_asked_too_much}, "connect_refused",
         "info",
         "NOQUEUE: reject: CONNECT from [192.0.2.1]:12345: too many new clients from its network",
         json(R"(,"why":"network_asked_too_much")"), logfmt(" why=network_asked_too_much")},
        {passed{client, true}, "passed", "info", "PASS NEW [192.0.2.1]:12345",
         json(R"(,"is_new":true)"), logfmt(" is_new=true")},
        {passed{client, false}, "passed", "info", "PASS OLD [192.0.2.1]:12345",
         json(R"(,"is_new":false)"), logfmt(" is_new=false")},
        {pregreeted{client, 11, milliseconds{230}, "EHLO spam\r\n", screen::action::enforce,
                    smtp::speech::smtp},
         "pregreeted", "info", R"(PREGREET 11 after 0.23 from [192.0.2.1]:12345: EHLO spam\r\n)",
         json(R"(,"octets":11,"after_seconds":0.230,"text":"EHLO spam\\r\\n","action":"enforce")"
              R"(,"spoke":"smtp")"),
         logfmt(R"( octets=11 after_seconds=0.230 text="EHLO spam\\r\\n" action=enforce)"
                " spoke=smtp")},
        {dnsbl_scored{client, 4, "zen.example", screen::action::ignore}, "dnsbl_scored", "info",
         "DNSBL rank 4 for [192.0.2.1]:12345",
         json(R"(,"score":4,"reply_name":"zen.example","action":"ignore")"),
         logfmt(" score=4 reply_name=zen.example action=ignore")},
        {client_name_counted{client, "no_ptr", 1, ""}, "client_name_counted", "info",
         "CLIENT NAME no_ptr weight 1 for [192.0.2.1]:12345",
         json(R"(,"signal":"no_ptr","weight":1,"text":"")"),
         logfmt(R"( signal=no_ptr weight=1 text="")")},
        {client_name_counted{client, "own_helo", 2, "mx1\r\n"}, "client_name_counted", "info",
         R"(CLIENT NAME own_helo weight 2 for [192.0.2.1]:12345: mx1\r\n)",
         json(R"(,"signal":"own_helo","weight":2,"text":"mx1\\r\\n")"),
         logfmt(R"( signal=own_helo weight=2 text="mx1\\r\\n")")},
    };
}

std::vector<any_event> with_text(std::string_view text)
{
    return {allowlisted{client, text},
            denylisted{client, text},
            known_sender{client, text},
            known_recipient{client, text},
            pregreeted{client, text.size(), milliseconds{1}, text},
            dnsbl_scored{client, 1, text},
            client_name_counted{client, "no_ptr", 1, text}};
}

} // namespace

TEST_CASE("client events: each has its exact line in every format", "[event]")
{
    check_rows(client_events{}, rows());
}

TEST_CASE("client events: no octet of any text can break or forge a line in any format", "[event]")
{
    check_texts(rows(), with_text);
}

} // namespace fendmail::event
