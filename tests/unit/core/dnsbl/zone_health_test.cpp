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
    void clients(int count, int listed_percent)
    {
        for (int i = 0; i < count; ++i)
            health.on_client((i + 1) * listed_percent / 100 > i * listed_percent / 100, now);
    }
    static ip_address in_network(unsigned number)
    {
        return ip_address::v4({static_cast<std::uint8_t>(number >> 8),
                               static_cast<std::uint8_t>(number & 0xFF), 2, 1});
    }
    /// Clients that passed before, each from a network of its own.
    void known(unsigned first, unsigned count, unsigned listed_percent)
    {
        for (unsigned i = 0; i < count; ++i)
            health.on_known_client(in_network(first + i),
                                   (i + 1) * listed_percent / 100 > i * listed_percent / 100, now);
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

TEST_CASE("zone health: clients without an answer bring the test forward and suspend nothing",
          "[dnsbl]")
{
    patient p;
    (void)p.test(well);
    p.now += 10s;
    for (int i = 0; i < 10'000; ++i)
        p.health.on_failure(p.now);
    CHECK(p.health.is_good());
    CHECK((p.health.next_test() == p.now));
    p.health.on_test_begun(p.now);
    p.health.on_failure(p.now); // while it runs
    CHECK((p.health.next_test() == tick::max()));
    // The resolver answered nothing meanwhile, so this says nothing.
    p.health.on_test_void(p.now);
    CHECK(p.health.is_good());
    CHECK((p.health.next_test() == p.now + 5s));

    CHECK((p.test(nothing) == health_change::suspended));
    CHECK((p.health.trouble() == zone_trouble::silent));
    CHECK((p.health.next_test() == p.now + 10s));

    // Its entries may come from a cache, so they do not bring it back.
    auto cached = well;
    cached[test_question::nobody] = test_reply::none;
    CHECK((p.test(cached) == health_change::none));
    CHECK((p.health.trouble() == zone_trouble::silent));
    CHECK((p.test(well) == health_change::restored));
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

TEST_CASE("zone health: a list that knows those who always passed spares them and goes on",
          "[dnsbl]")
{
    patient p;
    (void)p.test(well);
    p.now += 10s;
    p.known(0, 140, 0);
    CHECK_FALSE(p.health.spares_known());
    CHECK((p.health.take_remark() == health_remark::none));
    p.known(140, 64, 100);
    CHECK(p.health.spares_known());
    CHECK((p.health.take_remark() == health_remark::known));
    CHECK((p.health.next_test() == p.now));
    CHECK((p.test(well) == health_change::none));
    CHECK(p.health.is_good()); // it goes on counting against strangers
    p.known(300, 30, 0);
    CHECK(p.health.spares_known());
    p.known(330, 20, 0);
    CHECK_FALSE(p.health.spares_known());
}

TEST_CASE("zone health: bots that passed once and come back change nothing", "[dnsbl]")
{
    // Twenty in as many networks, 200 in twenty, and 10,000 in fifty.
    struct row {
        unsigned bots;
        unsigned networks;
    };
    for (const auto& [bots, networks] : {row{20, 20}, row{200, 20}, row{10'000, 50}}) {
        CAPTURE(bots, networks);
        patient p;
        (void)p.test(well);
        p.known(0, 1000, 5);
        for (unsigned bot = 0; bot < bots; ++bot)
            p.health.on_known_client(patient::in_network(2000 + bot % networks), true, p.now);
        CHECK(p.health.is_good());
        CHECK_FALSE(p.health.spares_known());
    }
}
