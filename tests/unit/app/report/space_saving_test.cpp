// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/space_saving.hpp"

#include "support/catch.hpp"

#include <map>
#include <random>

using fendmail::app::space_saving;

TEST_CASE("space saving: counts are exact while there is a counter for each", "[report]")
{
    space_saving<int> some{100};
    for (int i = 1; i <= 20; ++i)
        for (int n = 0; n < i; ++n)
            some.add(i, n % 2 == 0);
    const auto top = some.top(3);
    REQUIRE(top.size() == 3);
    CHECK(top[0].key == 20);
    CHECK(top[0].count == 20);
    CHECK(top[0].marked == 10);
    CHECK(top[0].error == 0);
    CHECK(top[2].key == 18);
    CHECK(some.top(1000).size() == 20);
}

TEST_CASE("space saving: frequent ones are found among many, within their error", "[report]")
{
    constexpr std::size_t counters = 50;
    constexpr int all = 200'000;
    space_saving<int> some{counters};
    std::map<int, std::uint64_t> exact;
    std::minstd_rand random{7};
    for (int i = 0; i < all; ++i) {
        // A tenth of it is each of three, the rest is of a million different ones.
        const auto dice = random() % 10;
        const int key =
            dice < 3 ? static_cast<int>(dice) : 1000 + static_cast<int>(random() % 1'000'000);
        some.add(key, key == 1);
        ++exact[key];
    }
    CHECK(some.size() == counters);
    for (const auto& one : some.top(3)) {
        CHECK(one.key < 3);
        CHECK(one.count >= exact[one.key]);
        CHECK(one.count - one.error <= exact[one.key]);
        CHECK(one.error <= all / counters);
        CHECK(one.marked <= one.count);
    }
    for (const auto& one : some.top(counters)) {
        CHECK(one.count >= exact[one.key]);
        CHECK(one.count - one.error <= exact[one.key]);
    }
}

TEST_CASE("space saving: one counter counts all", "[report]")
{
    space_saving<int> one{1};
    for (int i = 0; i < 10; ++i)
        one.add(i, false);
    const auto top = one.top(5);
    REQUIRE(top.size() == 1);
    CHECK(top[0].key == 9);
    CHECK(top[0].count == 10);
    CHECK(top[0].error == 9);
}
