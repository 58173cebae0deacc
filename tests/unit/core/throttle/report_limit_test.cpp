// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/throttle/report_limit.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <optional>

namespace fendmail {
namespace {

constexpr std::chrono::seconds interval{10};

} // namespace

TEST_CASE("report limit: the first is reported at any time", "[throttle]")
{
    CHECK(report_limit{interval}.on_occurrence(tick{}) == 0);
    CHECK(report_limit{interval}.on_occurrence(tick::min()) == 0);
    CHECK(report_limit{interval}.on_occurrence(tick{} - interval) == 0);
}

TEST_CASE("report limit: within the interval they are suppressed, then counted in the next report",
          "[throttle]")
{
    report_limit limit{interval};
    const tick begin{std::chrono::hours{1}};
    CHECK(limit.on_occurrence(begin) == 0);
    CHECK(limit.on_occurrence(begin) == std::nullopt);
    CHECK(limit.on_occurrence(begin + interval - tick_span{1}) == std::nullopt);
    CHECK(limit.on_occurrence(begin + interval) == 2);
    CHECK(limit.on_occurrence(begin + 2 * interval) == 0);
}

TEST_CASE("report limit: the interval begins with a report, not with what is suppressed",
          "[throttle]")
{
    report_limit limit{interval};
    CHECK(limit.on_occurrence(tick{}) == 0);
    for (int second = 1; second < 10; ++second)
        CHECK(limit.on_occurrence(tick{std::chrono::seconds{second}}) == std::nullopt);
    CHECK(limit.on_occurrence(tick{interval}) == 9);
}

TEST_CASE("report limit: after a reset the next is the first", "[throttle]")
{
    report_limit limit{interval};
    CHECK(limit.on_occurrence(tick{}) == 0);
    CHECK(limit.on_occurrence(tick{}) == std::nullopt);
    limit.reset();
    CHECK(limit.on_occurrence(tick{}) == 0);
    CHECK(limit.on_occurrence(tick{}) == std::nullopt);
}

} // namespace fendmail
