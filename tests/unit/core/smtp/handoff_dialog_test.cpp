// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/handoff_dialog.hpp"

#include "fendmail/core/address.hpp"
#include "fendmail/core/limits.hpp"
#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace std::string_literals;
using smtp::handoff_dialog;
using smtp::handoff_kind;

namespace {

/// What a backend says, and what we must say to that.
struct exchange {
    std::string backend;
    std::string ours = {};
};
using script = std::vector<exchange>;

const std::string ehlo = "EHLO front.example\r\n";
const std::string xclient = "XCLIENT NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE] "
                            "ADDR=203.0.113.9 PORT=4444 DESTADDR=192.0.2.25 DESTPORT=25\r\n";
const std::string keywords =
    "250-mx.example\r\n250-PIPELINING\r\n"
    "250-XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT\r\n"
    "250 CHUNKING\r\n";

handoff_dialog make(handoff_kind kind)
{
    return {kind,
            "front.example",
            {.address = parse_address("203.0.113.9").value(), .port = 4444},
            {.address = parse_address("192.0.2.25").value(), .port = 25}};
}

/// All but the last exchange, which must go well.
void play_before_last(handoff_dialog& dialog, const script& steps)
{
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
        const auto step = dialog.on_octets(steps[i].backend);
        CHECK(step.output == steps[i].ours);
        CHECK(to_string(step.then) == "read");
    }
}

void check_failed(handoff_dialog& dialog, std::string_view why)
{
    CHECK(dialog.failure_text() == why);
    // It stays failed, and says no word more, whatever comes.
    for (const auto& late : {dialog.on_octets("220 mx\r\n"), dialog.on_octets(keywords),
                             dialog.on_eof(), dialog.on_time_limit()}) {
        CHECK(to_string(late.then) == "failed");
        CHECK(late.output.empty());
    }
    CHECK(dialog.failure_text() == why);
}

/// The last exchange of `steps` must end in `ready`, wherever the input of any one is split.
void check_ready(handoff_kind kind, const script& steps, const std::string& want_raw)
{
    for (std::size_t i = 0; i < steps.size(); ++i) {
        for (std::size_t at = 0; at < steps[i].backend.size(); ++at) {
            CAPTURE(i, at);
            handoff_dialog dialog = make(kind);
            for (std::size_t n = 0; n < steps.size(); ++n) {
                const std::size_t cut = n == i ? at : 0;
                const std::string_view input = steps[n].backend;
                const auto first = dialog.on_octets(input.substr(0, cut));
                CHECK(first.output.empty());
                CHECK(to_string(first.then) == "read");
                const auto second = dialog.on_octets(input.substr(cut));
                CHECK(second.output == steps[n].ours);
                CHECK(to_string(second.then) == (n + 1 == steps.size() ? "ready" : "read"));
            }
            CHECK(dialog.greeting_raw() == want_raw);
            CHECK(dialog.failure_text().empty());
            CHECK_FALSE(dialog.backend_reply());
        }
    }
}

const script good_xclient{{"220-hello\r\n220 mx.example ESMTP\r\n", ehlo},
                          {keywords, xclient},
                          {"220-mx.example\r\n220 ESMTP again\r\n"}};

} // namespace

TEST_CASE("handoff: a whole greeting is enough when nothing is to be told", "[smtp]")
{
    check_ready(handoff_kind::greeting_only, {{"220 mx.example ESMTP\r\n"}},
                "220 mx.example ESMTP\r\n");
    check_ready(handoff_kind::greeting_only, {{"220-mx.example\r\n220-\r\n220\r\n"}},
                "220-mx.example\r\n220-\r\n220\r\n");
}

TEST_CASE("handoff: with XCLIENT the greeting is the second one", "[smtp]")
{
    check_ready(handoff_kind::xclient, good_xclient, good_xclient.back().backend);
}

TEST_CASE("handoff: IPv6 clients are told with their prefix", "[smtp]")
{
    handoff_dialog dialog{handoff_kind::xclient,
                          "front.example",
                          {.address = parse_address("2001:db8::9").value(), .port = 1},
                          {.address = parse_address("2001:db8::1").value(), .port = 25}};
    (void)dialog.on_octets("220 mx\r\n");
    CHECK(dialog.on_octets("250-mx\r\n250 XCLIENT ADDR DESTADDR\r\n").output ==
          "XCLIENT ADDR=IPV6:2001:db8::9 DESTADDR=IPV6:2001:db8::1\r\n");
}

TEST_CASE("handoff: octets behind the last greeting are kept for the client", "[smtp]")
{
    handoff_dialog plain = make(handoff_kind::greeting_only);
    CHECK(to_string(plain.on_octets("220-a\r\n220 b\r\n421 shut\0down\r\n"s).then) == "ready");
    CHECK(plain.greeting_raw() == "220-a\r\n220 b\r\n421 shut\0down\r\n"s);

    handoff_dialog told = make(handoff_kind::xclient);
    play_before_last(told, good_xclient);
    CHECK(to_string(told.on_octets("220 b\r\nmore").then) == "ready");
    CHECK(told.greeting_raw() == "220 b\r\nmore");
}

TEST_CASE("handoff: a greeting of 4xx or 5xx is the backend's own reply", "[smtp]")
{
    for (const auto kind : {handoff_kind::greeting_only, handoff_kind::xclient}) {
        handoff_dialog dialog = make(kind);
        const auto step = dialog.on_octets("554-5.7.1 No\r\n554 5.7.1 Never\r\n");
        CHECK(to_string(step.then) == "failed");
        CHECK(step.output.empty());
        REQUIRE(dialog.backend_reply());
        CHECK(*dialog.backend_reply() ==
              smtp::reply{.code = 554, .enhanced = "5.7.1", .lines = {"No", "Never"}});
        check_failed(dialog, "backend refused with 554 5.7.1 No");

        handoff_dialog busy = make(kind);
        CHECK(to_string(busy.on_octets("421 4.3.2 Busy\r\ngarbage").then) == "failed");
        REQUIRE(busy.backend_reply());
        CHECK(*busy.backend_reply() == smtp::make_reply(421, "4.3.2", "Busy"));
    }
}

namespace {

/// Something a backend does wrong.
struct fault {
    const char* title;
    handoff_kind kind;
    script steps; ///< the last one fails
    std::string want;
};
const auto only = handoff_kind::greeting_only;
const auto tell = handoff_kind::xclient;
const std::string no_reply = ": not an SMTP reply";

void check_faults(const std::vector<fault>& rows)
{
    for (const fault& r : rows) {
        CAPTURE(r.title);
        handoff_dialog dialog = make(r.kind);
        play_before_last(dialog, r.steps);
        const auto step = dialog.on_octets(r.steps.back().backend);
        CHECK(to_string(step.then) == "failed");
        CHECK(step.output.empty());
        CHECK_FALSE(dialog.backend_reply());
        check_failed(dialog, r.want);
    }
}

} // namespace

TEST_CASE("handoff: whatever a backend says instead of a greeting ends it", "[smtp]")
{
    check_faults({
        {"greets with 250", only, {{"250 mx\r\n"}}, "backend greeted with 250 mx"},
        {"greets with 221", tell, {{"221 mx\r\n"}}, "backend greeted with 221 mx"},
        {"greets with 354", only, {{"354 go on\r\n"}}, "backend greeted with 354 go on"},
        {"greets with garbage",
         only,
         {{"SSH-2.0-OpenSSH\r\n"}},
         "backend sent no SMTP greeting" + no_reply},
        {"greets with mixed codes",
         only,
         {{"220-a\r\n521 b\r\n"}},
         "backend sent no SMTP greeting" + no_reply},
        {"greets without an end",
         only,
         {{std::string(600, '2')}},
         "backend sent no SMTP greeting: line too long"},
        {"sends more than a greeting",
         tell,
         {{"220 mx\r\n250 x\r\n"}},
         "backend sent more than its greeting"},
        {"sends more with one octet",
         tell,
         {{"220 mx\r\n2"}},
         "backend sent more than its greeting"},
    });
}

TEST_CASE("handoff: whatever else a backend says to EHLO and XCLIENT ends it", "[smtp]")
{
    const exchange hello{"220 mx\r\n", ehlo};
    const exchange offer{keywords, xclient};
    check_faults({
        {"refuses EHLO",
         tell,
         {hello, {"502 5.5.2 What?\r\n"}},
         "backend answered EHLO with 502 5.5.2 What?"},
        {"closes at EHLO", tell, {hello, {"421 Busy\r\n"}}, "backend answered EHLO with 421 Busy"},
        {"takes EHLO with 220",
         tell,
         {hello, {"220-mx\r\n220 XCLIENT ADDR\r\n"}},
         "backend answered EHLO with 220 mx"},
        {"takes EHLO with 251",
         tell,
         {hello, {"251-mx\r\n251 XCLIENT ADDR\r\n"}},
         "backend answered EHLO with 251 mx"},
        {"says more after EHLO",
         tell,
         {hello, {keywords + "220 mx\r\n"}},
         "backend sent more than its reply to EHLO"},
        {"answers EHLO with garbage",
         tell,
         {hello, {"250 mx\n"}},
         "backend sent no SMTP reply to EHLO" + no_reply},
        {"does not offer XCLIENT",
         tell,
         {hello, {"250-mx\r\n250 XFORWARD ADDR\r\n"}},
         "backend does not offer XCLIENT to us"},
        {"is called XCLIENT",
         tell,
         {hello, {"250 XCLIENT ADDR\r\n"}},
         "backend does not offer XCLIENT to us"},
        {"offers XCLIENT without ADDR",
         tell,
         {hello, {"250-mx\r\n250 XCLIENT NAME PORT\r\n"}},
         "backend offers XCLIENT without ADDR"},
        {"does not know the address",
         tell,
         {hello, offer, {"501 5.5.4 Bad ADDR syntax\r\n"}},
         "backend answered XCLIENT with 501 5.5.4 Bad ADDR syntax"},
        {"does not trust us",
         tell,
         {hello, offer, {"550 5.7.0 Error: insufficient\r\n"}},
         "backend answered XCLIENT with 550 5.7.0 Error: insufficient"},
        {"takes XCLIENT with 250",
         tell,
         {hello, offer, {"250 2.0.0 Ok\r\n"}},
         "backend answered XCLIENT with 250 2.0.0 Ok"},
        {"takes XCLIENT with 221",
         tell,
         {hello, offer, {"221 mx\r\n"}},
         "backend answered XCLIENT with 221 mx"},
        {"closes at XCLIENT",
         tell,
         {hello, offer, {"421 4.3.2 Busy\r\n"}},
         "backend answered XCLIENT with 421 4.3.2 Busy"},
        {"answers XCLIENT with garbage",
         tell,
         {hello, offer, {"\r\n"}},
         "backend sent no SMTP reply to XCLIENT" + no_reply},
    });
}

TEST_CASE("handoff: an end of the stream or of the time fails it wherever it is", "[smtp]")
{
    const char* awaited[] = {"greeting", "reply to EHLO", "reply to XCLIENT"};
    for (std::size_t i = 0; i < good_xclient.size(); ++i) {
        const script before{good_xclient.begin(),
                            good_xclient.begin() + static_cast<std::ptrdiff_t>(i) + 1};
        const std::string& input = before.back().backend;
        for (std::size_t at = 0; at < input.size(); ++at) {
            CAPTURE(i, at);
            handoff_dialog left = make(handoff_kind::xclient);
            play_before_last(left, before);
            CHECK(to_string(left.on_octets(input.substr(0, at)).then) == "read");
            handoff_dialog stalled = left;

            CHECK(to_string(left.on_eof().then) == "failed");
            check_failed(left, "backend closed the connection before its "s + awaited[i]);
            CHECK(to_string(stalled.on_time_limit().then) == "failed");
            check_failed(stalled,
                         "time limit exceeded while waiting for the backend's "s + awaited[i]);
        }
    }
}

TEST_CASE("handoff: a failure text is short however much the backend says", "[smtp]")
{
    handoff_dialog dialog = make(handoff_kind::greeting_only);
    std::string refusal;
    for (std::size_t i = 1; i < limits::reply_lines; ++i)
        refusal += "554-" + std::string(400, 'x') + "\r\n";
    CHECK(to_string(dialog.on_octets(refusal + "554 x\r\n").then) == "failed");
    CHECK(dialog.failure_text() == "backend refused with 554 " + std::string(96, 'x'));
    REQUIRE(dialog.backend_reply());
    CHECK(dialog.backend_reply()->lines.size() == limits::reply_lines);
}

TEST_CASE("handoff: a flood of 10 MB fails it and is not stored", "[smtp]")
{
    for (const char octet : {'\r', '\0', '2', '\xff'}) {
        handoff_dialog dialog = make(handoff_kind::xclient);
        CHECK(to_string(dialog.on_octets(std::string(10'000'000, octet)).then) == "failed");
        CHECK(dialog.failure_text() == "backend sent no SMTP greeting: line too long");
    }
    handoff_dialog endless = make(handoff_kind::xclient);
    std::string lines;
    while (lines.size() < 1'000'000)
        lines += "220-x\r\n";
    CHECK(to_string(endless.on_octets(lines).then) == "failed");
}

TEST_CASE("handoff: its enums have words for logs and tests", "[smtp]")
{
    CHECK(to_string(handoff_kind::greeting_only) == "greeting_only");
    CHECK(to_string(handoff_kind::xclient) == "xclient");
    CHECK(to_string(smtp::handoff_next::read) == "read");
    CHECK(to_string(smtp::handoff_next::ready) == "ready");
    CHECK(to_string(smtp::handoff_next::failed) == "failed");
}
