// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/abuse/shared_meter.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <fmt/format.h>
#include <map>
#include <random>
#include <thread>
#include <vector>

using namespace fendmail;
using namespace fendmail::app;
using namespace std::chrono_literals;
using std::chrono::hours;

namespace {

constexpr throttle::hash_seed secret{1, 2};
constexpr tick start = tick{} + 1000h;

network net(std::uint32_t number)
{
    return network_of(
        ip_address::v4({10, static_cast<std::uint8_t>(number >> 16),
                        static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}),
        32);
}

} // namespace

TEST_CASE("shared meter: it does what a table without bounds does", "[rates]")
{
    // An interval that is a whole number of its steps, so that nothing is rounded.
    const budget each{4, 2s};
    shared_meter of{each, 65536, secret, start};
    std::map<network, spending> reference;
    std::mt19937 random{1};
    tick now = start;
    for (int i = 0; i < 200'000; ++i) {
        now += milliseconds{random() % 4};
        const auto who = net(random() % 1000);
        REQUIRE(of.press(who, now) == reference[who].press(each, now));
    }
    CHECK(of.evicted_busy() == 0);
}

TEST_CASE("shared meter: threads that press one network together get what one would", "[rates]")
{
    const budget each{500, 1h};
    shared_meter of{each, 1024, secret, start};
    std::atomic<int> given{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 10'000; ++i) {
                if (of.press(net(7), start)) ++given;
                (void)of.press(net(1000 + static_cast<std::uint32_t>(t)), start);
            }
        });
    for (auto& one : threads)
        one.join();
    CHECK(given == 500);
}

TEST_CASE("shared meter: who has spent all stays, whatever many others do", "[rates]")
{
    const budget each{20, 10s};
    shared_meter of{each, 1024, secret, start};
    const auto bot = net(1);
    for (int i = 0; i < 100; ++i)
        (void)of.press(bot, start);
    for (std::uint32_t i = 100; i < 200'000; ++i)
        (void)of.press(net(i), start);
    CHECK_FALSE(of.press(bot, start));
    CHECK(of.evicted_busy() > 0);
}

TEST_CASE("shared meter: a clock that goes round and long silence free all", "[rates]")
{
    const budget each{2, 10s};
    shared_meter of{each, 64, secret, start};
    for (const hours later : {hours{1}, 24h * 24, 24h * 25, 24h * 400}) {
        const tick now = start + later;
        CHECK(of.press(net(5), now));
        CHECK(of.press(net(5), now));
        CHECK_FALSE(of.press(net(5), now));
    }
}

TEST_CASE("shared meter: a rate that is off counts nothing", "[rates]")
{
    shared_meter of{{}, 64, secret, start};
    for (int i = 0; i < 1000; ++i)
        CHECK(of.press(net(5), start));
}
