// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/live.hpp"

#include "log_lines.hpp"
#include "support/catch.hpp"

#include <boost/json/parse.hpp>
#include <chrono>
#include <fmt/format.h>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace fendmail::app;
using namespace fendmail::app::log_lines;
using Catch::Matchers::ContainsSubstring;
using screen::verdict;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

/// Answers as the API gives them.
class answers {
public:
    answers() { said.lists = R"({"lists":[{"list":"zen.example","state":"up"}]})"; }

    /// @param when the newest last, as they happen
    void add(instant when, const event::session_ended& what)
    {
        auto line = as_json(what, utc_text(when));
        sessions_ = sessions_.empty() ? line : fmt::format("{},{}", line, sessions_);
        ++count_;
    }
    /// @param all how many there were since the start
    live_answers with(instant started, std::uint64_t all)
    {
        said.status = fmt::format(
            R"({{"version":"1.2","started":"{}","ready":true,"unready_reason":"","backends":[{{)"
            R"("name":"mta:25","up":true,"reason":""}}],"store":{{"up":true}},"config":{{)"
            R"("loaded":"{}","last_reload_successful":true}}}})",
            utc_text(started), utc_text(started));
        said.sessions = fmt::format(R"({{"sessions":[{}],"all":{}}})", sessions_, all);
        said.history = fmt::format(R"({{"step_seconds":60,"end":"{}","verdicts":{{)"
                                   R"("pass_new":{},"rejected":{}}},"refused":[]}})",
                                   utc_text(noon), row(1), row(10));
        return said;
    }
    live_answers with(instant started) { return with(started, count_); }

    live_answers said;

private:
    /// The same in each of sixty minutes.
    static std::string row(int count)
    {
        std::string out;
        for (int i = 0; i < 60; ++i)
            fmt::format_to(std::back_inserter(out), "{}{}", i == 0 ? "[" : ",", count);
        return out + "]";
    }

    std::string sessions_;
    std::uint64_t count_ = 0;
};

report made(const live_answers& said)
{
    const auto about = live_report(said, "mx.example.net", noon, 10);
    REQUIRE(about);
    return *about;
}

/// On one line, with single spaces.
std::string unwrapped(std::string_view text)
{
    std::string out;
    for (const char c : text)
        if (c != '\n' && (c != ' ' || !out.ends_with(' ')))
            out += c;
        else if (!out.ends_with(' '))
            out += ' ';
    return out;
}

} // namespace

TEST_CASE("live report: of all sessions since the start, when all are remembered", "[report]")
{
    answers api;
    api.add(noon - hours{30},
            session("192.0.2.1", verdict::rejected, "dnsbl", "zen.example:127.0.0.2*3"));
    api.add(noon - minutes{5}, session("192.0.2.2", verdict::pass_new));
    api.add(noon, session("192.0.2.2", verdict::pass_old));
    const auto about = made(api.with(noon - hours{48}));
    CHECK(about.when.begin == noon - hours{48});
    CHECK(about.now.sessions() == 3);
    CHECK(about.now.of(verdict::rejected) == 1);
    CHECK(about.now.reasons.at("dnsbl").refused_alone == 1);
    CHECK(about.now.lists.at("zen.example").hits.refused == 1);
    CHECK(about.clients.front().name == "192.0.2.2");
    CHECK(about.hours.size() == 3);
    CHECK(about.step == hours{1});
    REQUIRE(about.live);
    CHECK(about.live->is_whole);
    CHECK(about.live->troubles.empty());
    REQUIRE(about.changes.size() == 1);
    CHECK(about.changes.front().text == "1.2");
    const auto text = to_text(about, utc());
    CHECK_THAT(unwrapped(text), ContainsSubstring("3 sessions, all since then"));
    CHECK_THAT(text, ContainsSubstring("Wed 19 Nov 2025 12:00 to Fri 21 Nov 2025 12:00"));
    CHECK_THAT(text, !ContainsSubstring("THE LOG"));
}

TEST_CASE("live report: sessions that reach back beyond the hour are all of their time", "[report]")
{
    answers api;
    for (const int ago : {300, 90, 5})
        api.add(noon - minutes{ago}, session("192.0.2.1", verdict::rejected, "pregreet"));
    const auto about = made(api.with(noon - hours{480}, 4000));
    CHECK(about.when.begin == noon - minutes{300});
    CHECK(about.now.sessions() == 3);
    CHECK(about.live->is_whole);
    CHECK(about.changes.empty());
}

TEST_CASE("live report: of a busy hour verdicts are of all, and the rest says since when it is",
          "[report]")
{
    answers api;
    for (const int ago : {4, 3, 2})
        api.add(noon - minutes{ago}, session("192.0.2.1", verdict::rejected, "pregreet"));
    const auto about = made(api.with(noon - hours{480}, 4000));
    CHECK(about.when.begin == noon - hours{1});
    CHECK(about.now.of(verdict::pass_new) == 60);
    CHECK(about.now.of(verdict::rejected) == 600);
    CHECK(about.now.reasons.at("pregreet").refused == 3);
    CHECK(about.step == minutes{10});
    // From 11:01 to 12:00: seven times ten minutes, of which the last has begun.
    REQUIRE(about.hours.size() == 7);
    CHECK(about.hours.begin()->first == noon - hours{1});
    CHECK(about.hours.rbegin()->second[static_cast<std::size_t>(verdict::rejected)] == 10);
    CHECK_FALSE(about.live->is_whole);
    CHECK(about.live->since == noon - minutes{4});
    const auto text = to_text(about, utc());
    CHECK_THAT(unwrapped(text),
               ContainsSubstring("of the last 3 sessions alone, since Fri 21 Nov 2025 11:56."));
    CHECK_THAT(text, ContainsSubstring("BY TEN MINUTES"));
    CHECK_THAT(text, !ContainsSubstring("relayed, kB"));
    CHECK_FALSE(to_html(about, utc()).empty());
    const auto json = boost::json::parse(to_json(about));
    CHECK_FALSE(json.at("live").at("whole").as_bool());
    CHECK(json.at("live").at("decisions").as_int64() == 3);
    CHECK(json.at("live").at("decisions_since").as_string() == "2025-11-21T11:56:00Z");
    CHECK(json.at("hours_step_seconds").as_int64() == 600);
}

TEST_CASE("live report: a process that is younger than the hour is told since its start",
          "[report]")
{
    answers api;
    api.add(noon - minutes{2}, session("192.0.2.1", verdict::left));
    CHECK(made(api.with(noon - minutes{20}, 9000)).when.begin == noon - minutes{20});
    CHECK(made(answers{}.with(noon - minutes{20})).when.begin == noon - minutes{20});
    CHECK_THAT(to_text(made(answers{}.with(noon)), utc()),
               ContainsSubstring("No session has ended in this time."));
    // Its clock and ours need not be the same.
    CHECK(made(answers{}.with(noon + hours{1})).when.begin == noon);
}

TEST_CASE("live report: what is wrong now is told, in one line of ASCII each", "[report]")
{
    answers api;
    auto said = api.with(noon - hours{5});
    said.status = R"({"version":"1.2","started":"2025-11-21T07:00:00Z","ready":false,)"
                  R"("unready_reason":"draining","backends":[{"name":"mta:25","up":false,)"
                  R"("reason":"a\nb\u001b\u00e4"}],"store":{"up":false},"config":{)"
                  R"("loaded":"2025-11-21T08:00:00Z","last_reload_successful":false,)"
                  R"("last_reload_error":"x.toml:1"}})";
    said.lists = R"({"lists":[{"list":"a","state":"up"},{"list":"b","state":"suspended"},)"
                 R"({"list":"c","state":"off"}]})";
    const auto about = made(said);
    CHECK(about.live->troubles ==
          std::vector<std::string>{"not ready: draining", "backend mta:25: a?b???",
                                   "list b: suspended", "list c: switched off",
                                   "the client store cannot be used",
                                   "the last reload was refused: x.toml:1"});
    CHECK(about.changes.size() == 2);
    CHECK_THAT(subject_of(about), ContainsSubstring("6 troubles"));
    CHECK_THAT(to_text(about, utc()), ContainsSubstring("list b: suspended"));
}

TEST_CASE("live report: answers that are not understood are none", "[report]")
{
    answers api;
    const auto good = api.with(noon - hours{1});
    for (const auto part : {&live_answers::status, &live_answers::history, &live_answers::sessions,
                            &live_answers::lists})
        for (const std::string_view text : {"", "[]", "<html>", "{\"a\":"}) {
            auto said = good;
            said.*part = text;
            CHECK_FALSE(live_report(said, "mx", noon, 10));
        }
    auto said = good;
    said.sessions = R"({"sessions":[1,null,{"event":"session_ended"},{}],"all":4})";
    CHECK(made(said).now.sessions() == 0);
    said.status = "{}"; // since when is not known
    CHECK_FALSE(live_report(said, "mx", noon, 10));
}
