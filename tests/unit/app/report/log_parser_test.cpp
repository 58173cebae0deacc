// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/log_parser.hpp"

#include "fendmail/app/report/fact.hpp"
#include "log_lines.hpp"
#include "support/catch.hpp"

#include <string>
#include <variant>
#include <vector>

using namespace fendmail;
using namespace fendmail::app;
using namespace fendmail::app::log_lines;

namespace {

constexpr std::string_view time_text = "2025-11-21T06:07:08.123Z";
constexpr instant when{std::chrono::sys_days{std::chrono::year{2025} / 11 / 21} +
                       std::chrono::hours{6} + std::chrono::minutes{7} + seconds{8}};

const event::of_client somebody{{ip_address::v4({192, 0, 2, 1}), 12345}, 7};

event::session_ended whole_session()
{
    auto one = session("2001:db8::1", screen::verdict::rejected, "pregreet,dnsbl",
                       "zen.example:127.0.0.2*3,swl.example:127.0.0.4*-2");
    one.dnsbl_score = 1;
    one.dnsbl_complete = false;
    one.reply = "550 5.7.1 Service unavailable; client [x] blocked using \"a\\b\"";
    one.helo = "a \"quoted\" name=1\\\n";
    one.screening = milliseconds{6010};
    one.late_wait = milliseconds{120};
    one.total = milliseconds{61234};
    one.octets_in = 18446744073709551615U;
    one.octets_out = 2;
    one.backend = "inet:127.0.0.1:10025";
    return one;
}

session_fact fact_of_whole_session()
{
    session_fact out;
    out.client = address("2001:db8::1");
    out.verdict = screen::verdict::rejected;
    out.reasons = "pregreet,dnsbl";
    out.lists = "zen.example:127.0.0.2*3,swl.example:127.0.0.4*-2";
    out.is_complete = false;
    out.screening = milliseconds{6010};
    out.late_wait = milliseconds{120};
    out.total = milliseconds{61234};
    out.octets_in = 18446744073709551615U;
    out.octets_out = 2;
    return out;
}

trouble_fact began(trouble kind, std::string_view name, std::string_view reason,
                   std::size_t clients = 0, seconds since = {})
{
    return {kind, false, name, reason, since, clients};
}

trouble_fact ended(trouble kind, std::string_view name, seconds since, std::size_t clients = 0)
{
    return {kind, true, name, "", since, clients};
}

struct row {
    any_event what;
    fact means;
};

std::vector<row> rows()
{
    const event::resolver_traffic traffic{900, 800, 100, milliseconds{1100}, 30};
    return {
        {whole_session(), fact_of_whole_session()},
        {event::connected{somebody, {}}, connection_fact{}},
        {event::dnsbl_failed{address("192.0.2.1"), "zen.example", "timed out: (odd) for x"},
         list_miss_fact{"zen.example"}},
        {event::dnsbl_answer_ignored{address("192.0.2.1"), "zen.example",
                                     address("127.255.255.254"), true},
         list_miss_fact{"zen.example"}},
        {event::backend_unavailable{somebody, "127.0.0.1:10025", "Connection refused", 1,
                                    seconds{0}},
         began(trouble::backend, "127.0.0.1:10025", "Connection refused", 1)},
        {event::backend_unavailable{somebody, "unix:/run/smtpd", "no: not now; really", 12,
                                    seconds{600}},
         began(trouble::backend, "unix:/run/smtpd", "no: not now; really", 12, seconds{600})},
        {event::backend_restored{"127.0.0.1:10025", seconds{61}, 1},
         ended(trouble::backend, "127.0.0.1:10025", seconds{61}, 1)},
        {event::backend_suspended{"127.0.0.1:10025", "it answers 500", "mend it"},
         began(trouble::identity, "127.0.0.1:10025", "it answers 500")},
        {event::backend_proven{"127.0.0.1:10025", seconds{5}, 3},
         ended(trouble::identity, "127.0.0.1:10025", seconds{5}, 3)},
        {event::list_suspended{"zen.example", "silent", "no answer", "ask its operator"},
         began(trouble::list, "zen.example", "no answer")},
        {event::list_restored{"zen.example", seconds{90}},
         ended(trouble::list, "zen.example", seconds{90})},
        {event::resolver_distrusted{"127.0.0.1"}, began(trouble::resolver_trust, "127.0.0.1", "")},
        {event::resolver_restored{"127.0.0.1", seconds{4}},
         ended(trouble::resolver_trust, "127.0.0.1", seconds{4})},
        {event::resolver_unavailable{"127.0.0.1", "nothing for 4 s", traffic},
         began(trouble::resolver, "127.0.0.1", "nothing for 4 s")},
        {event::resolver_available{"127.0.0.1", seconds{8}},
         ended(trouble::resolver, "127.0.0.1", seconds{8})},
        {event::resolver_losing{"127.0.0.1", traffic},
         began(trouble::resolver_losses, "127.0.0.1", "")},
        {event::resolver_steady{"127.0.0.1", seconds{9}, traffic},
         ended(trouble::resolver_losses, "127.0.0.1", seconds{9})},
        {event::store_unavailable{"No space left", 1, seconds{0}},
         began(trouble::store, "", "No space left")},
        {event::store_unavailable{"No space left", 5, seconds{60}},
         began(trouble::store, "", "No space left", 0, seconds{60})},
        {event::store_restored{"/var/lib/clients.lmdb", seconds{70}, 1},
         ended(trouble::store, "", seconds{70})},
        {event::log_unavailable{"file:/var/log/x", "Permission denied"},
         began(trouble::log, "file:/var/log/x", "Permission denied")},
        {event::log_restored{"file:/var/log/x", seconds{3}},
         ended(trouble::log, "file:/var/log/x", seconds{3})},
        {event::stress_changed{true, 900}, began(trouble::stress, "", "")},
        {event::stress_changed{false, 700}, ended(trouble::stress, "", seconds{0})},
        {event::started{"0.1.0", "/etc/fendmail/fendmail.toml"},
         change_fact{change::started, "0.1.0"}},
        {event::stopped{1}, change_fact{change::stopped, ""}},
        {event::reloaded{"/etc/fendmail/fendmail.toml"}, change_fact{change::reloaded, ""}},
        {event::reload_rejected{"a.toml:1:2: error\nb.toml:3:4: error"},
         change_fact{change::reload_rejected, "a.toml:1:2: error; b.toml:3:4: error"}},
        {event::reload_incomplete{"server.workers"},
         change_fact{change::restart_needed, "server.workers"}},
        {event::accept_failed{"Too many open files"},
         incident_fact{incident::accept_failed, 1, "Too many open files"}},
        {event::log_lines_lost{12, "2025-11-21T06:07:08Z", "2025-11-21T06:08:08Z", "full"},
         incident_fact{incident::lines_lost, 12, "full"}},
        {event::store_moved_aside{"/a", "/a-damaged", "no magic"},
         incident_fact{incident::store_moved_aside, 1, "/a-damaged"}},
        {event::proxy_header_refused{{address("192.0.2.9"), 1}, {}, "no header", "EHLO: x", 0},
         incident_fact{incident::proxy_refused, 1, "no header"}},
        {event::proxy_header_refused{{address("192.0.2.9"), 1}, {}, "no header", "", 4},
         incident_fact{incident::proxy_refused, 5, "no header"}},
        {event::sender_outdated{"gmail.example", 30, seconds{1300000}},
         incident_fact{incident::sender_outdated, 1, "gmail.example"}},
        {event::feed_rejected{"drop", "/var/lib/f.json", "it is empty", 3, seconds{60}},
         incident_fact{incident::feed_rejected, 1, "drop"}},
        {event::feed_outdated{"drop", 3, seconds{1300000}},
         incident_fact{incident::feed_outdated, 1, "drop"}},
        {event::internal_error{"odd"}, incident_fact{incident::internal_error, 1, "odd"}},
    };
}

/// As journald's export has a message.
std::string as_journal(std::string_view message)
{
    std::string quoted;
    for (const char c : message) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return fmt::format(R"({{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1763705228123456","nested":)"
                       R"({{"event":"no"}},"MESSAGE":"{}","_PID":"12"}})",
                       quoted);
}

/// In every way in which a line of this event can come.
std::vector<std::string> ways_of(const any_event& what)
{
    const auto json = as_json(what, time_text);
    const auto logfmt = as_logfmt(what, time_text);
    std::vector<std::string> out{json, logfmt, json + "\r", "  " + json};
    out.pop_back(); // a line of ours never begins with a space
    for (const auto& message : {json, logfmt, as_postscreen(what)}) {
        out.push_back("Nov 21 06:07:08 mx fendmail[12]: " + message);
        out.push_back("2025-11-21T07:07:08.123456+01:00 mx postfix/postscreen[12]: " + message);
        out.push_back("2025-11-21T07:07:08+0100 mx fendmail[12]: <4>" + message);
        out.push_back("2025-11-21T06:07:08.123456789Z stdout F " + message);
        out.push_back(as_journal(message));
    }
    return out;
}

} // namespace

TEST_CASE("log parser: an event is the same fact in every format, however it was written",
          "[report]")
{
    for (const auto& [what, means] : rows())
        for (const auto& line : ways_of(what)) {
            CAPTURE(line);
            log_parser parser{utc(), noon};
            REQUIRE(parser.parse(line) == line_kind::event);
            CHECK(parser.entry().event == event::name_of(what));
            CHECK(parser.entry().time == when);
            CHECK(fact_of(parser.entry()) == means);
        }
}

TEST_CASE("log parser: events that no report uses are of no account in any format", "[report]")
{
    for (const any_event& what :
         {any_event{event::passed{somebody, true}}, any_event{event::disconnected{somebody}},
          any_event{event::pregreeted{somebody, 5, milliseconds{1}, "SUMMARY [192.0.2.1]:1 x",
                                      screen::action::enforce}},
          any_event{event::mail_without_recipient{somebody, "DATA"}},
          any_event{event::recipient_refused{somebody, "550 no", "a", "b", "c", true}},
          any_event{event::allowlisted{somebody, "permit 192.0.2.0/24"}},
          any_event{event::notice{"stopped, 1 session cut"}}})
        for (const auto& line : ways_of(what)) {
            CAPTURE(line);
            log_parser parser{utc(), noon};
            const auto kind = parser.parse(line);
            if (kind == line_kind::event)
                CHECK(std::holds_alternative<std::monostate>(fact_of(parser.entry())));
            else
                CHECK(kind == line_kind::other);
        }
}

TEST_CASE("log parser: what other programs write is neither an event nor damaged", "[report]")
{
    for (const std::string_view line :
         {"", "Nov 21 06:07:08 mx postfix/smtpd[12]: disconnect from unknown[192.0.2.1]",
          "Nov 21 06:07:08 mx CRON[7]: (root) CMD (test -x /usr/sbin/anacron)",
          "Nov 21 06:07:08 mx postfix/postfix-script[1]: refreshing the Postfix mail system",
          "2025-11-21T06:07:08+01:00 mx kernel: [ 12.3] warning: x", R"({"level":"info"})",
          "-- Boot 0123456789abcdef --"}) {
        CAPTURE(line);
        log_parser parser{utc(), noon};
        CHECK(parser.parse(line) == line_kind::other);
    }
}

TEST_CASE("log parser: an event without a time says so", "[report]")
{
    for (const auto& line :
         {as_postscreen(whole_session()), as_json(whole_session(), ""),
          as_logfmt(whole_session(), ""), "fendmail[7]: " + as_postscreen(whole_session())}) {
        CAPTURE(line);
        log_parser parser{utc(), noon};
        const auto kind = parser.parse(line);
        CHECK((kind == line_kind::timeless || kind == line_kind::other));
    }
}

TEST_CASE("log parser: of a line that is cut anywhere nothing wrong is read", "[report]")
{
    const auto whole = fact_of_whole_session();
    for (const auto& line : ways_of(whole_session()))
        for (std::size_t octets = 0; octets < line.size(); ++octets) {
            log_parser parser{utc(), noon};
            const auto part = line.substr(0, octets);
            if (parser.parse(part) != line_kind::event) continue;
            const auto found = fact_of(parser.entry());
            if (std::holds_alternative<damaged_entry>(found)) continue;
            if (std::holds_alternative<std::monostate>(found))
                continue; // half the name of an event
            // Only the end of the line is missing, of which the report needs little.
            CAPTURE(part);
            const auto* const seen = std::get_if<session_fact>(&found);
            REQUIRE(seen != nullptr);
            CHECK(seen->client == whole.client);
            CHECK(seen->verdict == whole.verdict);
            CHECK(seen->reasons == whole.reasons);
            CHECK(seen->lists == whole.lists);
            CHECK(seen->screening == whole.screening);
        }
}

TEST_CASE("log parser: a line with any octet in the place of another ends nothing", "[report]")
{
    std::size_t tried = 0;
    std::size_t sessions = 0;
    for (const auto& line : ways_of(whole_session()))
        for (std::size_t at = 0; at < line.size(); ++at)
            for (const char octet : {'\0', '"', '\\', '{', '}', '[', ' ', '=', '\xff'}) {
                auto damaged = line;
                damaged[at] = octet;
                log_parser parser{utc(), noon};
                ++tried;
                if (parser.parse(damaged) != line_kind::event) continue;
                if (std::holds_alternative<session_fact>(fact_of(parser.entry()))) ++sessions;
            }
    // What stands in a value of no account may change; most of a line may not.
    CHECK(sessions > 0);
    CHECK(sessions < tried);
}

TEST_CASE("log parser: text that is no text of ours is damaged", "[report]")
{
    log_parser parser{utc(), noon};
    CHECK(parser.parse("{\"time\":\"2025-11-21T06:07:08Z\",\"event\":\"reload_rejected\","
                       "\"errors\":\"a\\u001b[31m\"}") == line_kind::damaged);
    CHECK(parser.parse("Nov 21 06:07:08 mx fendmail[1]: reloaded configuration \xc3\xa4") ==
          line_kind::damaged);
    CHECK(parser.parse(R"({"event":"connected")") == line_kind::damaged);
    CHECK(parser.parse(R"(time=2025-11-21T06:07:08Z event="started)") == line_kind::damaged);
    CHECK(parser.parse("Nov 21 06:07:08 mx fendmail[1]: SUMMARY [192.0.2.1]:5") ==
          line_kind::damaged);
}

TEST_CASE("log parser: a message that journald gives as octets is read", "[report]")
{
    log_parser parser{utc(), noon};
    REQUIRE(parser.parse(R"({"MESSAGE":[114,101,108,111,97,100,101,100,32,99,111,110,102,105,103,)"
                         R"(117,114,97,116,105,111,110,32,120],)"
                         R"("__REALTIME_TIMESTAMP":"1763705228000000"})") == line_kind::event);
    CHECK(parser.entry().event == "reloaded");
    CHECK(parser.entry().get("config") == "x");
    CHECK(parser.parse(R"({"MESSAGE":null,"__REALTIME_TIMESTAMP":"1763705228000000"})") ==
          line_kind::other);
}
