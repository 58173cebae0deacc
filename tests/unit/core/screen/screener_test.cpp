// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/screener.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::screen;

namespace Catch {
template <>
struct StringMaker<screen::step> {
    static std::string convert(screen::step s) { return std::string(to_string(s)); }
};
template <>
struct StringMaker<screen::way_in> {
    static std::string convert(screen::way_in w) { return std::string(to_string(w)); }
};
} // namespace Catch

namespace {

constexpr instant now{seconds{1'800'000'000}};
const ip_address client = *parse_address("192.0.2.7");
const acl::match permits{acl::decision::permit, "permit 192.0.2.0/24"};
const acl::match rejects{acl::decision::reject, "reject 192.0.2.0/24"};

policy early_rules(action pregreet = action::enforce, action dnsbl = action::enforce,
                   action access = action::enforce)
{
    policy rules;
    rules.tests[test::pregreet].on_failure = pregreet;
    rules.tests[test::dnsbl].enabled = true;
    rules.tests[test::dnsbl].on_failure = dnsbl;
    rules.access_action = access;
    return rules;
}

dnsbl::score listed()
{
    return {3, true, seconds{300}, "bl.example"};
}
dnsbl::score clean()
{
    return {0, true, seconds{300}, ""};
}

std::string refusal_of(const screener& s)
{
    return s.refusal() ? smtp::to_log(*s.refusal()) : "";
}

} // namespace

TEST_CASE("screener: a permitted client is handed off and nothing is remembered", "[screen]")
{
    const policy rules = early_rules();
    screener s{rules, client};
    CHECK(s.on_access(permits) == step::hand_off);
    CHECK(s.how() == way_in::allowlisted);
    CHECK_FALSE(s.record_to_store(now));
}

TEST_CASE("screener: what a rejected client meets depends on the action", "[screen]")
{
    SECTION("drop refuses at once")
    {
        const policy rules = early_rules(action::enforce, action::enforce, action::drop);
        screener s{rules, client};
        CHECK(s.on_access(rejects) == step::drop);
        CHECK(refusal_of(s) == "521 5.3.2 Service currently unavailable");
        CHECK(s.reasons() == "access_list");
    }
    SECTION("enforce goes on with the tests, without its record, and refuses in the dialog")
    {
        const policy rules = early_rules();
        screener s{rules, client};
        CHECK(s.on_access(rejects) == step::look_up_record);
        CHECK_FALSE(s.may_use_record());
        client_record old;
        old.expires_at[test::pregreet] = old.expires_at[test::dnsbl] = now + seconds{60};
        CHECK(s.on_record(old, now) == step::run_early_tests);
        CHECK(s.on_score(clean()) == step::keep_waiting);
        CHECK(s.on_greet_wait_elapsed(clean(), {}) == step::run_dialog);
        CHECK(refusal_of(s) == "550 5.3.2 Service currently unavailable");
        CHECK_FALSE(s.record_to_store(now));
    }
    SECTION("ignore changes nothing but the reasons")
    {
        const policy rules = early_rules(action::enforce, action::enforce, action::ignore);
        screener s{rules, client};
        CHECK(s.on_access(rejects) == step::look_up_record);
        CHECK(s.may_use_record());
        CHECK(s.on_record(std::nullopt, now) == step::run_early_tests);
        CHECK(s.on_greet_wait_elapsed(clean(), {}) == step::hand_off);
        CHECK(s.reasons() == "access_list");
    }
}

TEST_CASE("screener: a rejected client with no test to take goes to the dialog", "[screen]")
{
    policy rules = early_rules();
    rules.tests[test::pregreet].enabled = false;
    rules.tests[test::dnsbl].enabled = false;
    screener s{rules, client};
    CHECK(s.on_access(rejects) == step::look_up_record);
    CHECK(s.on_record(std::nullopt, now) == step::run_dialog);
}

TEST_CASE("screener: a client whose record holds is handed off without a test", "[screen]")
{
    const policy rules = early_rules();
    client_record known;
    known.expires_at[test::pregreet] = known.expires_at[test::dnsbl] = now;
    screener s{rules, client};
    CHECK(s.on_access(std::nullopt) == step::look_up_record);
    CHECK(s.on_record(known, now) == step::hand_off);
    CHECK(s.how() == way_in::known);
    CHECK_FALSE(s.record_to_store(now));
}

TEST_CASE("screener: the last test that is enforced writes the refusal", "[screen]")
{
    const policy rules = early_rules();
    screener s{rules, client};
    (void)s.on_access(rejects);
    CHECK(s.on_record(std::nullopt, now) == step::run_early_tests);
    CHECK(s.on_result(test::pregreet, false) == step::keep_waiting);
    CHECK(refusal_of(s) == "550 5.5.1 Protocol error");
    CHECK(s.on_score(listed()) == step::run_dialog);
    CHECK(refusal_of(s) ==
          "550 5.7.1 Service unavailable; client [192.0.2.7] blocked using bl.example");
    CHECK(s.reasons() == "access_list,pregreet,dnsbl");
}

TEST_CASE("screener: drop refuses with 521", "[screen]")
{
    SECTION("for a pregreeter")
    {
        const policy rules = early_rules(action::drop, action::enforce);
        screener s{rules, client};
        (void)s.on_access(std::nullopt);
        (void)s.on_record(std::nullopt, now);
        CHECK(s.on_result(test::pregreet, false) == step::drop);
        CHECK(refusal_of(s) == "521 5.5.1 Protocol error");
    }
    SECTION("for a listed client")
    {
        const policy rules = early_rules(action::enforce, action::drop);
        screener s{rules, client};
        (void)s.on_access(std::nullopt);
        (void)s.on_record(std::nullopt, now);
        CHECK(s.on_score(listed()) == step::drop);
        CHECK(refusal_of(s) ==
              "521 5.7.1 Service unavailable; client [192.0.2.7] blocked using bl.example");
    }
}

TEST_CASE("screener: passes are remembered for their TTLs, tests that are off as such", "[screen]")
{
    const policy rules = early_rules();
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    CHECK(s.on_record(std::nullopt, now) == step::run_early_tests);
    CHECK(s.is_new_client());
    (void)s.on_score(clean());
    CHECK(s.on_greet_wait_elapsed(clean(), {}) == step::hand_off);
    CHECK(s.how() == way_in::tested);
    const auto record = s.record_to_store(now);
    REQUIRE(record);
    CHECK(record->expires_at[test::pregreet] == now + std::chrono::days{1});
    CHECK(record->expires_at[test::dnsbl] == now + seconds{300});
    CHECK(record->expires_at[test::pipelining] == client_record::was_disabled);
}

TEST_CASE("screener: an expired test is renewed and the others keep their time", "[screen]")
{
    const policy rules = early_rules();
    client_record known;
    known.expires_at[test::pregreet] = now + seconds{5000};
    known.expires_at[test::dnsbl] = now - seconds{1};
    known.expires_at[test::bare_newline] = now + seconds{7};
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    CHECK(s.on_record(known, now) == step::run_early_tests);
    CHECK_FALSE(s.is_new_client());
    CHECK(s.on_score(clean()) == step::hand_off);
    const auto record = s.record_to_store(now);
    REQUIRE(record);
    CHECK(record->expires_at[test::pregreet] == now + seconds{5000});
    CHECK(record->expires_at[test::dnsbl] == now + seconds{300});
    CHECK(record->expires_at[test::bare_newline] == now + seconds{7});
}

TEST_CASE("screener: a client known before a test was turned on is no new client", "[screen]")
{
    policy rules = early_rules();
    client_record known;
    known.expires_at[test::pregreet] = now - seconds{1};
    known.expires_at[test::dnsbl] = client_record::was_disabled;
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    CHECK(s.on_record(known, now) == step::run_early_tests);
    CHECK_FALSE(s.is_new_client());
}

TEST_CASE("screener: an ignored failure lets the client in but is no pass", "[screen]")
{
    const policy rules = early_rules(action::ignore, action::ignore);
    SECTION("of the pregreet test: the DNSBL pass counts")
    {
        screener s{rules, client};
        (void)s.on_access(std::nullopt);
        (void)s.on_record(std::nullopt, now);
        (void)s.on_result(test::pregreet, false);
        CHECK(s.on_score(clean()) == step::hand_off);
        CHECK(s.how() == way_in::tolerated);
        const auto record = s.record_to_store(now);
        REQUIRE(record);
        CHECK(record->expires_at[test::pregreet] == client_record::never_passed);
        CHECK(record->expires_at[test::dnsbl] == now + seconds{300});
    }
    SECTION("of both: nothing is remembered")
    {
        screener s{rules, client};
        (void)s.on_access(std::nullopt);
        (void)s.on_record(std::nullopt, now);
        (void)s.on_result(test::pregreet, false);
        CHECK(s.on_score(listed()) == step::hand_off);
        CHECK_FALSE(s.record_to_store(now));
        CHECK(s.reasons() == "pregreet,dnsbl");
    }
}

TEST_CASE("screener: an allow score passes every test for the TTL of the answers", "[screen]")
{
    policy rules = early_rules();
    rules.dnsbl_allow_threshold = -2;
    client_record known;
    known.expires_at[test::pipelining] = now + seconds{99999};
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    (void)s.on_record(known, now);
    CHECK(s.on_score({-4, true, seconds{600}, ""}) == step::hand_off);
    CHECK(s.how() == way_in::tested);
    const auto record = s.record_to_store(now);
    REQUIRE(record);
    for (const test t : {test::pregreet, test::dnsbl, test::non_smtp_command, test::bare_newline})
        CHECK(record->expires_at[t] == now + seconds{600});
    CHECK(record->expires_at[test::pipelining] == now + seconds{99999});
}

TEST_CASE("screener: a client that is refused is never remembered", "[screen]")
{
    const policy rules = early_rules();
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    (void)s.on_record(std::nullopt, now);
    (void)s.on_result(test::pregreet, false);
    CHECK(s.on_score(clean()) == step::run_dialog);
    CHECK_FALSE(s.record_to_store(now));
}

TEST_CASE("screener: a partial score that refuses for certain is the refusal", "[screen]")
{
    policy rules = early_rules();
    rules.dnsbl_threshold = 3;
    screener s{rules, client};
    REQUIRE(s.on_access(std::nullopt) == step::look_up_record);
    REQUIRE(s.on_record(std::nullopt, instant{seconds{1000}}) == step::run_early_tests);
    const dnsbl::score partial{5, false, std::nullopt, "bl.example"};
    CHECK(s.on_partial_score(partial, {2, 5}) == step::keep_waiting);
    CHECK_FALSE(s.refusal());
    CHECK(s.on_partial_score(partial, {3, 5}) == step::run_dialog);
    REQUIRE(s.refusal());
    CHECK(refusal_of(s).ends_with("blocked using bl.example"));
    CHECK(s.reasons() == "dnsbl");
}

TEST_CASE("screener: whoever passed a test once has passed it, however long ago", "[screen]")
{
    const policy rules = early_rules();
    client_record record;
    record.expires_at[test::dnsbl] = instant{seconds{500}};
    record.expires_at[test::pregreet] = client_record::was_disabled;
    screener s{rules, client};
    CHECK_FALSE(s.has_passed(test::dnsbl));
    (void)s.on_record(record, instant{seconds{1000}});
    CHECK(s.has_passed(test::dnsbl));
    CHECK_FALSE(s.has_passed(test::pregreet));
    CHECK_FALSE(s.has_passed(test::pipelining));
}

TEST_CASE("screener: a client without early tests has a phase that wants nothing", "[screen]")
{
    const policy rules = early_rules();
    screener s{rules, client};
    CHECK(s.on_access(permits) == step::hand_off);
    for (const auto t : all_tests)
        CHECK((s.early().status(t) == early_status::not_wanted));
    CHECK_FALSE(s.early().listens());
    CHECK_FALSE(s.early().waits_for_late_lists());
    CHECK(s.early().score().value == 0);
}

TEST_CASE("screener: a network that asked too much is deferred, unless the client is refused",
          "[screen]")
{
    const policy rules = early_rules();
    screener tested{rules, client};
    REQUIRE(tested.on_access(std::nullopt) == step::look_up_record);
    REQUIRE(tested.on_record(std::nullopt, now) == step::run_early_tests);
    CHECK(tested.last_step(step::hand_off, false) == step::hand_off);
    CHECK(tested.last_step(step::hand_off, true) == step::defer);
    CHECK(tested.last_step(step::run_dialog, true) == step::defer);
    CHECK(tested.last_step(step::drop, true) == step::drop);
    (void)tested.on_result(test::pregreet, false);
    CHECK(tested.last_step(step::run_dialog, true) == step::run_dialog);
}

TEST_CASE("screener: only who is still to be tested can be vetoed", "[screen]")
{
    CHECK(screener::can_be_vetoed(step::run_early_tests));
    CHECK(screener::can_be_vetoed(step::run_dialog));
    CHECK_FALSE(screener::can_be_vetoed(step::hand_off));
    CHECK_FALSE(screener::can_be_vetoed(step::drop));
}
