// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/round_trip.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace std::chrono_literals;
using dns::round_trip;

TEST_CASE("round trip: before the first answer the time-out is the one for unknown servers",
          "[dns]")
{
    const round_trip times;
    CHECK_FALSE(times.is_known());
    CHECK((times.timeout() == 400ms));
}

TEST_CASE("round trip: the first answer sets it, later ones move it (RFC 6298)", "[dns]")
{
    round_trip times;
    times.on_sample(100ms);
    CHECK((times.smoothed() == 100ms));
    CHECK((times.timeout() == 300ms)); // 100 + 4 * 50
    times.on_sample(100ms);
    CHECK((times.timeout() == 250ms)); // the deviation falls by a quarter
    times.on_sample(180ms);
    CHECK((times.smoothed() == 110ms));
}

TEST_CASE("round trip: it stays within its limits, whatever comes", "[dns]")
{
    round_trip times;
    for (int i = 0; i < 100; ++i)
        times.on_sample(100us);
    CHECK((times.timeout() == 50ms));
    times.on_sample(1h);
    CHECK((times.timeout() <= 2s));
    for (int i = 0; i < 100; ++i)
        times.on_sample(1h);
    CHECK((times.timeout() == 2s));
    for (int i = 0; i < 100; ++i)
        times.on_sample(1ms);
    CHECK((times.timeout() == 50ms)); // and forgets
    times.on_sample(-1s);             // a clock that goes back
    CHECK((times.timeout() == 50ms));
}
