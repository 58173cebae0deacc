// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/early_phase.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <array>

using namespace fendmail;
using namespace fendmail::screen;

// What becomes of a client when its greet wait ends before its lists have answered.
namespace {

policy rules_with(action pregreet, action dnsbl, late_lists late = late_lists::wait)
{
    policy rules;
    rules.tests[test::pregreet].on_failure = pregreet;
    rules.tests[test::dnsbl].enabled = true;
    rules.tests[test::dnsbl].on_failure = dnsbl;
    rules.dnsbl_threshold = 3;
    rules.dnsbl_allow_threshold = -2;
    rules.late = late;
    return rules;
}

plan every_early_test()
{
    plan what;
    what.todo[test::pregreet] = true;
    what.todo[test::dnsbl] = true;
    return what;
}

dnsbl::score partial(int value)
{
    return {value, false, std::nullopt, "bl.example"};
}

/// Two block lists of weights 2 and 1 and an allow list of -2, each of which lists the client or
/// not. What happens besides: it speaks, its greet wait ends, the time for lists ends.
enum class happening : std::uint8_t { heavy, light, allow, spoke, elapsed, overdue };
constexpr std::array every_happening{happening::heavy, happening::light,   happening::allow,
                                     happening::spoke, happening::elapsed, happening::overdue};
constexpr std::array weights{2, 1, -2};
using listings = std::array<bool, 3>;

struct lists {
    listings listed{};
    std::array<bool, 3> answered{};

    [[nodiscard]] bool are_done() const { return std::ranges::all_of(answered, std::identity{}); }
    [[nodiscard]] int value() const
    {
        int sum = 0;
        for (std::size_t i = 0; i < weights.size(); ++i)
            if (answered[i] && listed[i]) sum += weights[i];
        return sum;
    }
    [[nodiscard]] dnsbl::score_bounds bounds() const
    {
        dnsbl::score_bounds out{value(), value()};
        for (std::size_t i = 0; i < weights.size(); ++i)
            if (!answered[i]) (weights[i] < 0 ? out.lowest : out.highest) += weights[i];
        return out;
    }
    [[nodiscard]] dnsbl::score score() const
    {
        return {value(), are_done(), std::nullopt, "bl.example"};
    }
};

/// One client, to which things happen until something is decided.
struct course {
    const policy& rules;
    lists of;
    early_phase phase{rules, every_early_test()};
    early_step step = early_step::keep_waiting;
    bool elapsed = false;
    bool overdue = false;
    bool spoke = false;

    void feed(happening what)
    {
        switch (what) {
        case happening::heavy:
        case happening::light:
        case happening::allow:
            of.answered[static_cast<std::size_t>(what)] = true;
            step = of.are_done() ? phase.on_score(of.score())
                                 : phase.on_partial_score(of.score(), of.bounds());
            break;
        case happening::spoke:
            spoke = spoke || phase.listens();
            step = phase.on_result(test::pregreet, false);
            break;
        case happening::elapsed:
            elapsed = true;
            step = phase.on_greet_wait_elapsed(of.score(), of.bounds());
            break;
        case happening::overdue:
            overdue = true;
            step = phase.on_lists_overdue(of.score());
            break;
        }
    }

    [[nodiscard]] action on_failure(test t) const { return rules.tests[t].on_failure; }

    /// Beyond the greet wait only for what could end worse.
    void check_wait() const
    {
        CHECK(phase.waits_for_late_lists() == elapsed);
        if (!elapsed) return;
        CHECK(rules.late == late_lists::wait);
        CHECK(of.bounds().highest >= 3);
        CHECK(on_failure(test::dnsbl) != action::ignore);
        CHECK_FALSE(overdue);
    }

    void check_end() const
    {
        const bool counts = on_failure(test::dnsbl) != action::ignore;
        if (rules.late == late_lists::wait && step == early_step::hand_off && !overdue)
            CHECK_FALSE((counts && of.bounds().highest >= 3));
        if (counts && of.are_done() && of.value() >= 3) CHECK(step != early_step::hand_off);
        if (spoke && on_failure(test::pregreet) != action::ignore)
            CHECK(step != early_step::hand_off);
        if (elapsed && !spoke) CHECK(phase.status(test::pregreet) != early_status::failed);
    }

    /// @return false when this order cannot be: the lists' time does not end before the greet wait
    [[nodiscard]] bool run(const std::array<happening, 6>& order)
    {
        for (const happening what : order) {
            if (what == happening::overdue && !elapsed) return false;
            feed(what);
            if (step != early_step::keep_waiting) return true;
            check_wait();
        }
        return true;
    }
};

} // namespace

// Every order of six events, for every combination of listings, of actions, and both ways: what
// must hold of each of these runs whatever happens in it.
TEST_CASE("early phase: in no order is a client handed on that a missing list could refuse",
          "[screen]")
{
    constexpr std::array actions{action::ignore, action::enforce, action::drop};
    std::size_t late_ends = 0;
    for (const auto late : {late_lists::wait, late_lists::pass})
        for (const action pregreet : actions)
            for (const action dnsbl : actions)
                for (unsigned mask = 0; mask < 8; ++mask) {
                    const policy rules = rules_with(pregreet, dnsbl, late);
                    auto order = every_happening;
                    do {
                        CAPTURE(static_cast<int>(late), static_cast<int>(pregreet),
                                static_cast<int>(dnsbl), mask);
                        course one{rules,
                                   {{(mask & 1) != 0, (mask & 2) != 0, (mask & 4) != 0}, {}}};
                        if (!one.run(order)) continue;
                        CHECK(one.step != early_step::keep_waiting); // all has happened
                        one.check_end();
                        if (one.overdue) ++late_ends;
                    } while (std::next_permutation(order.begin(), order.end()));
                }
    CHECK(late_ends > 0); // or the whole table has missed what it is about
}

TEST_CASE("early phase: beyond the greet wait a client stays until lists cannot refuse it",
          "[screen]")
{
    struct row {
        const char* title;
        dnsbl::score_bounds elapsed; ///< when the greet wait ends
        dnsbl::score_bounds then;    ///< when some list has answered
        int value;
        early_step want;
    };
    static const row rows[] = {
        {"it is listed now", {0, 3}, {3, 3}, 3, early_step::run_dialog},
        {"it could be still", {0, 9}, {0, 3}, 0, early_step::keep_waiting},
        {"it cannot be any more", {0, 3}, {0, 2}, 0, early_step::hand_off},
        {"only an allow list is missing", {-4, 3}, {-4, 2}, 0, early_step::hand_off},
        {"it is allowed now", {-4, 3}, {-4, -2}, -4, early_step::hand_off},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        const policy rules = rules_with(action::enforce, action::enforce);
        early_phase phase{rules, every_early_test()};
        CHECK(phase.on_greet_wait_elapsed(partial(0), r.elapsed) == early_step::keep_waiting);
        CHECK(phase.status(test::pregreet) == early_status::passed);
        CHECK(phase.waits_for_late_lists());
        CHECK_FALSE(phase.listens());
        CHECK(phase.on_result(test::pregreet, false) == early_step::keep_waiting); // it may by now
        CHECK(phase.on_partial_score(partial(r.value), r.then) == r.want);
        CHECK(phase.waits_for_late_lists() == (r.want == early_step::keep_waiting));
    }
}

TEST_CASE("early phase: when lists have had their time, the score that is there counts", "[screen]")
{
    for (const int value : {0, 2, 3}) {
        CAPTURE(value);
        const policy rules = rules_with(action::enforce, action::enforce);
        early_phase phase{rules, every_early_test()};
        CHECK(phase.on_greet_wait_elapsed(partial(value), {value - 2, value + 3}) ==
              early_step::keep_waiting);
        CHECK(phase.on_lists_overdue(partial(value)) ==
              (value < 3 ? early_step::hand_off : early_step::run_dialog));
        CHECK(phase.score().value == value);
        CHECK(phase.dnsbl_ttl() == rules.dnsbl_min_ttl); // the pass is a short one
    }
}

TEST_CASE("early phase: at the end of the greet wait a client goes that lists cannot harm",
          "[screen]")
{
    struct row {
        const char* title;
        action on_dnsbl;
        late_lists late;
        int value;
        dnsbl::score_bounds bounds;
        early_step want;
    };
    static const row rows[] = {
        {"the missing weigh too little",
         action::enforce,
         late_lists::wait,
         0,
         {0, 2},
         early_step::hand_off},
        {"none is missing, or those that are have failed",
         action::enforce,
         late_lists::wait,
         2,
         {2, 2},
         early_step::hand_off},
        {"a listing is ignored", action::ignore, late_lists::wait, 0, {0, 9}, early_step::hand_off},
        {"late lists are not waited for",
         action::drop,
         late_lists::pass,
         0,
         {0, 9},
         early_step::hand_off},
        {"it is listed for certain",
         action::enforce,
         late_lists::wait,
         3,
         {3, 9},
         early_step::run_dialog},
        {"it stays", action::enforce, late_lists::wait, 0, {0, 3}, early_step::keep_waiting},
        {"it stays, listed though not for certain",
         action::drop,
         late_lists::wait,
         3,
         {1, 3},
         early_step::keep_waiting},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        const policy rules = rules_with(action::enforce, r.on_dnsbl, r.late);
        early_phase phase{rules, every_early_test()};
        CHECK(phase.on_greet_wait_elapsed(partial(r.value), r.bounds) == r.want);
    }
}

TEST_CASE("early phase: a client that is refused for speaking early stays only to be dropped",
          "[screen]")
{
    for (const action on_dnsbl : {action::enforce, action::drop}) {
        const policy rules = rules_with(action::enforce, on_dnsbl);
        early_phase phase{rules, every_early_test()};
        CHECK(phase.on_result(test::pregreet, false) == early_step::keep_waiting);
        const bool can_end_worse = on_dnsbl == action::drop;
        CHECK(phase.on_greet_wait_elapsed(partial(0), {0, 9}) ==
              (can_end_worse ? early_step::keep_waiting : early_step::run_dialog));
        if (can_end_worse)
            CHECK(phase.on_score({3, true, seconds{300}, "bl.example"}) == early_step::drop_client);
    }
}
