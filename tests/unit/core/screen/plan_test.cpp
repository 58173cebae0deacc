// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/plan.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::screen;

namespace {

constexpr instant now{seconds{1'800'000'000}};

policy with_lists()
{
    policy rules;
    rules.tests[test::dnsbl].enabled = true;
    return rules;
}

client_record record(instant pregreet, instant dnsbl)
{
    client_record r;
    r.expires_at[test::pregreet] = pregreet;
    r.expires_at[test::dnsbl] = dnsbl;
    return r;
}

} // namespace

TEST_CASE("plan: a test runs when it is on and the client has no pass that still holds", "[screen]")
{
    struct row {
        const char* title;
        std::optional<client_record> known;
        bool want_pregreet;
        bool want_dnsbl;
    };
    static const row rows[] = {
        {"a new client takes every test", std::nullopt, true, true},
        {"both passes hold", record(now + seconds{1}, now + seconds{1}), false, false},
        {"a pass holds in its last second", record(now, now), false, false},
        {"both have expired", record(now - seconds{1}, now - seconds{1}), true, true},
        {"one has expired", record(now + seconds{1}, now - seconds{1}), false, true},
        {"never passed", record(client_record::never_passed, now), true, false},
        {"was off when the record was written", record(now, client_record::was_disabled), false,
         true},
    };
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.title)
        {
            const auto what = make_plan(with_lists(), r.known, now);
            CHECK(what.todo[test::pregreet] == r.want_pregreet);
            CHECK(what.todo[test::dnsbl] == r.want_dnsbl);
            CHECK_FALSE(what.todo[test::pipelining]);
            CHECK(what.is_empty() == !(r.want_pregreet || r.want_dnsbl));
            CHECK(what.has_early() == (r.want_pregreet || r.want_dnsbl));
        }
    }
}

TEST_CASE("plan: with every test off there is nothing to do even for a new client", "[screen]")
{
    policy rules;
    rules.tests[test::pregreet].enabled = false;
    CHECK(make_plan(rules, std::nullopt, now).is_empty());
}

TEST_CASE("plan: a deep test alone is no early test", "[screen]")
{
    policy rules;
    rules.tests[test::pregreet].enabled = false;
    rules.tests[test::bare_newline].enabled = true;
    const auto what = make_plan(rules, std::nullopt, now);
    CHECK_FALSE(what.is_empty());
    CHECK_FALSE(what.has_early());
}
