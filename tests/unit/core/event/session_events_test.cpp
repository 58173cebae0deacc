// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/session_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <string_view>
#include <vector>

namespace fendmail::event {
namespace {

session_ended rejected_session()
{
    session_ended e{};
    e.session = client.session;
    e.client = client.client;
    e.local = local;
    e.verdict = verdict::rejected;
    e.ended_by = ended_by::fendmail;
    e.phase = phase::dialog;
    e.reasons = "pregreet,dnsbl";
    e.dnsbl_score = 3;
    e.dnsbl_complete = false;
    e.dnsbl_lists = "zen.example:127.0.0.2*3";
    e.dnsbl_skipped = "private_address";
    e.reply = "550 5.7.1 Service unavailable; client [192.0.2.1] blocked";
    e.helo = "a b";
    e.screening = milliseconds{6010};
    e.dnsbl_retries = 2;
    e.late_wait = milliseconds{10};
    e.hand_off = milliseconds{0};
    e.total = milliseconds{6100};
    e.octets_in = 0;
    e.octets_out = 0;
    return e;
}

session_ended passed_session()
{
    session_ended e{};
    e.session = client.session;
    e.client = client.client;
    e.local = local;
    e.verdict = verdict::pass_new;
    e.ended_by = ended_by::client;
    e.phase = phase::relay;
    e.reasons = "";
    e.dnsbl_score = 0;
    e.dnsbl_complete = true;
    e.dnsbl_lists = "";
    e.reply = "";
    e.helo = "";
    e.screening = milliseconds{6010};
    e.dnsbl_retries = 0;
    e.late_wait = milliseconds{0};
    e.hand_off = milliseconds{2};
    e.total = milliseconds{65000};
    e.octets_in = 18446744073709551615U;
    e.octets_out = 512;
    e.backend = "inet:127.0.0.1:10025";
    return e;
}

std::vector<row> ends()
{
    return {
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

std::vector<row> summaries()
{
    return {
        {rejected_session(), "session_ended", "info",
         "SUMMARY [192.0.2.1]:12345 session=7 verdict=rejected phase=dialog ended_by=fendmail "
         "reasons=pregreet,dnsbl dnsbl=3 lists=zen.example:127.0.0.2*3 "
         "dnsbl_complete=false dnsbl_skipped=private_address dnsbl_retries=2 "
         R"(reply="550 5.7.1 Service unavailable; client [192.0.2.1] blocked" helo="a b" )"
         "screening=6.010 late_wait=0.010 total=6.100",
         json(R"(,"local":"198.51.100.9","local_port":25,"verdict":"rejected")"
              R"(,"ended_by":"fendmail","phase":"dialog","reasons":"pregreet,dnsbl")"
              R"(,"dnsbl_score":3,"dnsbl_complete":false)"
              R"(,"dnsbl_lists":"zen.example:127.0.0.2*3","dnsbl_skipped":"private_address",)"
              R"("reply":"550 5.7.1 Service unavailable; client [192.0.2.1] blocked")"
              R"(,"helo":"a b","screening_seconds":6.010,"dnsbl_retries":2)"
              R"(,"late_wait_seconds":0.010)"
              R"(,"hand_off_seconds":0.000)"
              R"(,"total_seconds":6.100,"octets_in":0,"octets_out":0,"backend":"")"),
         logfmt(" local=198.51.100.9 local_port=25 verdict=rejected ended_by=fendmail "
                "phase=dialog reasons=pregreet,dnsbl dnsbl_score=3 dnsbl_complete=false "
                "dnsbl_lists=zen.example:127.0.0.2*3 dnsbl_skipped=private_address "
                R"(reply="550 5.7.1 Service unavailable; client [192.0.2.1] blocked" )"
                R"(helo="a b" screening_seconds=6.010 dnsbl_retries=2 late_wait_seconds=0.010 )"
                "hand_off_seconds=0.000 "
                "total_seconds=6.100 octets_in=0 octets_out=0 backend=\"\"")},
        {passed_session(), "session_ended", "info",
         "SUMMARY [192.0.2.1]:12345 session=7 verdict=pass_new phase=relay ended_by=client "
         "screening=6.010 hand_off=0.002 total=65.000 in=18446744073709551615 out=512 "
         "backend=inet:127.0.0.1:10025",
         json(R"(,"local":"198.51.100.9","local_port":25,"verdict":"pass_new")"
              R"(,"ended_by":"client","phase":"relay","reasons":"")"
              R"(,"dnsbl_score":0,"dnsbl_complete":true,"dnsbl_lists":"")"
              R"(,"dnsbl_skipped":"","reply":"")"
              R"(,"helo":"","screening_seconds":6.010,"dnsbl_retries":0)"
              R"(,"late_wait_seconds":0.000)"
              R"(,"hand_off_seconds":0.002)"
              R"(,"total_seconds":65.000,"octets_in":18446744073709551615,"octets_out":512)"
              R"(,"backend":"inet:127.0.0.1:10025")"),
         logfmt(" local=198.51.100.9 local_port=25 verdict=pass_new ended_by=client "
                R"(phase=relay reasons="" dnsbl_score=0 dnsbl_complete=true dnsbl_lists="" )"
                R"(dnsbl_skipped="" )"
                R"(reply="" helo="" )"
                "screening_seconds=6.010 dnsbl_retries=0 late_wait_seconds=0.000 "
                "hand_off_seconds=0.002 "
                "total_seconds=65.000 "
                "octets_in=18446744073709551615 octets_out=512 "
                "backend=inet:127.0.0.1:10025")},
    };
}

std::vector<row> rows()
{
    return both(ends(), summaries());
}

std::vector<any_event> with_text(std::string_view text)
{
    auto ended = rejected_session();
    ended.reasons = ended.reply = ended.helo = text;
    ended.dnsbl_lists = ended.dnsbl_skipped = ended.backend = text;
    return {ended};
}

} // namespace

TEST_CASE("session events: each has its exact line in every format", "[event]")
{
    check_rows(session_events{}, rows());
}

TEST_CASE("session events: no octet of any text can break or forge a line in any format", "[event]")
{
    check_texts(rows(), with_text);
}

TEST_CASE("session events: a hand-off that went well does not read like a fault of the backend",
          "[event]")
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
        CHECK(as_postscreen(e).find(each.said) != std::string::npos);
        CHECK(as_logfmt(e).find(each.said) != std::string::npos);
    }
}

} // namespace fendmail::event
