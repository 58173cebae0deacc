// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/explain/explanation.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

using namespace fendmail;
using namespace fendmail::app;
using namespace std::chrono_literals;

namespace {

const instant now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 29}};

runtime_config usual()
{
    runtime_config out;
    out.screening.greet_wait = 6s;
    out.screening.tests[screen::test::dnsbl].enabled = true;
    out.screening.dnsbl_threshold = 3;
    return out;
}

dnsbl::score score(int value)
{
    dnsbl::score out;
    out.value = value;
    out.complete = true;
    return out;
}

screen::client_record passed_until(instant when)
{
    screen::client_record out;
    out.expires_at.values.fill(when);
    return out;
}

struct row {
    const char* what;
    std::function<void(explanation&, runtime_config&)> set;
    std::string verdict;
    std::string words; ///< a part of them
};

std::vector<row> rows()
{
    return {
        {"nothing is known", [](explanation&, runtime_config&) {}, "pass_new",
         "its score is 0 and the threshold 3"},
        {"permitted",
         [](explanation& e, runtime_config&) {
             e.rule = "permit 192.0.2.0/24";
             e.is_permitted = true;
             e.score = score(9);
         },
         "allowlisted", "permitted by the rule \"permit 192.0.2.0/24\""},
        {"denied", [](explanation& e, runtime_config&) { e.rule = "reject 192.0.2.0/24"; },
         "rejected", "550 5.3.2"},
        {"a known sender",
         [](explanation& e, runtime_config&) {
             e.sender = "sender.example";
             e.score = score(9);
         },
         "allowlisted", "a known sender, sender.example"},
        {"a host that takes our mail, and is spared all",
         [](explanation& e, runtime_config& c) {
             e.recipient = "mx.example";
             e.score = score(9);
             c.screening.known_recipients = screen::exemption::all;
         },
         "allowlisted", "it takes our mail, as mx.example"},
        {"a host that takes our mail, and is spared the deep tests",
         [](explanation& e, runtime_config&) {
             e.recipient = "mx.example";
             e.score = score(3);
         },
         "rejected", "its score is 3 and the threshold 3"},
        {"a rule stands above a known sender",
         [](explanation& e, runtime_config&) {
             e.sender = "sender.example";
             e.rule = "reject 192.0.2.0/24";
         },
         "rejected", "rejects it"},
        {"known", [](explanation& e, runtime_config&) { e.record = passed_until(now + 1h); },
         "pass_old", "it has passed all tests lately"},
        {"known once", [](explanation& e, runtime_config&) { e.record = passed_until(now - 1h); },
         "pass_old", "is screened"},
        {"known until a time that cannot be",
         [](explanation& e, runtime_config&) {
             e.record = passed_until(now + std::chrono::days{4000});
         },
         "pass_new", "is screened"},
        {"just below the threshold", [](explanation& e, runtime_config&) { e.score = score(2); },
         "pass_new", "its score is 2 and the threshold 3"},
        {"listed", [](explanation& e, runtime_config&) { e.score = score(3); }, "rejected",
         "its score is 3 and the threshold 3"},
        {"listed, and lists drop",
         [](explanation& e, runtime_config& c) {
             e.score = score(3);
             c.screening.tests[screen::test::dnsbl].on_failure = screen::action::drop;
         },
         "dropped", "is cut off with 521"},
        {"listed, and lists are ignored",
         [](explanation& e, runtime_config& c) {
             e.score = score(3);
             c.screening.tests[screen::test::dnsbl].on_failure = screen::action::ignore;
         },
         "passed", "dnsbl, whose action is ignore"},
        {"deep tests",
         [](explanation&, runtime_config& c) {
             c.screening.tests[screen::test::pipelining].enabled = true;
         },
         "pass_new", "takes the deep tests in our dialog"},
    };
}

} // namespace

TEST_CASE("explain: the verdict is the screener's, by what is known of the client", "[app]")
{
    for (const row& r : rows()) {
        CAPTURE(r.what);
        auto with = usual();
        explanation about;
        about.client = ip_address::v4({192, 0, 2, 1});
        about.score = score(0);
        r.set(about, with);
        conclude(about, with, now);
        CHECK(about.verdict == r.verdict);
        CHECK(about.words.find(r.words) != std::string::npos);
        CAPTURE(about.words);
        CHECK(to_table(about).find(about.words) != std::string::npos);
        CHECK(to_json(about).find("\"verdict\":\"" + r.verdict + "\"") != std::string::npos);
    }
}
