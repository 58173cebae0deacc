// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/render.hpp"

#include "event_rows.hpp"
#include "fendmail/core/limits.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace fendmail::event {

namespace {

const endpoint client6{ip_address::v6({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}),
                       25000};
const endpoint local{ip_address::v4({198, 51, 100, 9}), 25};

std::vector<row> client_rows()
{
    return {
        {connected{client, local}, "connected", "info",
         "CONNECT from [192.0.2.1]:12345 to [198.51.100.9]:25",
         json(R"(,"local":"198.51.100.9","local_port":25)"),
         logfmt(" local=198.51.100.9 local_port=25")},
        {connected{client6, local}, "connected", "info",
         "CONNECT from [2001:db8::1]:25000 to [198.51.100.9]:25",
         R"("client":"2001:db8::1","client_port":25000,"local":"198.51.100.9","local_port":25)",
         "client=2001:db8::1 client_port=25000 local=198.51.100.9 local_port=25"},
        {allowlisted{client, "access.cidr:3"}, "allowlisted", "info",
         "ALLOWLISTED [192.0.2.1]:12345", json(R"(,"rule":"access.cidr:3")"),
         logfmt(" rule=access.cidr:3")},
        {denylisted{client, "access.cidr:4"}, "denylisted", "info",
         "DENYLISTED [192.0.2.1]:12345 by access.cidr:4", json(R"(,"rule":"access.cidr:4")"),
         logfmt(" rule=access.cidr:4")},
        {passed{client, true}, "passed", "info", "PASS NEW [192.0.2.1]:12345",
         json(R"(,"is_new":true)"), logfmt(" is_new=true")},
        {passed{client, false}, "passed", "info", "PASS OLD [192.0.2.1]:12345",
         json(R"(,"is_new":false)"), logfmt(" is_new=false")},
        {pregreeted{client, 11, milliseconds{230}, "EHLO spam\r\n"}, "pregreeted", "info",
         R"(PREGREET 11 after 0.23 from [192.0.2.1]:12345: EHLO spam\r\n)",
         json(R"(,"octets":11,"after_seconds":0.230,"text":"EHLO spam\\r\\n")"),
         logfmt(R"( octets=11 after_seconds=0.230 text="EHLO spam\\r\\n")")},
        {dnsbl_scored{client, 4, "zen.example"}, "dnsbl_scored", "info",
         "DNSBL rank 4 for [192.0.2.1]:12345", json(R"(,"score":4,"reply_name":"zen.example")"),
         logfmt(" score=4 reply_name=zen.example")},
        {hung_up{client, milliseconds{5921}, phase::connect}, "hung_up", "info",
         "HANGUP after 5.9 from [192.0.2.1]:12345 in tests before SMTP handshake",
         json(R"(,"after_seconds":5.921,"phase":"connect")"),
         logfmt(" after_seconds=5.921 phase=connect")},
        {hung_up{client, milliseconds{4}, phase::early}, "hung_up", "info",
         "HANGUP after 0 from [192.0.2.1]:12345 in tests before SMTP handshake",
         json(R"(,"after_seconds":0.004,"phase":"early")"),
         logfmt(" after_seconds=0.004 phase=early")},
        {hung_up{client, milliseconds{12400}, phase::dialog}, "hung_up", "info",
         "HANGUP after 12 from [192.0.2.1]:12345 in tests after SMTP handshake",
         json(R"(,"after_seconds":12.400,"phase":"dialog")"),
         logfmt(" after_seconds=12.400 phase=dialog")},
        {hung_up{client, milliseconds{300}, phase::hand_off}, "hung_up", "info",
         "HANGUP after 0.3 from [192.0.2.1]:12345 while handing off",
         json(R"(,"after_seconds":0.300,"phase":"hand_off")"),
         logfmt(" after_seconds=0.300 phase=hand_off")},
        {hung_up{client, milliseconds{30}, phase::relay}, "hung_up", "info",
         "HANGUP after 0.03 from [192.0.2.1]:12345 in relay",
         json(R"(,"after_seconds":0.030,"phase":"relay")"),
         logfmt(" after_seconds=0.030 phase=relay")},
        {disconnected{client}, "disconnected", "info", "DISCONNECT [192.0.2.1]:12345", json(""),
         logfmt("")},
    };
}

std::vector<row> deep_rows()
{
    return {
        {vetoed{client, local}, "vetoed", "info", "ALLOWLIST VETO [192.0.2.1]:12345",
         json(R"(,"local":"198.51.100.9","local_port":25)"),
         logfmt(" local=198.51.100.9 local_port=25")},
        {protocol_fault{client, screen::test::bare_newline, "", "EHLO x"}, "protocol_fault", "info",
         "BARE NEWLINE from [192.0.2.1]:12345 after EHLO x",
         json(R"(,"test":"bare_newline","after":"","text":"EHLO x")"),
         logfmt(R"( test=bare_newline after="" text="EHLO x")")},
        {protocol_fault{client, screen::test::non_smtp_command, "CONNECT", "GET /\r"},
         "protocol_fault", "info",
         R"(NON-SMTP COMMAND from [192.0.2.1]:12345 after CONNECT: GET /\r)",
         json(R"(,"test":"non_smtp_command","after":"CONNECT","text":"GET /\\r")"),
         logfmt(R"( test=non_smtp_command after=CONNECT text="GET /\\r")")},
        {protocol_fault{client, screen::test::pipelining, "EHLO", "MAIL"}, "protocol_fault", "info",
         "COMMAND PIPELINING from [192.0.2.1]:12345 after EHLO: MAIL",
         json(R"(,"test":"pipelining","after":"EHLO","text":"MAIL")"),
         logfmt(" test=pipelining after=EHLO text=MAIL")},
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

std::vector<row> refusal_rows()
{
    return {
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
        {recipient_refused{client, "450 4.3.2 Try again", "", "me@example.org", "bot", false},
         "recipient_refused", "info",
         "NOQUEUE: reject: RCPT from [192.0.2.1]:12345: 450 4.3.2 Try again; from=<>, "
         "to=<me@example.org>, proto=SMTP, helo=<bot>",
         json(R"(,"reply":"450 4.3.2 Try again","from":"","to":"me@example.org")"
              R"(,"helo":"bot","esmtp":false)"),
         logfmt(R"( reply="450 4.3.2 Try again" from="" to=me@example.org helo=bot esmtp=false)")},
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
    };
}

session_ended rejected_session()
{
    return {.session = 7,
            .client = client,
            .local = local,
            .verdict = verdict::rejected,
            .ended_by = ended_by::fendmail,
            .phase = phase::dialog,
            .reasons = "pregreet,dnsbl",
            .dnsbl_score = 3,
            .dnsbl_complete = false,
            .dnsbl_lists = "zen.example:127.0.0.2*3",
            .dnsbl_skipped = "private_address",
            .reply = "550 5.7.1 Service unavailable; client [192.0.2.1] blocked",
            .helo = "a b",
            .screening = milliseconds{6010},
            .dnsbl_retries = 2,
            .late_wait = milliseconds{10},
            .hand_off = milliseconds{0},
            .total = milliseconds{6100},
            .octets_in = 0,
            .octets_out = 0};
}

session_ended passed_session()
{
    return {.session = 8,
            .client = client,
            .local = local,
            .verdict = verdict::pass_new,
            .ended_by = ended_by::client,
            .phase = phase::relay,
            .reasons = "",
            .dnsbl_score = 0,
            .dnsbl_complete = true,
            .dnsbl_lists = "",
            .reply = "",
            .helo = "",
            .screening = milliseconds{6010},
            .dnsbl_retries = 0,
            .late_wait = milliseconds{0},
            .hand_off = milliseconds{2},
            .total = milliseconds{65000},
            .octets_in = 18446744073709551615U,
            .octets_out = 512};
}

std::vector<row> session_rows()
{
    return {
        {rejected_session(), "session_ended", "info",
         "SUMMARY [192.0.2.1]:12345 session=7 verdict=rejected phase=dialog ended_by=fendmail "
         "reasons=pregreet,dnsbl dnsbl=3 lists=zen.example:127.0.0.2*3 "
         "dnsbl_complete=false dnsbl_skipped=private_address dnsbl_retries=2 "
         R"(reply="550 5.7.1 Service unavailable; client [192.0.2.1] blocked" helo="a b" )"
         "screening=6.010 late_wait=0.010 total=6.100",
         std::string{R"("session":7,)"} +
             json(R"(,"local":"198.51.100.9","local_port":25,"verdict":"rejected")"
                  R"(,"ended_by":"fendmail","phase":"dialog","reasons":"pregreet,dnsbl")"
                  R"(,"dnsbl_score":3,"dnsbl_complete":false)"
                  R"(,"dnsbl_lists":"zen.example:127.0.0.2*3","dnsbl_skipped":"private_address",)"
                  R"("reply":"550 5.7.1 Service unavailable; client [192.0.2.1] blocked")"
                  R"(,"helo":"a b","screening_seconds":6.010,"dnsbl_retries":2)"
                  R"(,"late_wait_seconds":0.010)"
                  R"(,"hand_off_seconds":0.000)"
                  R"(,"total_seconds":6.100,"octets_in":0,"octets_out":0)"),
         "session=7 " +
             logfmt(" local=198.51.100.9 local_port=25 verdict=rejected ended_by=fendmail "
                    "phase=dialog reasons=pregreet,dnsbl dnsbl_score=3 dnsbl_complete=false "
                    "dnsbl_lists=zen.example:127.0.0.2*3 dnsbl_skipped=private_address "
                    R"(reply="550 5.7.1 Service unavailable; client [192.0.2.1] blocked" )"
                    R"(helo="a b" screening_seconds=6.010 dnsbl_retries=2 late_wait_seconds=0.010 )"
                    "hand_off_seconds=0.000 "
                    "total_seconds=6.100 octets_in=0 octets_out=0")},
        {passed_session(), "session_ended", "info",
         "SUMMARY [192.0.2.1]:12345 session=8 verdict=pass_new phase=relay ended_by=client "
         "screening=6.010 hand_off=0.002 total=65.000 in=18446744073709551615 out=512",
         std::string{R"("session":8,)"} +
             json(R"(,"local":"198.51.100.9","local_port":25,"verdict":"pass_new")"
                  R"(,"ended_by":"client","phase":"relay","reasons":"")"
                  R"(,"dnsbl_score":0,"dnsbl_complete":true,"dnsbl_lists":"")"
                  R"(,"dnsbl_skipped":"","reply":"")"
                  R"(,"helo":"","screening_seconds":6.010,"dnsbl_retries":0)"
                  R"(,"late_wait_seconds":0.000)"
                  R"(,"hand_off_seconds":0.002)"
                  R"(,"total_seconds":65.000,"octets_in":18446744073709551615,"octets_out":512)"),
         "session=8 " +
             logfmt(" local=198.51.100.9 local_port=25 verdict=pass_new ended_by=client "
                    R"(phase=relay reasons="" dnsbl_score=0 dnsbl_complete=true dnsbl_lists="" )"
                    R"(dnsbl_skipped="" )"
                    R"(reply="" helo="" )"
                    "screening_seconds=6.010 dnsbl_retries=0 late_wait_seconds=0.000 "
                    "hand_off_seconds=0.002 "
                    "total_seconds=65.000 "
                    "octets_in=18446744073709551615 octets_out=512")},
    };
}

std::vector<row> dependency_rows()
{
    const auto address = client.address;
    return {
        {proxy_header_refused{client, client, "why", "", 0}, "proxy_header_refused", "warning",
         "warning: haproxy read: [192.0.2.1]:12345: why",
         R"("balancer":"192.0.2.1","balancer_port":12345,"local":"192.0.2.1","local_port":12345)"
         R"(,"reason":"why","text":"","untold":0)",
         "balancer=192.0.2.1 balancer_port=12345 local=192.0.2.1 local_port=12345 reason=why "
         R"(text="" untold=0)"},
        {dnsbl_listed{address, "zen.example", ip_address::v4({127, 0, 0, 4})}, "dnsbl_listed",
         "info", "addr 192.0.2.1 listed by domain zen.example as 127.0.0.4",
         R"("client":"192.0.2.1","zone":"zen.example","answer":"127.0.0.4")",
         "client=192.0.2.1 zone=zen.example answer=127.0.0.4"},
        {dnsbl_answer_ignored{address, "zen.example", ip_address::v4({127, 255, 255, 254}), true},
         "dnsbl_answer_ignored", "warning",
         "warning: dnsbl zen.example answers 127.255.255.254 for 192.0.2.1, an error code of the "
         "list and not a listing; it is ignored: check whether the list lets this resolver ask",
         R"("client":"192.0.2.1","zone":"zen.example","answer":"127.255.255.254")"
         R"(,"error_code":true)",
         "client=192.0.2.1 zone=zen.example answer=127.255.255.254 error_code=true"},
        {dnsbl_answer_ignored{address, "dead.example", ip_address::v4({203, 0, 113, 9}), false},
         "dnsbl_answer_ignored", "warning",
         "warning: dnsbl dead.example answers 203.0.113.9 for 192.0.2.1, which no list "
         "answers; it is ignored: check the resolver, and whether the list still exists",
         R"("client":"192.0.2.1","zone":"dead.example","answer":"203.0.113.9","error_code":false)",
         "client=192.0.2.1 zone=dead.example answer=203.0.113.9 error_code=false"},
        {dnsbl_failed{address, "zen.example", "timeout"}, "dnsbl_failed", "warning",
         "warning: dnsbl zen.example gives no answer for 192.0.2.1: timeout; counted as not "
         "listed",
         R"("client":"192.0.2.1","zone":"zen.example","reason":"timeout")",
         "client=192.0.2.1 zone=zen.example reason=timeout"},
        {list_suspended{"zen.example", "refuses", "it answers an error", "ask elsewhere"},
         "list_suspended", "warning",
         "warning: dnsbl zen.example suspended: it answers an error; it counts for nothing until "
         "its test succeeds: ask elsewhere",
         R"("zone":"zen.example","trouble":"refuses","reason":"it answers an error",)"
         R"("advice":"ask elsewhere")",
         R"(zone=zen.example trouble=refuses reason="it answers an error" advice="ask elsewhere")"},
        {list_restored{"zen.example", seconds{75}}, "list_restored", "info",
         "dnsbl zen.example is in use again after 75 s: its test succeeded",
         R"("zone":"zen.example","after_seconds":75)", "zone=zen.example after_seconds=75"},
        {resolver_distrusted{"192.0.2.53"}, "resolver_distrusted", "warning",
         "warning: resolver 192.0.2.53 answers for names that do not exist; the lists asked "
         "through it count for nothing until it stops: use a resolver that does not rewrite "
         "answers (dnsbl.resolvers)",
         R"("resolver":"192.0.2.53")", "resolver=192.0.2.53"},
        {resolver_restored{"192.0.2.53", seconds{60}}, "resolver_restored", "info",
         "resolver 192.0.2.53 is trusted again after 60 s",
         R"("resolver":"192.0.2.53","after_seconds":60)", "resolver=192.0.2.53 after_seconds=60"},
    };
}

std::vector<row> all_rows()
{
    std::vector<row> all;
    for (auto&& part : {client_rows(), deep_rows(), refusal_rows(), session_rows(),
                        dependency_rows(), resolver_rows(), client_name_rows(), sender_rows(),
                        backend_and_store_rows(), process_rows()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

using renderer = void(fmt::memory_buffer&, const any_event&);

std::string rendered(renderer* render, const any_event& what)
{
    fmt::memory_buffer out;
    render(out, what);
    return fmt::to_string(out);
}

std::string as_postscreen(const any_event& what)
{
    return rendered([](auto& out, const auto& e) { render_postscreen(out, e); }, what);
}

std::string as_json(const any_event& what)
{
    return rendered([](auto& out, const auto& e) { render_json(out, e, ""); }, what);
}

std::string as_logfmt(const any_event& what)
{
    return rendered([](auto& out, const auto& e) { render_logfmt(out, e, ""); }, what);
}

std::string escaped(std::string_view text, std::size_t limit = 1000)
{
    fmt::memory_buffer out;
    append_escaped(out, text, limit);
    return fmt::to_string(out);
}

std::string every_octet()
{
    std::string all;
    for (int c = 0; c < 256; ++c)
        all += static_cast<char>(c);
    return all;
}

/// All events that carry text, with `text` in every place that takes some.
std::vector<any_event> events_with(std::string_view text)
{
    const auto who = client.address;
    auto ended = rejected_session();
    ended.reasons = ended.reply = ended.helo = ended.dnsbl_lists = text;
    return {allowlisted{client, text},
            denylisted{client, text},
            pregreeted{client, text.size(), milliseconds{1}, text},
            dnsbl_scored{client, 1, text},
            recipient_refused{client, text, text, text, text, true},
            mail_without_recipient{client, text},
            command_limit_exceeded{client, command_limit::count, text},
            ended,
            dnsbl_listed{who, text, who},
            dnsbl_answer_ignored{who, text, who, true},
            dnsbl_failed{who, text, text},
            resolver_unavailable{text, text, {}},
            resolver_available{text, {}},
            resolver_losing{text, {}},
            resolver_steady{text, {}, {}},
            list_suspended{text, "silent", text, text},
            list_restored{text, {}},
            resolver_distrusted{text},
            resolver_restored{text, {}},
            known_sender{client, text},
            client_name_counted{client, "no_ptr", 1, text},
            sender_loaded{text, 1, seconds{1}},
            sender_refreshed{text, 1, true},
            sender_not_refreshed{text, text, 1, seconds{1}},
            sender_partial{text, text},
            sender_outdated{text, 1, seconds{1}},
            backend_unavailable{client, text, text},
            backend_restored{text, {}, 1},
            backend_suspended{text, text, text},
            backend_proven{text, {}, 1},
            store_unavailable{text},
            store_restored{text, {}, 1},
            store_moved_aside{text, text, text},
            started{text, text},
            listening{text, 1},
            privileges_dropped{text},
            accept_failed{text},
            reloaded{text},
            reload_rejected{text},
            reload_incomplete{text},
            log_unavailable{text, text},
            log_restored{text, {}},
            log_lines_lost{1, "", "", text},
            notice{text},
            caution{text},
            internal_error{text}};
}

/// Where the string that opens at `at` ends, or npos when it does not.
std::size_t end_of_string(std::string_view line, std::size_t at)
{
    for (std::size_t i = at + 1; i < line.size(); ++i) {
        if (line[i] == '"') return i;
        if (line[i] == '\\' && ++i < line.size() && line[i] != '"' && line[i] != '\\')
            return std::string_view::npos;
    }
    return std::string_view::npos;
}

/// True when quotes come in pairs, and a backslash stands only in quotes and before " or \.
bool is_well_quoted(std::string_view line)
{
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\') return false;
        if (line[i] != '"') continue;
        i = end_of_string(line, i);
        if (i == std::string_view::npos) return false;
    }
    return true;
}

bool is_printable_ascii(std::string_view line)
{
    return std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

} // namespace

TEST_CASE("render: every event has its exact line in every format", "[event]")
{
    for (const row& r : all_rows()) {
        DYNAMIC_SECTION(r.phrase)
        {
            CHECK(name_of(r.what) == r.name);
            CHECK(to_string(level_of(r.what)) == r.level);
            CHECK(as_postscreen(r.what) == r.phrase);
            CHECK(as_json(r.what) ==
                  fmt::format(R"({{"event":"{}","level":"{}",{}}})", r.name, r.level, r.fields));
            CHECK(as_logfmt(r.what) ==
                  fmt::format("event={} level={} {}", r.name, r.level, r.logfmt));
        }
    }
}

TEST_CASE("render: the table above covers every event, and names are unique", "[event]")
{
    std::set<std::size_t> covered;
    std::set<std::string_view> names;
    for (const row& r : all_rows()) {
        covered.insert(r.what.index());
        names.insert(name_of(r.what));
    }
    CHECK(covered.size() == std::variant_size_v<any_event>);
    CHECK(names.size() == std::variant_size_v<any_event>);
}

TEST_CASE("render: lines that Postfix's helpers write are theirs, and all others postscreen's",
          "[event]")
{
    for (const row& r : all_rows()) {
        CAPTURE(r.name);
        const std::string_view want = std::string_view{r.name} == "dnsbl_listed"  ? "dnsblog"
                                      : std::string_view{r.name} == "tls_started" ? "tlsproxy"
                                                                                  : "";
        CHECK(program_of(r.what) == want);
    }
}

TEST_CASE("render: the time is the first field where there is one", "[event]")
{
    constexpr auto now = "2025-11-21T06:07:08.123Z";
    fmt::memory_buffer json_line;
    render_json(json_line, store_swept{1, 2}, now);
    CHECK(fmt::to_string(json_line) ==
          R"({"time":"2025-11-21T06:07:08.123Z","event":"store_swept","level":"info",)"
          R"("retained":1,"dropped":2})");
    fmt::memory_buffer logfmt_line;
    render_logfmt(logfmt_line, store_swept{1, 2}, now);
    CHECK(fmt::to_string(logfmt_line) ==
          "time=2025-11-21T06:07:08.123Z event=store_swept level=info retained=1 dropped=2");
}

TEST_CASE("render: escaping leaves printable ASCII and turns all else into C escapes", "[event]")
{
    CHECK(escaped("EHLO a.example") == "EHLO a.example");
    CHECK(escaped("a\\b") == R"(a\\b)");
    CHECK(escaped("\a\b\f\n\r\t\v") == R"(\a\b\f\n\r\t\v)");
    CHECK(escaped("\x1b[31m") == R"(\033[31m)");
    CHECK(escaped(std::string_view{"\0001", 2}) == R"(\0001)");
    CHECK(escaped("\x7f") == R"(\177)");
    CHECK(escaped("\xc3\xa4") == R"(\303\244)");
    CHECK(escaped("\xc2\x9b") == R"(\302\233)");
    CHECK(escaped("\x9b\xff") == R"(\233\377)");
    CHECK(escaped("abc", 2) == "ab");
    CHECK(escaped("\n\n\n", 2) == R"(\n\n)");
    CHECK(escaped("") == "");
    CHECK(is_printable_ascii(escaped(every_octet())));
}

TEST_CASE("render: no octet of any text can break or forge a line in any format", "[event]")
{
    const auto text =
        GENERATE(as<std::string>{}, every_octet(), "\"", "\\", "\\\"", "\"\\", "a\"b",
                 "\r\nNov 21 06:07:08 host postfix/postscreen[1]: PASS NEW", "\x1b]0;owned\x07",
                 "\xc2\x9b"
                 "31m",
                 "\xff\xfe", " = ", "");
    // Every rotation of it, so that each octet stands at the beginning and on each side of a cut.
    for (std::size_t shift = 0; shift <= text.size(); ++shift) {
        const auto turned = text.substr(shift) + text.substr(0, shift);
        for (const any_event& what : events_with(turned)) {
            const auto phrase = as_postscreen(what);
            const auto json_line = as_json(what);
            const auto logfmt_line = as_logfmt(what);
            const bool fine = is_printable_ascii(phrase) && is_printable_ascii(json_line) &&
                              is_printable_ascii(logfmt_line) && is_well_quoted(json_line) &&
                              is_well_quoted(logfmt_line);
            if (!fine) FAIL(phrase << '\n' << json_line << '\n' << logfmt_line);
        }
    }
    SUCCEED();
}

TEST_CASE("render: a client cannot close the bracket around its text", "[event]")
{
    const recipient_refused what{
        client, "550 5.7.1 no", "a>, to=<b", "c", "x>, proto=ESMTP, helo=<y", true};
    CHECK(as_postscreen(what) ==
          "NOQUEUE: reject: RCPT from [192.0.2.1]:12345: 550 5.7.1 no; "
          R"(from=<a\076, to=\074b>, to=<c>, proto=ESMTP, helo=<x\076, proto=ESMTP, helo=\074y>)");
}

TEST_CASE("render: client text is cut, our own text is not", "[event]")
{
    const std::string text(limits::log_text_octets + 1, 'x');
    const std::string cut(limits::log_text_octets, 'x');
    CHECK(as_postscreen(mail_without_recipient{client, text}) ==
          cut + " without valid RCPT from [192.0.2.1]:12345");
    CHECK(as_postscreen(pregreeted{client, 101, milliseconds{0}, text}) ==
          "PREGREET 101 after 0 from [192.0.2.1]:12345: " + cut);
    CHECK(as_postscreen(recipient_refused{client, text, text, text, text, true}) ==
          "NOQUEUE: reject: RCPT from [192.0.2.1]:12345: " + text + "; from=<" + cut + ">, to=<" +
              cut + ">, proto=ESMTP, helo=<" + cut + ">");
    CHECK(as_logfmt(mail_without_recipient{client, text}) ==
          "event=mail_without_recipient level=info client=192.0.2.1 client_port=12345 verb=" + cut);
    CHECK(as_postscreen(notice{text}) == text);
}

TEST_CASE("render: a hand-off that went well does not read like a fault of the backend", "[event]")
{
    struct ending {
        phase where;
        ended_by who;
        std::string said;
    };
    for (const auto& each : {ending{phase::hand_off, ended_by::backend, "ended_by=handed_over"},
                             ending{phase::hand_off, ended_by::fendmail, "ended_by=fendmail"},
                             ending{phase::hand_off, ended_by::client, "ended_by=client"},
                             ending{phase::relay, ended_by::backend, "ended_by=backend"}}) {
        session_ended e = passed_session();
        e.phase = each.where;
        e.ended_by = each.who;
        fmt::memory_buffer text;
        render_postscreen(text, any_event{e}, log_words::respectful);
        CHECK(fmt::to_string(text).find(each.said) != std::string::npos);
        text.clear();
        render_logfmt(text, any_event{e}, "2025-11-21T06:07:08.123Z");
        CHECK(fmt::to_string(text).find(each.said) != std::string::npos);
    }
}

} // namespace fendmail::event
