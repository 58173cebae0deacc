// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/early_phase.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <variant>

using namespace fendmail;
using namespace fendmail::screen;

namespace {

struct spoke {};
struct scored {
    int value;
};
struct elapsed {};
using happening = std::variant<spoke, scored, elapsed>;

policy rules_with(action pregreet, action dnsbl)
{
    policy rules;
    rules.tests[test::pregreet].on_failure = pregreet;
    rules.tests[test::dnsbl].enabled = true;
    rules.tests[test::dnsbl].on_failure = dnsbl;
    rules.dnsbl_threshold = 3;
    rules.dnsbl_allow_threshold = -2;
    return rules;
}

plan every_early_test()
{
    plan what;
    what.todo[test::pregreet] = true;
    what.todo[test::dnsbl] = true;
    return what;
}

plan only(test t)
{
    plan what;
    what.todo[t] = true;
    return what;
}

dnsbl::score score_of(int value)
{
    return {value, true, seconds{300}, "bl.example"};
}

/// A phase under test, and the score that is known when the time is up.
struct run {
    early_phase phase;
    dnsbl::score known{};

    early_step feed(const happening& what)
    {
        if (std::holds_alternative<spoke>(what)) return phase.on_result(test::pregreet, false);
        if (const auto* s = std::get_if<scored>(&what)) {
            known = score_of(s->value);
            return phase.on_score(known);
        }
        return phase.on_greet_wait_elapsed(known, {known.value, known.value});
    }
};

} // namespace

namespace Catch {
template <>
struct StringMaker<early_step> {
    static std::string convert(early_step s)
    {
        constexpr std::array names{"keep_waiting", "drop_client", "run_dialog", "hand_off"};
        return names.at(static_cast<std::size_t>(s));
    }
};
} // namespace Catch

// Tries every order in which three things can happen, with every pair of actions and with a
// score below, at and above the threshold. A phase that has ended takes no more events, so what
// was seen by then decides.
TEST_CASE("early phase: in whatever order things happen, the worst action seen wins", "[screen]")
{
    constexpr std::array actions{action::ignore, action::enforce, action::drop};
    for (const action pregreet : actions)
        for (const action dnsbl : actions)
            for (const int value : {0, 2, 3, 9}) {
                const std::array<happening, 3> all{spoke{}, scored{value}, elapsed{}};
                std::array<std::size_t, 3> order{0, 1, 2};
                do {
                    CAPTURE(static_cast<int>(pregreet), static_cast<int>(dnsbl), value, order);
                    const policy rules = rules_with(pregreet, dnsbl);
                    run one{early_phase{rules, every_early_test()}};
                    auto step = early_step::keep_waiting;
                    std::array<bool, 3> seen{};
                    for (const std::size_t i : order) {
                        if (step != early_step::keep_waiting) break;
                        seen[i] = true;
                        step = one.feed(all[i]);
                    }
                    action worst = action::ignore;
                    if (seen[0]) worst = std::max(worst, pregreet);
                    if (seen[1] && value >= 3) worst = std::max(worst, dnsbl);
                    const auto want = worst == action::drop      ? early_step::drop_client
                                      : worst == action::enforce ? early_step::run_dialog
                                                                 : early_step::hand_off;
                    CHECK(step == want);
                    // Unless a drop or a refusal by the lists cuts it short, it goes on until both
                    // tests are decided.
                    const bool both_decided = seen[2] || (seen[0] && seen[1]);
                    const bool refused_by_lists =
                        seen[1] && value >= 3 && dnsbl == action::enforce && pregreet <= dnsbl;
                    CHECK((worst == action::drop || refused_by_lists || both_decided));
                } while (std::next_permutation(order.begin(), order.end()));
            }
}

TEST_CASE("early phase: a polite client waits the whole greet wait although its score is in",
          "[screen]")
{
    const policy rules = rules_with(action::enforce, action::enforce);
    early_phase phase{rules, every_early_test()};
    CHECK(phase.on_score(score_of(0)) == early_step::keep_waiting);
    CHECK(phase.listens());
    CHECK(phase.on_greet_wait_elapsed({}, {}) == early_step::hand_off);
    CHECK(phase.status(test::pregreet) == early_status::passed);
    CHECK(phase.status(test::dnsbl) == early_status::passed);
    CHECK(phase.score().value == 0);
}

TEST_CASE("early phase: with only the lists left to ask, their answer ends the wait", "[screen]")
{
    const policy rules = rules_with(action::enforce, action::enforce);
    early_phase phase{rules, only(test::dnsbl)};
    CHECK_FALSE(phase.listens());
    CHECK(phase.on_result(test::pregreet, false) ==
          early_step::keep_waiting); // it may: it was not tested
    CHECK(phase.on_score(score_of(2)) == early_step::hand_off);
    CHECK(phase.status(test::pregreet) == early_status::not_wanted);
}

TEST_CASE("early phase: lists that have not answered in time count as nothing", "[screen]")
{
    policy rules = rules_with(action::enforce, action::drop);
    rules.late = late_lists::pass;
    early_phase phase{rules, every_early_test()};
    const dnsbl::score partial{2, false, std::nullopt, "bl.example"};
    CHECK(phase.on_greet_wait_elapsed(partial, {0, 9}) == early_step::hand_off);
    CHECK(phase.dnsbl_ttl() == rules.dnsbl_min_ttl);
}

TEST_CASE("early phase: what the lists said until the time is up counts", "[screen]")
{
    const policy rules = rules_with(action::enforce, action::enforce);
    early_phase phase{rules, every_early_test()};
    CHECK(phase.on_greet_wait_elapsed({3, false, std::nullopt, "bl.example"}, {3, 3}) ==
          early_step::run_dialog);
    CHECK(phase.status(test::dnsbl) == early_status::failed);
}

TEST_CASE("early phase: a score at the allow threshold ends the wait at once", "[screen]")
{
    const policy rules = rules_with(action::enforce, action::enforce);
    for (const auto& [value, want_allowed] : {std::pair{-1, false}, {-2, true}, {-9, true}}) {
        CAPTURE(value);
        early_phase phase{rules, every_early_test()};
        const auto step = phase.on_score(score_of(value));
        CHECK(step == (want_allowed ? early_step::hand_off : early_step::keep_waiting));
        CHECK(phase.allowed_by_score() == want_allowed);
    }
}

TEST_CASE("early phase: an allow threshold of 0 is off", "[screen]")
{
    policy rules = rules_with(action::enforce, action::enforce);
    rules.dnsbl_allow_threshold = 0;
    early_phase phase{rules, every_early_test()};
    CHECK(phase.on_score(score_of(-50)) == early_step::keep_waiting);
    CHECK_FALSE(phase.allowed_by_score());
}

TEST_CASE("early phase: an allow score does not excuse a client that spoke too early", "[screen]")
{
    const policy rules = rules_with(action::enforce, action::enforce);
    early_phase phase{rules, every_early_test()};
    CHECK(phase.on_result(test::pregreet, false) == early_step::keep_waiting);
    CHECK(phase.on_score(score_of(-5)) == early_step::run_dialog);
    CHECK_FALSE(phase.allowed_by_score());
}

TEST_CASE("early phase: a DNSBL pass lasts as long as the answers, within bounds", "[screen]")
{
    struct row {
        const char* title;
        dnsbl::score score;
        seconds want;
    };
    static const row rows[] = {
        {"within the bounds", {0, true, seconds{300}, ""}, seconds{300}},
        {"raised to the minimum", {0, true, seconds{5}, ""}, seconds{60}},
        {"cut at the maximum", {0, true, seconds{86400}, ""}, seconds{3600}},
        {"unknown TTL", {0, true, std::nullopt, ""}, seconds{60}},
        {"a list did not answer", {0, false, seconds{300}, ""}, seconds{60}},
    };
    const policy rules = rules_with(action::enforce, action::enforce);
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.title)
        {
            early_phase phase{rules, every_early_test()};
            (void)phase.on_score(r.score);
            CHECK(phase.dnsbl_ttl() == r.want);
        }
    }
}

TEST_CASE("early phase: speaking twice is no worse than speaking once", "[screen]")
{
    const policy rules = rules_with(action::enforce, action::ignore);
    early_phase phase{rules, every_early_test()};
    CHECK(phase.on_result(test::pregreet, false) == early_step::keep_waiting);
    CHECK_FALSE(phase.listens());
    CHECK(phase.on_result(test::pregreet, false) == early_step::keep_waiting);
    CHECK(phase.on_score(score_of(0)) == early_step::run_dialog);
}

TEST_CASE("early phase: a listed client whose refusal is enforced waits no longer", "[screen]")
{
    for (const action pregreet : {action::ignore, action::enforce}) {
        const policy rules = rules_with(pregreet, action::enforce);
        early_phase phase{rules, every_early_test()};
        CHECK(phase.on_score(score_of(3)) == early_step::run_dialog);
        CHECK(phase.status(test::pregreet) == early_status::excused);
        CHECK_FALSE(phase.allowed_by_score());
    }
}

TEST_CASE("early phase: a listed client waits on while it can still be dropped", "[screen]")
{
    const policy rules = rules_with(action::drop, action::enforce);
    early_phase phase{rules, every_early_test()};
    CHECK(phase.on_score(score_of(3)) == early_step::keep_waiting);
    CHECK(phase.on_result(test::pregreet, false) == early_step::drop_client);
}

TEST_CASE("early phase: a listed client whose listing is ignored waits like others", "[screen]")
{
    const policy rules = rules_with(action::enforce, action::ignore);
    early_phase phase{rules, every_early_test()};
    CHECK(phase.on_score(score_of(3)) == early_step::keep_waiting);
    CHECK(phase.listens());
    CHECK(phase.on_greet_wait_elapsed({}, {}) == early_step::hand_off);
}

TEST_CASE("early phase: what is certain before all lists have answered ends the wait", "[screen]")
{
    struct row {
        const char* title;
        action on_dnsbl;
        int value;
        dnsbl::score_bounds bounds;
        early_step want;
    };
    static const row rows[] = {
        {"listed for certain", action::enforce, 7, {3, 8}, early_step::run_dialog},
        {"dropped for certain", action::drop, 3, {3, 3}, early_step::drop_client},
        {"an allowlist could still help", action::enforce, 7, {2, 8}, early_step::keep_waiting},
        {"allowed for certain", action::enforce, -4, {-4, -2}, early_step::hand_off},
        {"may still be listed", action::enforce, -4, {-4, 3}, early_step::keep_waiting},
        // It has to wait anyway, and a whole score makes the better pass.
        {"passes for certain", action::enforce, 0, {-1, 2}, early_step::keep_waiting},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        const policy rules = rules_with(action::enforce, r.on_dnsbl);
        early_phase phase{rules, every_early_test()};
        const dnsbl::score partial{r.value, false, std::nullopt, "bl.example"};
        CHECK(phase.on_partial_score(partial, r.bounds) == r.want);
        const bool decided = phase.status(test::dnsbl) != early_status::pending;
        CHECK(decided == (r.want != early_step::keep_waiting));
        if (decided) CHECK(phase.score().value == r.value);
    }
}

TEST_CASE("early phase: with nothing else to wait for, a certain pass is passed", "[screen]")
{
    const policy rules = rules_with(action::enforce, action::enforce);
    const dnsbl::score partial{0, false, std::nullopt, ""};
    early_phase phase{rules, only(test::dnsbl)};
    CHECK(phase.on_partial_score(partial, {0, 3}) == early_step::keep_waiting);
    CHECK(phase.on_partial_score(partial, {-1, 2}) == early_step::hand_off);
    CHECK(phase.status(test::dnsbl) == early_status::passed);
    CHECK(phase.dnsbl_ttl() == rules.dnsbl_min_ttl);

    early_phase spoke{rules, every_early_test()};
    CHECK(spoke.on_result(test::pregreet, false) == early_step::keep_waiting);
    CHECK(spoke.on_partial_score(partial, {0, 2}) == early_step::run_dialog);
}

TEST_CASE("early phase: a score that is decided is not decided again", "[screen]")
{
    const policy rules = rules_with(action::enforce, action::ignore);
    early_phase phase{rules, every_early_test()};
    const dnsbl::score partial{3, false, std::nullopt, "bl.example"};
    CHECK(phase.on_partial_score(partial, {3, 9}) == early_step::keep_waiting);
    CHECK(phase.status(test::dnsbl) == early_status::failed);
    CHECK(phase.on_score(score_of(0)) == early_step::keep_waiting);
    CHECK(phase.status(test::dnsbl) == early_status::failed);
    CHECK(phase.on_greet_wait_elapsed(score_of(0), {}) == early_step::hand_off);
}
