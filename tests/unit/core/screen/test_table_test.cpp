// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/test.hpp"

#include "fendmail/core/screen/deep_phase.hpp"
#include "fendmail/core/screen/early_phase.hpp"

#include "support/catch.hpp"

#include <set>
#include <string_view>

using namespace fendmail;
using namespace fendmail::screen;

TEST_CASE("tests: the first five are postscreen's, in the order of its cache", "[screen]")
{
    CHECK(static_cast<int>(test::pregreet) == 0);
    CHECK(static_cast<int>(test::dnsbl) == 1);
    CHECK(static_cast<int>(test::pipelining) == 2);
    CHECK(static_cast<int>(test::non_smtp_command) == 3);
    CHECK(static_cast<int>(test::bare_newline) == 4);
}

TEST_CASE("tests: each has words of its own, and a deep one a fault of its own", "[screen]")
{
    std::set<std::string_view> names;
    std::set<std::string_view> words;
    for (const test t : all_tests) {
        CAPTURE(to_string(t));
        CHECK(names.insert(to_string(t)).second);
        CHECK(words.insert(row_of(t).log_words).second);
        if (!is_early(t)) CHECK(test_of(fault_of(t)) == t);
    }
    CHECK(test_of(smtp::fault::own_helo) == test::dnsbl);
}

TEST_CASE("tests: an early one that finds its own result passes or fails by its action", "[screen]")
{
    policy rules;
    plan what;
    what.todo[test::pregreet] = true;
    what.todo[test::dnsbl] = true;

    early_phase passes{rules, what};
    CHECK(passes.on_result(test::pregreet, true) == early_step::keep_waiting); // for the score
    CHECK(passes.status(test::pregreet) == early_status::passed);
    // Its first result counts.
    CHECK(passes.on_result(test::pregreet, false) == early_step::keep_waiting);
    CHECK(passes.status(test::pregreet) == early_status::passed);
    CHECK(passes.on_score({}) == early_step::hand_off);

    rules.tests[test::pregreet].on_failure = action::drop;
    early_phase fails{rules, what};
    CHECK(fails.on_result(test::pregreet, false) == early_step::drop_client);
    CHECK(fails.has_failed());
}
