// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/last_hour.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::app;

namespace {

metrics::totals sums(std::uint64_t allowlisted, std::uint64_t refused = 0)
{
    metrics::totals all;
    all.verdicts[0] = allowlisted;
    all.refusals[1] = refused;
    return all;
}

} // namespace

TEST_CASE("last hour: each minute is what came in it, the last one so far", "[observe]")
{
    last_hour hour;
    CHECK(hour.points(sums(7)).back().verdicts[0] == 7);
    hour.note(sums(10, 1));
    hour.note(sums(10, 1));
    hour.note(sums(15, 4));
    const auto points = hour.points(sums(16, 4));
    CHECK(points[59].verdicts[0] == 1);
    CHECK(points[58].verdicts[0] == 5);
    CHECK(points[58].refused == 3);
    CHECK(points[57].verdicts[0] == 0);
    CHECK(points[56].verdicts[0] == 10);
    CHECK(points[56].refused == 1);
    CHECK(points[55].verdicts[0] == 0);
}

TEST_CASE("last hour: what is older is gone", "[observe]")
{
    last_hour hour;
    for (std::uint64_t minute = 1; minute <= 200; ++minute)
        hour.note(sums(minute * 10));
    const auto points = hour.points(sums(2003));
    CHECK(points.front().verdicts[0] == 10);
    CHECK(points[58].verdicts[0] == 10);
    CHECK(points.back().verdicts[0] == 3);
}
