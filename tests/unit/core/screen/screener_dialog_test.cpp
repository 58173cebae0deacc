// SPDX-License-Identifier: Apache-2.0
// Deep tests, MX policy and what is remembered of them.
#include "fendmail/core/screen/screener.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::screen;

namespace Catch {
template <>
struct StringMaker<screen::step> {
    static std::string convert(screen::step s) { return std::string(to_string(s)); }
};
} // namespace Catch

namespace {

constexpr instant now{seconds{1'800'000'000}};
const ip_address client = *parse_address("192.0.2.7");
const dnsbl::score clean{0, true, seconds{300}, ""};

policy deep_rules(action deep = action::enforce)
{
    policy rules;
    rules.tests[test::dnsbl].enabled = true;
    rules.dnsbl_allow_threshold = -2;
    for (const test t : {test::pipelining, test::non_smtp_command, test::bare_newline}) {
        rules.tests[t].enabled = true;
        rules.tests[t].on_failure = deep;
        rules.tests[t].ttl = seconds{1000};
    }
    return rules;
}

/// A new client that has come through the early tests.
screener after_early_tests(const policy& rules, const dnsbl::score& score = clean)
{
    screener s{rules, client};
    REQUIRE(s.on_access(std::nullopt) == step::look_up_record);
    REQUIRE(s.on_record(std::nullopt, now) == step::run_early_tests);
    (void)s.on_score(score);
    return s;
}

instant until(const screener& s, test t)
{
    const auto record = s.record_to_store(now);
    REQUIRE(record);
    return record->expires_at[t];
}

} // namespace

TEST_CASE("deep tests: follow the early ones, and a recipient passes them all", "[screen]")
{
    const policy rules = deep_rules();
    auto s = after_early_tests(rules);
    CHECK(s.on_greet_wait_elapsed(clean, {}) == step::run_dialog);
    CHECK_FALSE(s.refusal());
    CHECK(s.begin_dialog()[smtp::fault::pipelining] == smtp::on_fault::refuse);
    CHECK_FALSE(s.passed_in_dialog());
    s.on_recipient();
    CHECK(s.passed_in_dialog());
    CHECK(s.is_new_client());
    CHECK(until(s, test::pregreet) == now + std::chrono::days{1});
    CHECK(until(s, test::dnsbl) == now + seconds{300});
    CHECK(until(s, test::bare_newline) == now + seconds{1000});
    CHECK(s.reasons().empty());
}

TEST_CASE("deep tests: who leaves before a recipient keeps its early passes", "[screen]")
{
    const policy rules = deep_rules();
    auto s = after_early_tests(rules);
    (void)s.on_greet_wait_elapsed(clean, {});
    (void)s.begin_dialog();
    CHECK_FALSE(s.passed_in_dialog());
    CHECK(until(s, test::pregreet) == now + std::chrono::days{1});
    CHECK(until(s, test::pipelining) == client_record::never_passed);
}

TEST_CASE("deep tests: a failure leaves nothing to remember", "[screen]")
{
    for (const action a : {action::enforce, action::drop}) {
        const policy rules = deep_rules(a);
        auto s = after_early_tests(rules);
        (void)s.on_greet_wait_elapsed(clean, {});
        (void)s.begin_dialog();
        s.on_recipient();
        s.on_fault(smtp::fault::non_smtp_command);
        CHECK(s.is_rejected());
        CHECK_FALSE(s.passed_in_dialog());
        CHECK_FALSE(s.record_to_store(now));
        CHECK(s.reasons() == "non_smtp_command");
    }
}

TEST_CASE("deep tests: an ignored failure passes for the shortest time", "[screen]")
{
    const policy rules = deep_rules(action::ignore);
    auto s = after_early_tests(rules);
    (void)s.on_greet_wait_elapsed(clean, {});
    (void)s.begin_dialog();
    s.on_fault(smtp::fault::pipelining);
    s.on_recipient();
    CHECK(s.passed_in_dialog());
    CHECK(until(s, test::pipelining) == now + seconds{60});
    CHECK(until(s, test::bare_newline) == now + seconds{1000});
    CHECK(s.reasons() == "pipelining");
}

TEST_CASE("deep tests: who fails one that is ignored has passed in its verdict, whom an early one "
          "let in has not",
          "[screen]")
{
    const auto verdict_of = [](const screener& s) {
        judgement told;
        told.on_relay(s.passed_in_dialog(), s.is_new_client());
        return told.value();
    };
    for (const auto fault :
         {smtp::fault::pipelining, smtp::fault::non_smtp_command, smtp::fault::bare_newline}) {
        const policy rules = deep_rules(action::ignore);
        auto s = after_early_tests(rules);
        (void)s.on_greet_wait_elapsed(clean, {});
        (void)s.begin_dialog();
        s.on_fault(fault);
        s.on_recipient();
        CHECK(verdict_of(s) == verdict::pass_new);
        CHECK(s.reasons() == to_string(test_of(fault)));
    }
    policy rules = deep_rules();
    rules.tests[test::pregreet].on_failure = action::ignore;
    auto s = after_early_tests(rules);
    (void)s.on_result(test::pregreet, false);
    (void)s.begin_dialog();
    s.on_recipient();
    CHECK(verdict_of(s) == verdict::passed);
    CHECK(s.reasons() == "pregreet");
}

TEST_CASE("deep tests: an ignored pregreet goes to them with a greeting and is not passed",
          "[screen]")
{
    policy rules = deep_rules();
    rules.tests[test::pregreet].on_failure = action::ignore;
    auto s = after_early_tests(rules);
    CHECK(s.on_result(test::pregreet, false) == step::run_dialog);
    CHECK_FALSE(s.spoke_too_early());
    (void)s.begin_dialog();
    s.on_recipient();
    CHECK_FALSE(s.passed_in_dialog());
    CHECK(until(s, test::pregreet) == client_record::never_passed);
    CHECK(until(s, test::dnsbl) == now + seconds{300});
}

TEST_CASE("deep tests: an allowing score skips them", "[screen]")
{
    const policy rules = deep_rules();
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    (void)s.on_record(std::nullopt, now);
    CHECK(s.on_score({-2, true, seconds{300}, ""}) == step::hand_off);
    for (const test t : all_tests)
        CHECK(until(s, t) == now + seconds{300});
}

TEST_CASE("deep tests: skipped by the score at the end of the wait, pregreet keeps its own pass",
          "[screen]")
{
    policy rules = deep_rules();
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    (void)s.on_record(std::nullopt, now);
    CHECK(s.on_greet_wait_elapsed({-2, false, std::nullopt, ""}, {}) == step::hand_off);
    CHECK(until(s, test::pregreet) == now + std::chrono::days{1});
    CHECK(until(s, test::dnsbl) == now + seconds{60});
    CHECK(until(s, test::bare_newline) == now + seconds{60});
}

TEST_CASE("deep tests: alone when only they have expired", "[screen]")
{
    const policy rules = deep_rules();
    client_record known;
    known.expires_at[test::pregreet] = known.expires_at[test::dnsbl] = now + seconds{500};
    for (const test t : {test::pipelining, test::non_smtp_command, test::bare_newline})
        known.expires_at[t] = now - seconds{1};
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    CHECK(s.on_record(known, now) == step::run_dialog);
    (void)s.begin_dialog();
    s.on_recipient();
    CHECK(s.passed_in_dialog());
    CHECK_FALSE(s.is_new_client());
    CHECK(until(s, test::pregreet) == now + seconds{500});
    CHECK(until(s, test::pipelining) == now + seconds{1000});
}

TEST_CASE("deep tests: run for a client that an early test refused, and are not remembered",
          "[screen]")
{
    const policy rules = deep_rules();
    auto s = after_early_tests(rules);
    CHECK(s.on_result(test::pregreet, false) == step::run_dialog);
    CHECK(s.spoke_too_early());
    (void)s.begin_dialog();
    s.on_recipient();
    CHECK_FALSE(s.record_to_store(now));
    CHECK(to_log(*s.refusal()) == "550 5.5.1 Protocol error");
}

TEST_CASE("MX policy: a vetoed client takes its tests to no avail", "[screen]")
{
    policy rules = deep_rules();
    for (const test t : {test::pipelining, test::non_smtp_command, test::bare_newline})
        rules.tests[t].enabled = false;
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    CHECK(s.on_record(std::nullopt, now) == step::run_early_tests);
    CHECK(s.on_veto() == step::run_early_tests);
    CHECK(s.on_greet_wait_elapsed(clean, {}) == step::run_dialog);
    CHECK_FALSE(s.refusal());
    CHECK_FALSE(s.is_rejected());
    CHECK(s.begin_dialog()[smtp::fault::pipelining] == smtp::on_fault::refuse);
    s.on_recipient();
    CHECK_FALSE(s.passed_in_dialog());
    CHECK_FALSE(s.record_to_store(now));
    CHECK(s.reasons() == "veto");
}

TEST_CASE("MX policy: not even an allowing score lets a vetoed client through", "[screen]")
{
    const policy rules = deep_rules();
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    (void)s.on_record(std::nullopt, now);
    (void)s.on_veto();
    CHECK(s.on_score({-5, true, seconds{300}, ""}) == step::run_dialog);
    (void)s.begin_dialog();
    s.on_recipient();
    CHECK_FALSE(s.record_to_store(now));
}

TEST_CASE("memory: what another session of the client has passed meanwhile is kept", "[screen]")
{
    const policy rules = deep_rules();
    auto s = after_early_tests(rules);
    (void)s.on_greet_wait_elapsed(clean, {});
    (void)s.begin_dialog(); // and leaves without a recipient
    client_record by_sibling;
    for (const test t : all_tests)
        by_sibling.expires_at[t] = now + seconds{900};
    s.on_latest_record(by_sibling);
    CHECK_FALSE(s.is_new_client());
    CHECK(until(s, test::pipelining) == now + seconds{900});
    CHECK(until(s, test::pregreet) == now + std::chrono::days{1});
}

TEST_CASE("known senders: are handed off at once where all tests are skipped", "[screen]")
{
    const policy rules = deep_rules();
    screener s{rules, client};
    CHECK(s.on_known_sender() == step::hand_off);
    CHECK((s.how() == way_in::allowlisted));
    CHECK_FALSE(s.record_to_store(now));
}

TEST_CASE("known senders: take the early tests where the deep ones are skipped", "[screen]")
{
    policy rules = deep_rules();
    rules.known_senders = exemption::deep;
    screener s{rules, client};
    CHECK(s.on_known_sender() == step::look_up_record);
    CHECK(s.on_record(std::nullopt, now) == step::run_early_tests);
    CHECK_FALSE(s.tests_to_run().has_deep());
    SECTION("and are handed off behind them")
    {
        (void)s.on_score(clean);
        CHECK(s.on_greet_wait_elapsed(clean, {}) == step::hand_off);
        CHECK((s.how() == way_in::tested));
        CHECK(s.is_new_client());
        CHECK(until(s, test::pregreet) == now + std::chrono::days{1});
        CHECK(until(s, test::pipelining) == client_record::never_passed);
    }
    SECTION("and are refused when they fail one")
    {
        (void)s.on_score({3, true, seconds{300}, "bl.example"});
        CHECK(s.on_greet_wait_elapsed({3, true, seconds{300}, "bl.example"}, {}) ==
              step::run_dialog);
        CHECK(s.is_rejected());
    }
}

TEST_CASE("known senders: who has passed the early tests is known without the deep ones",
          "[screen]")
{
    policy rules = deep_rules();
    rules.known_senders = exemption::deep;
    client_record early;
    early.expires_at[test::pregreet] = early.expires_at[test::dnsbl] = now + seconds{60};
    screener s{rules, client};
    CHECK(s.on_known_sender() == step::look_up_record);
    CHECK(s.on_record(early, now) == step::hand_off);
    CHECK((s.how() == way_in::known));
    CHECK_FALSE(s.is_new_client());
    screener other{rules, client};
    CHECK(other.on_access(std::nullopt) == step::look_up_record);
    CHECK(other.on_record(early, now) == step::run_dialog);
}

TEST_CASE("own HELO: its weight fails the lists' test when the score is enough", "[screen]")
{
    struct row {
        int weight;
        int score;
        action on_failure;
        smtp::on_fault rule;
        bool fails;
    };
    static const row rows[] = {
        {0, 2, action::enforce, smtp::on_fault::unwatched, false},
        {1, 1, action::enforce, smtp::on_fault::tell, false},
        {1, 2, action::enforce, smtp::on_fault::refuse, true},
        {3, 0, action::enforce, smtp::on_fault::refuse, true},
        {3, 0, action::drop, smtp::on_fault::end, true},
        {3, 0, action::ignore, smtp::on_fault::tell, true},
        {3, -1, action::enforce, smtp::on_fault::tell, false},
    };
    for (const row& r : rows) {
        CAPTURE(r.weight, r.score, r.fails);
        policy rules = deep_rules();
        rules.dnsbl_threshold = 3;
        rules.names.own_helo = r.weight;
        rules.tests[test::dnsbl].on_failure = r.on_failure;
        const dnsbl::score score{r.score, true, seconds{300}, ""};
        auto s = after_early_tests(rules, score);
        REQUIRE(s.on_greet_wait_elapsed(score, {}) == step::run_dialog);
        const auto rule = s.begin_dialog()[smtp::fault::own_helo];
        CHECK(rule == r.rule);
        CHECK(s.total_score() == r.score);
        if (rule == smtp::on_fault::unwatched) continue;
        s.on_fault(smtp::fault::own_helo);
        s.on_recipient();
        CHECK(s.total_score() == r.score + r.weight);
        CHECK(s.is_failed_by_helo() == r.fails);
        CHECK(s.reasons() == (r.fails ? "dnsbl" : ""));
        const bool is_held_against_it = r.fails && r.on_failure != action::ignore;
        CHECK(s.is_rejected() == is_held_against_it);
        CHECK(s.passed_in_dialog() == !is_held_against_it);
        CHECK(s.record_to_store(now).has_value() == !is_held_against_it);
        if (is_held_against_it) continue;
        CHECK(until(s, test::bare_newline) == now + seconds{1000});
        CHECK((until(s, test::dnsbl) == client_record::never_passed) == r.fails);
    }
}

TEST_CASE("own HELO: a client whose lists are passed already begins at 0", "[screen]")
{
    policy rules = deep_rules();
    rules.names.own_helo = 1;
    client_record known;
    known.expires_at[test::pregreet] = now + seconds{10};
    known.expires_at[test::dnsbl] = now + seconds{10};
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    REQUIRE(s.on_record(known, now) == step::run_dialog);
    CHECK(s.begin_dialog()[smtp::fault::own_helo] == smtp::on_fault::refuse);
    s.on_fault(smtp::fault::own_helo);
    CHECK(s.is_rejected());
    CHECK(s.total_score() == 1);
}

TEST_CASE("own HELO: of a client that is refused already it is told", "[screen]")
{
    policy rules = deep_rules();
    rules.names.own_helo = 5;
    const dnsbl::score listed{1, true, seconds{300}, "bl.test"};
    auto s = after_early_tests(rules, listed);
    REQUIRE(s.on_greet_wait_elapsed(listed, {}) == step::run_dialog);
    CHECK(s.begin_dialog()[smtp::fault::own_helo] == smtp::on_fault::tell);
    s.on_fault(smtp::fault::own_helo);
    CHECK_FALSE(s.is_failed_by_helo());
    CHECK(s.total_score() == 6);
    CHECK(s.reasons() == "dnsbl");
}
