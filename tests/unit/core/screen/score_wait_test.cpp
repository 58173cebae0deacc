// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/score_wait.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::screen;

namespace {

policy rules_with(int threshold, int allow, int own_helo = 0)
{
    policy rules;
    rules.dnsbl_threshold = threshold;
    rules.dnsbl_allow_threshold = allow;
    rules.names.no_ptr = 2;
    rules.names.own_helo = own_helo;
    return rules;
}

} // namespace

TEST_CASE("score: settled when no answer that is missing changes the outcome", "[screen]")
{
    struct row {
        dnsbl::score_bounds bounds;
        int own_helo;
        bool expected;
    };
    const row rows[] = {
        {{0, 3}, 0, false},  // may still reach the threshold
        {{3, 5}, 0, true},   // has
        {{-2, 0}, 0, false}, // may still be let off
        {{-5, -3}, 0, true}, // is
        {{0, 2}, 0, true},   // neither
        {{0, 2}, 1, false},  // but with its HELO name it may
        {{0, 1}, 1, true},   // not even so
        {{3, 5}, 1, true},   // failed whatever it calls itself
        {{-5, -3}, 9, true}, // no dialog follows
    };
    for (const row& r : rows) {
        CAPTURE(r.bounds.lowest, r.bounds.highest, r.own_helo);
        CHECK(is_settled(rules_with(3, -2, r.own_helo), r.bounds) == r.expected);
    }
}

TEST_CASE("score: the early tests last the greet wait, or as long as lists may take", "[screen]")
{
    constexpr milliseconds lists{10000};
    policy rules;
    rules.greet_wait = seconds{6};
    rules.greet_wait_under_stress = seconds{2};
    CHECK(early_limit(rules, false, lists) == milliseconds{6000});
    CHECK(early_limit(rules, true, lists) == milliseconds{2000});
    rules.greet_wait_under_stress = seconds{0};
    CHECK(early_limit(rules, true, lists) == lists);
    rules.greet_wait = seconds{0};
    CHECK(early_limit(rules, false, lists) == lists);
}

TEST_CASE("score: beyond the greet wait only a refusal is waited for", "[screen]")
{
    using limits = std::optional<dnsbl::score_limits>;
    const dnsbl::name_finding nameless{dnsbl::name_signal::no_ptr, true, {}, {}};
    const dnsbl::name_finding named{dnsbl::name_signal::none, true, {}, "mx.example"};
    // Nothing to be let off by, and nothing known of the name: the same limits as before.
    CHECK(limits_when_late(rules_with(3, 0), nullptr) == limits{});
    CHECK(limits_when_late(rules_with(3, 0), &named) == limits{});
    CHECK(limits_when_late(rules_with(3, -2), nullptr) == limits{{3, 0}});
    // The lists alone need less to refuse it.
    CHECK(limits_when_late(rules_with(3, 0), &nameless) == limits{{1, 0}});
    CHECK(limits_when_late(rules_with(3, -2), &nameless) == limits{{1, 0}});
}
