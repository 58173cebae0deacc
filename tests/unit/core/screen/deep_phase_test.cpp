// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/deep_phase.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::screen;
using smtp::on_fault;

namespace {

policy rules_with(action all)
{
    policy rules;
    for (const test t : all_tests)
        if (!is_early(t)) rules.tests[t].on_failure = all;
    return rules;
}

plan asking_for(std::initializer_list<test> tests)
{
    plan out;
    for (const test t : tests)
        out.todo[t] = true;
    return out;
}

const plan everything = asking_for({test::pipelining, test::non_smtp_command, test::bare_newline});

} // namespace

TEST_CASE("deep tests: only what the plan asks for is looked for", "[screen]")
{
    const policy rules = rules_with(action::enforce);
    const deep_phase phase{rules, asking_for({test::bare_newline}), false};
    CHECK(phase.faults()[smtp::fault::bare_newline] == on_fault::refuse);
    CHECK(phase.faults()[smtp::fault::pipelining] == on_fault::unwatched);
    CHECK(phase.faults()[smtp::fault::non_smtp_command] == on_fault::unwatched);
}

TEST_CASE("deep tests: with a rejected client everything is looked for", "[screen]")
{
    const policy rules;
    const deep_phase phase{rules, plan{}, true};
    CHECK(phase.faults()[smtp::fault::bare_newline] == on_fault::tell);
    CHECK(phase.faults()[smtp::fault::pipelining] == on_fault::refuse);
    CHECK(phase.faults()[smtp::fault::non_smtp_command] == on_fault::end);
}

TEST_CASE("deep tests: the first recipient passes what has found nothing", "[screen]")
{
    const policy rules = rules_with(action::enforce);
    deep_phase phase{rules, everything, false};
    CHECK_FALSE(phase.is_passed());
    phase.on_recipient();
    CHECK(phase.is_passed());
    CHECK_FALSE(phase.has_failed());
    CHECK(phase.status(test::pipelining) == deep_status::passed);
    CHECK(phase.status(test::dnsbl) == deep_status::not_wanted);
}

TEST_CASE("deep tests: a fault fails the test whether it comes before or after a recipient",
          "[screen]")
{
    const policy rules = rules_with(action::enforce);
    for (const bool recipient_first : {false, true}) {
        CAPTURE(recipient_first);
        deep_phase phase{rules, everything, false};
        if (recipient_first) phase.on_recipient();
        phase.on_fault(test::pipelining);
        phase.on_recipient();
        CHECK(phase.status(test::pipelining) == deep_status::failed);
        CHECK(phase.status(test::bare_newline) == deep_status::passed);
        CHECK(phase.has_failed());
        CHECK_FALSE(phase.is_passed());
    }
}

TEST_CASE("deep tests: an ignored fault is tolerated, before and after a recipient", "[screen]")
{
    const policy rules = rules_with(action::ignore);
    for (const bool recipient_first : {false, true}) {
        CAPTURE(recipient_first);
        deep_phase phase{rules, everything, false};
        if (recipient_first) phase.on_recipient();
        phase.on_fault(test::bare_newline);
        phase.on_recipient();
        CHECK(phase.status(test::bare_newline) == deep_status::tolerated);
        CHECK(phase.is_passed());
        CHECK_FALSE(phase.has_failed());
    }
}

TEST_CASE("policy: the shortest pass is what an ignored deep failure earns", "[screen]")
{
    policy rules;
    CHECK(rules.shortest_ttl() == seconds{60});
    rules.tests[test::bare_newline].ttl = seconds{7};
    CHECK(rules.shortest_ttl() == seconds{7});
    rules.dnsbl_min_ttl = seconds{3};
    CHECK(rules.shortest_ttl() == seconds{3});
}
