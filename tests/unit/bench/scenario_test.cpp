// SPDX-License-Identifier: Apache-2.0
#include "storm/scenario.hpp"
#include "support/catch.hpp"

#include <numeric>
#include <vector>

namespace fendmail::storm {
namespace {

TEST_CASE("the shares of each scenario are those of any hundred clients in a row")
{
    for (const auto& what : scenarios()) {
        std::vector<unsigned> seen(what.groups.size());
        for (std::uint64_t n = 250; n < 350; ++n)
            ++seen[group_of(what, n)];
        CAPTURE(what.name);
        CHECK(std::accumulate(seen.begin(), seen.end(), 0U) == 100);
        for (std::size_t i = 0; i < seen.size(); ++i)
            CHECK(seen[i] == what.groups[i].percent);
    }
}

TEST_CASE("no group of the mix comes in one lump")
{
    const auto mix = find_scenario("mix");
    REQUIRE(mix.has_value());
    bool saw_clean = false;
    for (std::uint64_t n = 0; n < 50; ++n)
        saw_clean = saw_clean || mix->groups[group_of(*mix, n)].name == "clean";
    CHECK(saw_clean);
}

TEST_CASE("a scenario is found by its name only")
{
    CHECK(find_scenario("mail-10m")->name == "mail-10m");
    CHECK_FALSE(find_scenario("mail").has_value());
    CHECK_FALSE(find_scenario("").has_value());
}

TEST_CASE("sources are given out in turn and begin again")
{
    auto pool = source_pool::make(0x7f0100ff, 3);
    REQUIRE(pool.has_value());
    CHECK(pool->next() == 0x7f0100ff);
    CHECK(pool->next() == 0x7f010100);
    CHECK(pool->next() == 0x7f010101);
    CHECK(pool->next() == 0x7f0100ff);
}

TEST_CASE("half of a burst is listed and half is not, and both say all that it takes to be judged")
{
    const auto burst = find_scenario("both");
    REQUIRE(burst.has_value());
    REQUIRE(burst->groups.size() == 2);
    for (const auto& each : burst->groups) {
        CAPTURE(each.name);
        CHECK(each.role == role::sender);
        CHECK(each.is_listed == (each.name == "listed"));
    }
    for (const std::uint64_t count : {200U, 600U, 12'000U}) {
        std::uint64_t listed = 0;
        for (std::uint64_t n = 0; n < count; ++n)
            listed += group_of(*burst, n) == 0 ? 1 : 0;
        CAPTURE(count);
        CHECK(listed * 2 == count);
    }
}

TEST_CASE("sources may lie a network apart")
{
    auto pool = source_pool::make(0x7f010001, 2, 256);
    REQUIRE(pool.has_value());
    CHECK(pool->next() == 0x7f010001);
    CHECK(pool->next() == 0x7f010101);
    CHECK(pool->next() == 0x7f010001);
}

TEST_CASE("sources never leave loopback")
{
    CHECK_FALSE(source_pool::make(0x7f000000, 1).has_value());
    CHECK(source_pool::make(0x7f000001, 1).has_value());
    CHECK(source_pool::make(0x7ffffffe, 1).has_value());
    CHECK_FALSE(source_pool::make(0x7ffffffe, 2).has_value());
    CHECK_FALSE(source_pool::make(0x80000000, 1).has_value());
    CHECK_FALSE(source_pool::make(0x0a000001, 1).has_value());
    CHECK_FALSE(source_pool::make(0x7f000001, 0).has_value());
    CHECK_FALSE(source_pool::make(0x7f000001, 0xffffffff).has_value());
    CHECK_FALSE(source_pool::make(0x7f000001, 1, 0).has_value());
    CHECK(source_pool::make(0x7ffffefe, 2, 256).has_value());
    CHECK_FALSE(source_pool::make(0x7ffffeff, 2, 256).has_value());
    CHECK_FALSE(source_pool::make(0x7f000001, 3, 0x7fffffff).has_value());
}

} // namespace
} // namespace fendmail::storm
