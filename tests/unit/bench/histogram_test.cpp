// SPDX-License-Identifier: Apache-2.0
#include "storm/histogram.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <limits>

namespace fendmail::storm {
namespace {

TEST_CASE("an empty histogram says 0 to everything")
{
    const histogram none;
    CHECK(none.count() == 0);
    CHECK(none.percentile(50) == 0);
    CHECK(none.smallest() == 0);
    CHECK(none.largest() == 0);
    CHECK(none.mean() == 0);
}

TEST_CASE("small values are counted exactly")
{
    histogram counted;
    for (std::uint64_t value = 1; value <= 200; ++value)
        counted.add(value);
    CHECK(counted.percentile(50) == 100);
    CHECK(counted.percentile(99) == 198);
    CHECK(counted.percentile(100) == 200);
    CHECK(counted.percentile(0) == 1);
    CHECK(counted.mean() == 100.5);
}

TEST_CASE("a percentile is never below the true value and at most one percent above")
{
    for (std::uint64_t value = 1; value < std::uint64_t{1} << 62; value = value * 3 + 1) {
        histogram counted;
        counted.add(value);
        counted.add(std::numeric_limits<std::uint64_t>::max());
        const auto found = counted.percentile(50);
        CAPTURE(value, found);
        CHECK(found >= value);
        CHECK(static_cast<double>(found - value) <= 0.01 * static_cast<double>(value));
    }
}

TEST_CASE("values at the borders of powers of two keep their order")
{
    for (unsigned bit = 7; bit < 64; ++bit) {
        const std::uint64_t border = std::uint64_t{1} << bit;
        histogram counted;
        counted.add(border - 1);
        counted.add(border);
        counted.add(border);
        CAPTURE(bit);
        CHECK(counted.percentile(33) == border - 1);
        CHECK(counted.percentile(66) == border);
    }
}

TEST_CASE("the last percentile is the largest value and not the end of its bucket")
{
    histogram counted;
    counted.add(1'000'001);
    CHECK(counted.percentile(99.9) == 1'000'001);
}

TEST_CASE("merged histograms are as if one had counted all")
{
    histogram left;
    histogram right;
    histogram both;
    for (std::uint64_t value = 3; value < 5'000'000; value = value * 5 / 4 + 1) {
        (value % 2 == 0 ? left : right).add(value);
        both.add(value);
    }
    left.merge(right);
    left.merge(histogram{});
    CHECK(left.count() == both.count());
    CHECK(left.smallest() == both.smallest());
    CHECK(left.largest() == both.largest());
    for (double percent = 0; percent <= 100; percent += 2.5)
        CHECK(left.percentile(percent) == both.percentile(percent));
}

} // namespace
} // namespace fendmail::storm
