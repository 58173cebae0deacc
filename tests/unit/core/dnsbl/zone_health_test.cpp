// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/zone_health.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace fendmail;
using namespace std::chrono_literals;
using dnsbl::health_change;
using dnsbl::health_remark;
using dnsbl::test_question;
using dnsbl::test_reply;
using dnsbl::zone_health;
using dnsbl::zone_trouble;

namespace {

const tick start{1000s};

dnsbl::site_set::zone_entry zone_of(const char* text)
{
    return dnsbl::make_site_set({*dnsbl::parse_site(text)}, {}).zones.front();
}

dnsbl::test_replies replies(test_reply entry, test_reply others)
{
    dnsbl::test_replies all;
    for (const auto what : dnsbl::all_test_questions)
        all[what] = others;
    all[test_question::entry] = entry;
    all[test_question::no_such_name] = test_reply::unlisted;
    return all;
}
const auto well = replies(test_reply::listed, test_reply::unlisted);
const auto no_entry = replies(test_reply::unlisted, test_reply::unlisted);
const auto world = replies(test_reply::listed, test_reply::listed);
const auto refused = replies(test_reply::error_code, test_reply::error_code);
const dnsbl::test_replies nothing{};

/// A list, its health, and a clock.
struct patient {
    explicit patient(const char* text = "bl.test")
        : zone{zone_of(text)}
        , health{zone, dnsbl::health_timing{}}
    {
    }
    health_change test(const dnsbl::test_replies& found)
    {
        health.on_test_begun(now);
        return health.on_test(found, now);
    }
    void clients(int count, int listed_percent, bool known = false)
    {
        for (int i = 0; i < count; ++i)
            health.on_client((i + 1) * listed_percent / 100 > i * listed_percent / 100, known, now);
    }

    dnsbl::site_set::zone_entry zone;
    zone_health health;
    tick now = start;
};

} // namespace

TEST_CASE("zone health: tested at once, then at its interval", "[dnsbl]")
{
    patient p;
    CHECK((p.health.next_test() <= p.now));
    CHECK(p.health.is_good());
    CHECK(p.health.is_asked());
    p.health.on_test_begun(p.now);
    CHECK((p.health.next_test() == tick::max()));
    CHECK((p.health.on_test(well, p.now) == health_change::none));
    CHECK((p.health.next_test() == p.now + 5min));
}

TEST_CASE("zone health: a bad test suspends, and the first good one restores", "[dnsbl]")
{
    patient p;
    CHECK((p.test(world) == health_change::suspended));
    CHECK((p.health.trouble() == zone_trouble::lists_everybody));
    CHECK_FALSE(p.health.is_good());
    CHECK_FALSE(p.health.is_asked());
    CHECK((p.health.since() == start));
    CHECK((p.health.next_test() == p.now + 10s));
    p.now += 10s;
    CHECK((p.test(refused) == health_change::none)); // told once
    CHECK((p.health.trouble() == zone_trouble::refuses));
    CHECK((p.health.since() == start));
    p.now += 20s;
    CHECK((p.test(well) == health_change::restored));
    CHECK(p.health.is_good());
    CHECK((p.health.next_test() == p.now + 5min));
}

TEST_CASE("zone health: tests of a list in trouble grow rarer, to a limit", "[dnsbl]")
{
    patient p;
    CHECK((p.test(nothing) == health_change::suspended));
    for (const auto want : {10s, 20s, 40s, 60s, 60s}) {
        CHECK((p.health.next_test() == p.now + want));
        p.now = p.health.next_test();
        (void)p.test(nothing);
    }
    (void)p.test(well);
    (void)p.test(nothing);
    CHECK((p.health.next_test() == p.now + 10s));
    CHECK((dnsbl::timing_for(1s).retry_min == 1s));
    CHECK((dnsbl::timing_for(1s).retry_max == 1s));
    CHECK((dnsbl::timing_for(1s).spacing == 1s));
    CHECK((dnsbl::timing_for(1h).retry_max == 60s));
}

TEST_CASE("zone health: failures in a row mean that a list is dead", "[dnsbl]")
{
    patient p;
    (void)p.test(well);
    for (int round = 0; round < 3; ++round) {
        for (int i = 1; i < zone_health::failures_max; ++i)
            CHECK((p.health.on_failure(p.now) == health_change::none));
        CHECK((p.health.on_client(false, false, p.now) == health_change::none));
    }
    for (int i = 1; i < zone_health::failures_max; ++i)
        CHECK((p.health.on_failure(p.now) == health_change::none));
    CHECK((p.health.on_failure(p.now) == health_change::suspended));
    CHECK((p.health.trouble() == zone_trouble::silent));
    CHECK_FALSE(p.health.is_asked());
    CHECK((p.health.next_test() == p.now + 10s)); // half-open
    CHECK((p.health.on_failure(p.now) == health_change::none));

    // Its entries may come from a cache, so they do not bring it back.
    auto cached = well;
    cached[test_question::nobody] = test_reply::none;
    CHECK((p.test(cached) == health_change::none));
    CHECK((p.health.trouble() == zone_trouble::silent));
    CHECK((p.test(well) == health_change::restored));
    // And it begins anew.
    CHECK((p.health.on_failure(p.now) == health_change::none));
}

TEST_CASE("zone health: the test entry is missed only where it once was", "[dnsbl]")
{
    patient unknown;
    CHECK((unknown.test(no_entry) == health_change::none));
    CHECK((unknown.health.take_remark() == health_remark::no_entry));
    CHECK((unknown.health.take_remark() == health_remark::none));
    (void)unknown.test(no_entry);
    CHECK((unknown.health.take_remark() == health_remark::none)); // once
    (void)unknown.test(well);
    CHECK((unknown.test(no_entry) == health_change::suspended));
    CHECK((unknown.health.trouble() == zone_trouble::lists_nothing));

    patient documented{"zen.spamhaus.org"};
    CHECK((documented.test(no_entry) == health_change::suspended));

    patient allows{"wl.test*-1"};
    CHECK((allows.test(no_entry) == health_change::none));
    CHECK((allows.health.take_remark() == health_remark::none));

    patient untested{"list.dnswl.org*2"};
    (void)untested.test(well);
    CHECK((untested.test(no_entry) == health_change::none));
    CHECK((untested.health.take_remark() == health_remark::none));
}

TEST_CASE("zone health: an odd answer is followed by a test soon, but not at once again", "[dnsbl]")
{
    patient p;
    (void)p.test(well);
    p.now += 1s;
    p.health.on_odd_answer(p.now);
    CHECK((p.health.next_test() == start + 5s));
    p.now += 1min;
    p.health.on_odd_answer(p.now);
    CHECK((p.health.next_test() == start + 5s));
    (void)p.test(well);
    p.now += 1min;
    p.health.on_odd_answer(p.now);
    CHECK((p.health.next_test() == p.now));
    p.health.on_test_begun(p.now);
    p.health.on_odd_answer(p.now); // while it runs
    CHECK((p.health.next_test() == tick::max()));
}

TEST_CASE("zone health: a refuted listing suspends before the whole test", "[dnsbl]")
{
    patient p;
    (void)p.test(well);
    p.now += 1s;
    CHECK((p.health.on_refuted(zone_trouble::lists_everybody, p.now) == health_change::suspended));
    CHECK_FALSE(p.health.is_good());
    CHECK((p.health.next_test() == p.now));
    CHECK((p.test(well) == health_change::restored));
}

TEST_CASE("zone health: a wave of bots leads to a test and a remark, not to trouble", "[dnsbl]")
{
    patient p;
    (void)p.test(well);
    p.now += 10s;
    p.clients(300, 40);
    CHECK((p.health.next_test() == start + 5min));
    p.clients(60, 100);
    CHECK((p.health.next_test() == p.now));
    CHECK((p.test(well) == health_change::none));
    CHECK((p.health.take_remark() == health_remark::wave));
    p.clients(30, 100);
    CHECK((p.health.next_test() == p.now + 5min)); // known by now
    CHECK((p.health.take_remark() == health_remark::none));
}

TEST_CASE("zone health: a list that knows those who always passed is not believed", "[dnsbl]")
{
    patient p;
    (void)p.test(well);
    p.clients(100, 5, true);
    p.clients(25, 100, true);
    CHECK((p.health.next_test() == start + 5s)); // not too soon after the last one
    p.now += 5s;
    CHECK((p.test(well) == health_change::suspended));
    CHECK((p.health.trouble() == zone_trouble::lists_known_clients));
    CHECK(p.health.is_asked()); // only clients can end it
    CHECK_FALSE(p.health.is_good());
    CHECK((p.test(well) == health_change::none));
    p.clients(20, 100, true);
    CHECK_FALSE(p.health.is_good());
    auto change = health_change::none;
    for (int i = 0; i < 20 && change == health_change::none; ++i)
        change = p.health.on_client(false, true, p.now);
    CHECK((change == health_change::restored));
    CHECK(p.health.is_good());
}

TEST_CASE("zone health: known clients of whom some are listed are no trouble", "[dnsbl]")
{
    patient p;
    (void)p.test(well);
    p.clients(200, 10, true);
    p.clients(100, 60, true);
    CHECK((p.test(well) == health_change::none));
    CHECK(p.health.is_good());
}
