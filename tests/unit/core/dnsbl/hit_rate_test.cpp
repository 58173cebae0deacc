// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/hit_rate.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using dnsbl::hit_rate;
using dnsbl::hit_rate_limits;

namespace {

/// `percent` of `clients`, evenly spread.
void feed(hit_rate& rate, int clients, int percent)
{
    for (int i = 0; i < clients; ++i)
        rate.on_client((i + 1) * percent / 100 > i * percent / 100);
}

} // namespace

TEST_CASE("hit rate: a leap to nearly everybody is absurd", "[dnsbl]")
{
    hit_rate rate{{}};
    feed(rate, 300, 30);
    CHECK_FALSE(rate.is_absurd());
    CHECK(rate.baseline() == Approx(0.3).margin(0.02));
    int needed = 0;
    for (; needed < 100 && !rate.is_absurd(); ++needed)
        rate.on_client(true);
    CHECK(needed >= 40);
    CHECK(needed <= 50);
}

TEST_CASE("hit rate: what is usual is not absurd", "[dnsbl]")
{
    struct row {
        const char* title;
        int before;
        int now;
    };
    const row rows[] = {
        {"a list that knows most bots, in a wave", 70, 100},
        {"a wave among which are others", 40, 90},
        {"nobody is listed any more", 60, 0},
        {"quiet", 0, 0},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        hit_rate rate{{}};
        feed(rate, 600, r.before);
        for (int i = 0; i < 200; ++i) {
            feed(rate, 10, r.now);
            CHECK_FALSE(rate.is_absurd());
        }
    }
}

TEST_CASE("hit rate: without a time before it nothing is absurd", "[dnsbl]")
{
    hit_rate rate{{}};
    // From the first client on: it is not known whether it was ever otherwise.
    for (int i = 0; i < 1000; ++i) {
        rate.on_client(true);
        CHECK_FALSE(rate.is_absurd());
    }
    hit_rate young{{}};
    feed(young, 70, 0);
    feed(young, 79, 100);
    CHECK_FALSE(young.is_absurd()); // the window is full, with 99 clients before it
    young.on_client(true);
    CHECK(young.is_absurd());
}

TEST_CASE("hit rate: what goes on for long is the new baseline", "[dnsbl]")
{
    hit_rate rate{{}};
    feed(rate, 600, 30);
    feed(rate, 60, 100);
    CHECK(rate.is_absurd());
    feed(rate, 600, 100);
    CHECK_FALSE(rate.is_absurd());
    CHECK(rate.baseline() > 0.6);
}

TEST_CASE("hit rate: calm is less than half of a window that says something", "[dnsbl]")
{
    hit_rate_limits limits;
    limits.window = 20;
    hit_rate rate{limits};
    CHECK_FALSE(rate.is_calm());
    feed(rate, 20, 100);
    CHECK_FALSE(rate.is_calm());
    rate.forget_window();
    CHECK(rate.recent() == 0);
    feed(rate, 9, 0);
    CHECK_FALSE(rate.is_calm());
    rate.on_client(false);
    CHECK(rate.is_calm());
    feed(rate, 10, 100);
    CHECK_FALSE(rate.is_calm());
}
