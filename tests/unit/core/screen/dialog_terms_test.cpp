// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/dialog_terms.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::screen;

namespace {

constexpr instant now{seconds{1'800'000'000}};
const ip_address client = *parse_address("192.0.2.7");
const ip_address local = *parse_address("192.0.2.25");
const smtp::own_names nobody;

policy rules_with(action pregreet)
{
    policy rules;
    rules.tests[test::pregreet].on_failure = pregreet;
    rules.tests[test::pipelining].enabled = true;
    rules.names.own_helo = 1;
    rules.dnsbl_threshold = 5;
    return rules;
}

screener tests_of(const policy& rules, bool speaks_early)
{
    screener s{rules, client};
    REQUIRE(s.on_access(std::nullopt) == step::look_up_record);
    REQUIRE(s.on_record(std::nullopt, now) == step::run_early_tests);
    (void)(speaks_early ? s.on_result(test::pregreet, false) : s.on_greet_wait_elapsed({}, {}));
    return s;
}

dialog_setting setting()
{
    return {client, local, true, true, nobody};
}

} // namespace

TEST_CASE("dialog terms: a client with a clean start is greeted and may go on", "[screen]")
{
    const policy rules = rules_with(action::enforce);
    auto tests = tests_of(rules, false);
    const auto terms = begin_dialog(tests, setting());
    CHECK(terms.opening == smtp::opening::greet);
    CHECK_FALSE(terms.refusal);
    CHECK(terms.hands_off);
    CHECK(terms.local == local);
    CHECK(terms.faults[smtp::fault::pipelining] == smtp::on_fault::refuse);
    CHECK(terms.faults[smtp::fault::own_helo] == smtp::on_fault::tell);
}

TEST_CASE("dialog terms: who spoke early hears no second greeting and goes nowhere", "[screen]")
{
    const policy rules = rules_with(action::enforce);
    auto tests = tests_of(rules, true);
    const auto terms = begin_dialog(tests, setting());
    CHECK(terms.opening == smtp::opening::silent);
    REQUIRE(terms.refusal);
    CHECK(smtp::to_log(*terms.refusal) == "550 5.5.1 Protocol error");
    CHECK_FALSE(terms.hands_off);
}

TEST_CASE("dialog terms: without a teaser the greeting is still to come", "[screen]")
{
    const policy rules = rules_with(action::enforce);
    auto tests = tests_of(rules, true);
    auto where = setting();
    where.was_teased = false;
    CHECK(begin_dialog(tests, where).opening == smtp::opening::greet);
}

TEST_CASE("dialog terms: speaking early that is ignored changes nothing", "[screen]")
{
    const policy rules = rules_with(action::ignore);
    auto tests = tests_of(rules, true);
    const auto terms = begin_dialog(tests, setting());
    CHECK(terms.opening == smtp::opening::greet);
    CHECK(terms.hands_off);
}

TEST_CASE("dialog terms: where passed clients have to come back none goes on", "[screen]")
{
    const policy rules = rules_with(action::enforce);
    auto tests = tests_of(rules, false);
    auto where = setting();
    where.relays_after_tests = false;
    CHECK_FALSE(begin_dialog(tests, where).hands_off);
}

TEST_CASE("dialog terms: this host may call itself by its name", "[screen]")
{
    const policy rules = rules_with(action::enforce);
    SECTION("at the address that it connects to")
    {
        auto tests = tests_of(rules, false);
        auto where = setting();
        where.client = local;
        const auto terms = begin_dialog(tests, where);
        CHECK(terms.faults[smtp::fault::own_helo] == smtp::on_fault::unwatched);
    }
    SECTION("at another address of its own")
    {
        smtp::own_names own;
        own.add("192.0.2.7");
        auto tests = tests_of(rules, false);
        const auto terms = begin_dialog(tests, {client, local, true, true, own});
        CHECK(terms.faults[smtp::fault::own_helo] == smtp::on_fault::unwatched);
        CHECK(terms.faults[smtp::fault::pipelining] == smtp::on_fault::refuse);
    }
}
