// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/builder.hpp"

#include "log_lines.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <string>

using namespace fendmail;
using namespace fendmail::app;
using namespace fendmail::app::log_lines;
using screen::verdict;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

const report_period day{noon - hours{24}, noon};

template <class Feed>
report report_of(Feed feed, const builder_limits& limits = {})
{
    report_builder builder{day, limits};
    feeder into{builder};
    feed(into);
    return builder.finish("mx.example");
}

} // namespace

TEST_CASE("report: sessions are counted by verdict and hour, those of the day before apart",
          "[report]")
{
    const auto made = report_of([](feeder& log) {
        log.add(noon - hours{50}, session("192.0.2.1", verdict::rejected));
        log.add(noon - hours{47}, session("192.0.2.1", verdict::rejected));
        log.add(noon - hours{24} - seconds{1}, session("192.0.2.1", verdict::left));
        log.add(noon - hours{24}, session("192.0.2.1", verdict::pass_new));
        log.add(noon - minutes{61}, session("192.0.2.1", verdict::dropped));
        log.add(noon - minutes{59}, session("192.0.2.2", verdict::dropped));
        log.add(noon - seconds{1}, session("192.0.2.3", verdict::deferred));
        log.add(noon, session("192.0.2.4", verdict::pass_old));
    });
    CHECK(made.now.sessions() == 4);
    CHECK(made.now.of(verdict::dropped) == 2);
    CHECK(made.now.good() == 1);
    CHECK(made.now.refused() == 2);
    CHECK(made.before.sessions() == 2);
    CHECK(made.read.lines == 8);
    CHECK(made.read.used == 6);
    CHECK(made.read.outside == 2);
    CHECK(made.read.first == noon - hours{50});
    CHECK(made.read.last == noon);
    CHECK(made.is_compared);
    REQUIRE(made.hours.size() == 3);
    const auto dropped = static_cast<std::size_t>(verdict::dropped);
    CHECK(made.hours.at(noon - hours{2})[dropped] == 1);
    CHECK(made.hours.at(noon - hours{1})[dropped] == 1);
}

TEST_CASE("report: a log that does not reach back is not compared with", "[report]")
{
    const auto made = report_of([](feeder& log) {
        log.add(noon - hours{26}, session("192.0.2.1", verdict::rejected));
        log.add(noon - hours{1}, session("192.0.2.1", verdict::rejected));
    });
    CHECK(made.before.sessions() == 1);
    CHECK_FALSE(made.is_compared);
}

TEST_CASE("report: tests are told by what they turned away, alone or not, and what they let in",
          "[report]")
{
    const auto made = report_of([](feeder& log) {
        const auto when = noon - hours{1};
        log.add(when, session("192.0.2.1", verdict::rejected, "pregreet,dnsbl"));
        log.add(when, session("192.0.2.2", verdict::rejected, "dnsbl"));
        log.add(when, session("192.0.2.3", verdict::dropped, "non_smtp_command"));
        log.add(when, session("192.0.2.4", verdict::passed, "pregreet"));
        log.add(when, session("192.0.2.5", verdict::deferred, "too_many_connections"));
        log.add(when, session("192.0.2.6", verdict::left, "bare_newline"));
    });
    const auto& dnsbl = made.now.reasons.find("dnsbl")->second;
    CHECK(dnsbl.refused == 2);
    CHECK(dnsbl.refused_alone == 1);
    const auto& pregreet = made.now.reasons.find("pregreet")->second;
    CHECK(pregreet.refused == 1);
    CHECK(pregreet.refused_alone == 0);
    CHECK(pregreet.let_in == 1);
    CHECK(made.now.reasons.find("too_many_connections")->second.deferred == 1);
    CHECK(made.now.reasons.find("bare_newline")->second.left == 1);
}

TEST_CASE("report: lists are told by their hits, and by clients that came in later", "[report]")
{
    const auto made = report_of([](feeder& log) {
        const auto when = noon - hours{3};
        const auto zen_twice =
            "zen.example:127.0.0.2*3,zen.example:127.0.0.9*3,bl.example:127.0.0.2*1";
        log.add(when, session("192.0.2.1", verdict::rejected, "dnsbl", zen_twice));
        log.add(when, session("192.0.2.2", verdict::rejected, "dnsbl", "zen.example:127.0.0.2*3"));
        log.add(when, session("192.0.2.3", verdict::pass_new, "",
                              "bl.example:127.0.0.2*1,swl.example:127.0.0.4*-2,+3"));
        log.add(when, event::dnsbl_failed{address("192.0.2.1"), "swl.example", "late"});
        // A client that was refused, twice, comes in; later on it is known.
        log.add(when + minutes{1},
                session("192.0.2.2", verdict::rejected, "dnsbl", "zen.example:127.0.0.2*3"));
        log.add(when + minutes{2}, session("192.0.2.2", verdict::pass_new));
        log.add(when + minutes{3}, session("192.0.2.2", verdict::pass_old));
        // Another address of the same host.
        log.add(when, session("2001:db8::1", verdict::rejected, "dnsbl", "bl.example:127.0.0.2*3"));
        log.add(when + minutes{5}, session("2001:db8::2", verdict::allowlisted));
    });
    const auto& zen = made.now.lists.find("zen.example")->second;
    CHECK(zen.hits.refused == 3);
    CHECK(zen.hits.refused_alone == 2);
    CHECK(zen.later_passed == 1);
    const auto& bl = made.now.lists.find("bl.example")->second;
    CHECK(bl.hits.refused == 2);
    CHECK(bl.hits.let_in == 1);
    CHECK(bl.later_passed == 1);
    const auto& swl = made.now.lists.find("swl.example")->second;
    CHECK(swl.good_word == 1);
    CHECK(swl.hits.all() == 0);
    CHECK(swl.misses == 1);
    CHECK(made.now.lists.size() == 3);
}

TEST_CASE("report: a good client has waited since it connected first", "[report]")
{
    const auto made = report_of([](feeder& log) {
        auto one = session("192.0.2.1", verdict::deferred, "pipelining");
        one.total = seconds{10};
        log.add(noon - hours{3}, one);
        one = session("192.0.2.1", verdict::pass_old);
        one.total = seconds{30};
        one.screening = milliseconds{10};
        log.add(noon - hours{2}, one);
        // One that was patient the first time.
        one = session("192.0.2.2", verdict::pass_new);
        one.total = seconds{60};
        one.screening = milliseconds{6010};
        one.late_wait = milliseconds{10};
        log.add(noon - hours{2}, one);
        // Known ones, and bots.
        log.add(noon - hours{2}, session("192.0.2.3", verdict::pass_old));
        one = session("192.0.2.4", verdict::rejected);
        one.screening = seconds{60};
        log.add(noon - hours{2}, one);
    });
    REQUIRE(made.waited.size() == 2);
    CHECK(made.waited[0].client == address("192.0.2.1"));
    CHECK(made.waited[0].waited == hours{1} - seconds{20} + milliseconds{10});
    CHECK(made.waited[0].tries == 2);
    CHECK(made.waited[0].first == verdict::deferred);
    CHECK(made.waited[0].reasons == "pipelining");
    CHECK(made.waited[1].waited == milliseconds{6010});
    CHECK(made.waited[1].tries == 1);
}

TEST_CASE("report: only the longest wait of a client is told, and only the longest ones",
          "[report]")
{
    const auto made = report_of(
        [](feeder& log) {
            for (int i = 1; i <= 20; ++i) {
                auto one = session(fmt::format("192.0.2.{}", i % 7), verdict::pass_new);
                one.screening = seconds{i};
                log.add(noon - hours{1}, one);
            }
        },
        {.top = 5});
    REQUIRE(made.waited.size() == 5);
    for (std::size_t i = 0; i < 5; ++i)
        CHECK(made.waited[i].waited == seconds{20 - static_cast<int>(i)});
}

TEST_CASE("report: clients and networks that came most often", "[report]")
{
    const auto made = report_of([](feeder& log) {
        for (int i = 0; i < 5; ++i)
            log.add(noon - hours{1}, session("192.0.2.1", verdict::rejected));
        for (int i = 0; i < 4; ++i)
            log.add(noon - hours{1}, session(fmt::format("198.51.100.{}", i), verdict::dropped));
        for (int i = 0; i < 3; ++i)
            log.add(noon - hours{1}, session("198.51.100.9", verdict::pass_old));
        log.add(noon - hours{1}, session("2001:db8:1:2::3", verdict::pass_old));
    });
    REQUIRE(made.clients.size() == 7);
    CHECK(made.clients[0].name == "192.0.2.1");
    CHECK(made.clients[0].sessions == 5);
    CHECK(made.clients[0].refused == 5);
    REQUIRE(made.networks.size() == 3);
    CHECK(made.networks[0].name == "198.51.100.0/24");
    CHECK(made.networks[0].sessions == 7);
    CHECK(made.networks[0].refused == 4);
    CHECK(made.networks[2].name == "2001:db8:1::/48");
}

TEST_CASE("report: trouble is one span from its first line to its end", "[report]")
{
    const event::of_client client{{address("192.0.2.1"), 1}, 1};
    const auto made = report_of([&](feeder& log) {
        log.add(noon - hours{30}, event::list_suspended{"old.example", "silent", "gone", ""});
        log.add(noon - hours{29}, event::list_restored{"old.example", seconds{3600}});
        log.add(noon - hours{28}, event::list_suspended{"dead.example", "silent", "gone", ""});
        log.add(noon - hours{3}, event::backend_unavailable{client, "b1", "refused", 1, {}});
        log.add(noon - hours{2},
                event::backend_unavailable{client, "b1", "refused", 40, seconds{3600}});
        log.add(noon - hours{1}, event::backend_restored{"b1", seconds{7200}, 41});
        // Its first line is missing.
        log.add(noon - minutes{30}, event::store_restored{"/x", seconds{600}, 3});
        log.add(noon - minutes{20}, event::log_lines_lost{5, "", "", "full"});
        log.add(noon - minutes{10}, event::log_lines_lost{7, "", "", "slow"});
    });
    REQUIRE(made.troubles.size() == 3);
    CHECK(made.troubles[0].name == "dead.example");
    CHECK_FALSE(made.troubles[0].end);
    CHECK(made.troubles[1].kind == trouble::backend);
    CHECK(made.troubles[1].begin == noon - hours{3});
    CHECK(made.troubles[1].end == noon - hours{1});
    CHECK(made.troubles[1].clients == 41);
    CHECK(made.troubles[2].kind == trouble::store);
    CHECK(made.troubles[2].begin == noon - minutes{40});
    CHECK(made.now.troubles == 2);
    CHECK(made.before.troubles == 2);
    REQUIRE(made.incidents.size() == 1);
    CHECK(made.incidents[0].count == 12);
    CHECK(made.incidents[0].text == "slow");
}

TEST_CASE("report: starts and reloads of the period stand in their order", "[report]")
{
    const auto made = report_of([](feeder& log) {
        log.add(noon - hours{30}, event::started{"0.0.9", "/a"});
        log.add(noon - hours{3}, event::started{"0.1.0", "/a"});
        log.add(noon - hours{2}, event::reload_rejected{"a.toml:1:1: no"});
    });
    REQUIRE(made.changes.size() == 2);
    CHECK(made.changes[0].text == "0.1.0");
    CHECK(made.changes[1].kind == change::reload_rejected);
}

TEST_CASE("report: what is damaged, without a time or of others is counted and ends nothing",
          "[report]")
{
    const auto made = report_of([](feeder& log) {
        log.add_line("{\"time\":\"2025-11-21T11:00:00Z\",\"event\":\"sess");
        log.add_line(as_json(session("192.0.2.1", verdict::left), ""));
        log.add_line("Nov 21 11:00:00 mx postfix/smtpd[1]: connect from x");
        log.add_line(R"({"time":"2025-11-21T11:00:00Z","event":"session_ended","client":"x"})");
        log.add(noon - hours{1}, session("192.0.2.1", verdict::left));
    });
    CHECK(made.read.lines == 5);
    CHECK(made.read.damaged == 2);
    CHECK(made.read.timeless == 1);
    CHECK(made.read.other == 1);
    CHECK(made.now.sessions() == 1);
}

TEST_CASE("report: no number of clients, names, troubles or hours makes it grow", "[report]")
{
    const builder_limits limits{
        .counters = 50, .memories = 50, .names = 5, .hours = 3, .entries = 4, .top = 10};
    const auto made = report_of(
        [](feeder& log) {
            for (int i = 0; i < 2000; ++i) {
                const auto when = noon - minutes{1 + i % 1000};
                log.add(when, session(fmt::format("10.{}.{}.1", i / 250, i % 250),
                                      verdict::rejected, fmt::format("test{}", i),
                                      fmt::format("list{}.example:127.0.0.2*3", i)));
                log.add(when, session("192.0.2.1", verdict::left));
                log.add(when, event::list_suspended{fmt::format("list{}", i), "silent", "", ""});
                log.add(when, event::reloaded{"/a"});
            }
        },
        limits);
    CHECK(made.now.sessions() == 4000);
    // Only of this one it is known that it came often.
    REQUIRE(made.clients.size() == 1);
    CHECK(made.clients[0].name == "192.0.2.1");
    CHECK(made.clients[0].sessions - made.clients[0].not_more_than <= 2000);
    CHECK(made.clients[0].sessions >= 2000);
    CHECK(made.now.reasons.size() == 6);
    CHECK(made.now.reasons.find("(others)")->second.refused == 1995);
    CHECK(made.now.lists.size() == 6);
    CHECK(made.hours.size() == 3);
    CHECK(made.troubles.size() == 4);
    CHECK(made.troubles_left_out == 1996);
    CHECK(made.changes.size() == 4);
    CHECK(made.changes_left_out == 1996);
}

TEST_CASE("report: a client is remembered among many others for a while, and no longer", "[report]")
{
    const auto made = report_of(
        [](feeder& log) {
            const auto refuse = [&](const std::string& client) {
                log.add(noon - hours{2},
                        session(client, verdict::rejected, "dnsbl", "zen.example:127.0.0.2*3"));
            };
            refuse("192.0.2.1");
            for (int i = 0; i < 150; ++i)
                refuse(fmt::format("10.0.0.{}", i));
            log.add(noon - hours{1}, session("192.0.2.1", verdict::pass_new)); // it still is
            refuse("192.0.2.2");
            for (int i = 0; i < 250; ++i)
                refuse(fmt::format("10.0.1.{}", i));
            log.add(noon - hours{1}, session("192.0.2.2", verdict::pass_new)); // no more
        },
        {.memories = 100});
    CHECK(made.now.lists.find("zen.example")->second.later_passed == 1);
}

TEST_CASE("report: what is not as before is told when it is more than chance", "[report]")
{
    report_totals before;
    report_totals now;
    const auto v = [](verdict of) { return static_cast<std::size_t>(of); };
    before.verdicts[v(verdict::rejected)] = 100;
    now.verdicts[v(verdict::rejected)] = 110;
    CHECK(differences(now, before).empty());
    before.verdicts[v(verdict::deferred)] = 1;
    now.verdicts[v(verdict::deferred)] = 19; // few
    CHECK(differences(now, before).empty());
    now.verdicts[v(verdict::deferred)] = 60;
    before.lists["dead.example"].hits.refused = 500;
    before.lists["bl.example"].hits.refused = 40;
    now.lists["bl.example"].hits.refused = 41;
    now.lists["bl.example"].misses = 33;
    now.lists["new.example"].hits.refused = 25;
    now.reasons["pregreet"].refused = 30;
    const auto told = differences(now, before);
    const std::vector<std::string> wanted{
        "list dead.example: no hit, before 500; does it still answer?",
        "sessions: 170, before 101",
        "told to come again: 60, before 1",
        "clients about whom the list bl.example gave no answer: 33, before 0",
        "turned away by pregreet: 30, before 0",
        "hits of the list new.example: 25, before 0",
    };
    CHECK(told == wanted);
}
