// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/throttle/budget.hpp"

#include "support/catch.hpp"

#include <deque>
#include <random>

using namespace fendmail;
using namespace std::chrono_literals;

namespace {

const tick start = tick{} + 1000h;

} // namespace

TEST_CASE("budgets: a count in a time, as an admin writes it", "[budget]")
{
    struct row {
        const char* text;
        budget want;
    };
    static const row rows[] = {
        {"", {0, 0ms}},
        {"1/1ms", {1, 1ms}},
        {"20/10s", {20, 10s}},
        {"300000/1d", {300000, 24h}},
        {"1000/1ms", {1000, 1ms}}, // a million a second
        {"4294967295/36500d", {4294967295U, std::chrono::days{36500}}},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        const auto got = parse_budget(r.text);
        REQUIRE(got.has_value());
        CHECK(*got == r.want);
        CHECK(to_text(*got) == r.text);
        CHECK(got->is_off() == std::string_view{r.text}.empty());
    }
}

TEST_CASE("budgets: what is none is refused", "[budget]")
{
    for (const char* text :
         {"20",         "20/",      "/10s",   "/",       "0/10s",   "-1/10s",        "+1/10s",
          " 1/10s",     "1 /10s",   "1/ 10s", "1/10s ",  "1/10",    "1/0s",          "1/-1s",
          "1.5/1s",     "1/1.5s",   "1//1s",  "1/1s/1s", "0x10/1s", "4294967296/1d", "1001/1ms",
          "1000001/1s", "1/36501d", "a/10s",  "1/s",     "off"}) {
        CAPTURE(text);
        const auto got = parse_budget(text);
        REQUIRE_FALSE(got.has_value());
        CHECK(got.error() == error::bad_budget);
    }
}

TEST_CASE("budgets: a burst at once, then one each interval", "[budget]")
{
    const budget of{3, 3s};
    spending mine;
    CHECK(mine.is_idle(start));
    CHECK(mine.free_at(of, start) == start);
    for (std::uint32_t i = 0; i < 3; ++i) {
        CHECK(mine.spent(of, start) == i);
        CHECK(mine.take(of, start));
    }
    CHECK(mine.spent(of, start) == 3);
    CHECK_FALSE(mine.take(of, start));
    CHECK(mine.free_at(of, start) == start + 1s);
    CHECK_FALSE(mine.take(of, start + 1s - 1ns)); // and what is refused costs nothing
    CHECK(mine.take(of, start + 1s));
    CHECK_FALSE(mine.take(of, start + 1s));
    CHECK(mine.spent(of, start + 1s) == 3);
    CHECK(mine.spent(of, start + 2s) == 2);
    CHECK_FALSE(mine.is_idle(start + 4s - 1ns));
    CHECK(mine.is_idle(start + 4s));
    CHECK(mine.spent(of, start + 4s) == 0);
    // Idle time is not saved up.
    for (int i = 0; i < 3; ++i)
        CHECK(mine.take(of, start + 1h));
    CHECK_FALSE(mine.take(of, start + 1h));
}

TEST_CASE("budgets: one that is off never ends", "[budget]")
{
    spending mine;
    for (int i = 0; i < 1000; ++i)
        CHECK(mine.take({}, start));
    CHECK(mine.is_idle(start));
    CHECK(mine.spent({}, start) == 0);
    CHECK(mine.free_at({}, start) == start);
}

TEST_CASE("budgets: in no span is more taken than the budget says, and no less is possible",
          "[budget]")
{
    // Counts that do not divide their time, too.
    for (const budget of : {budget{1, 1s}, budget{3, 1s}, budget{7, 100ms}, budget{20, 10s}}) {
        CAPTURE(to_text(of));
        std::mt19937 random{7};
        std::uniform_int_distribution<int> gap{0, 400};
        spending mine;
        std::deque<tick> taken;
        tick now = start;
        for (int i = 0; i < 20000; ++i) {
            now += milliseconds{gap(random)} * of.per.count() / 10000;
            const tick free = mine.free_at(of, now);
            const bool took = mine.take(of, now);
            CHECK(took == (free == now));
            if (!took) continue;
            taken.push_back(now);
            if (taken.size() <= of.count) continue;
            // One more than the count spans at least one interval for what is more.
            CHECK(now - taken.front() >= of.interval());
            taken.pop_front();
        }
        // Over the whole: the burst, and one each interval.
        const auto most = of.count + (now - start) / of.interval() + 1;
        CHECK(taken.size() <= static_cast<std::size_t>(most));
    }
}

TEST_CASE("budgets: who asks on although it is refused gets nothing until it slows down",
          "[budget]")
{
    const budget of{20, 10s};
    spending mine;
    tick now = start;
    for (int i = 0; i < 20; ++i) {
        now += 10ms;
        CHECK(mine.press(of, now));
    }
    CHECK_FALSE(mine.press(of, now));
    for (int i = 0; i < 1000; ++i) { // an hour and more would be the same
        now += 499ms;
        REQUIRE_FALSE(mine.press(of, now));
    }
    now += 500ms; // as fast as the budget allows, and no faster
    CHECK(mine.press(of, now));
    CHECK_FALSE(mine.press(of, now + 1ms));
    // After as long as the budget counts all of it is free again.
    now += 11s;
    for (int i = 0; i < 20; ++i)
        CHECK(mine.press(of, now));
    CHECK_FALSE(mine.press(of, now));
}

TEST_CASE("budgets: pressed no faster than it allows, a budget never refuses", "[budget]")
{
    for (const budget of : {budget{1, 1s}, budget{20, 10s}, budget{7, 1000ms}}) {
        spending mine;
        tick now = start;
        for (int i = 0; i < 500; ++i) {
            REQUIRE(mine.press(of, now));
            now += of.interval();
        }
    }
}
