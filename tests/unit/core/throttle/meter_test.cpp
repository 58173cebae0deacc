// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/throttle/meter.hpp"

#include "support/catch.hpp"

#include <bit>
#include <map>
#include <random>
#include <set>

using namespace fendmail;
using namespace fendmail::throttle;
using namespace std::chrono_literals;

namespace {

constexpr meter::seed secret{0x0123456789abcdefULL, 0xfedcba9876543210ULL};
const tick start = tick{} + 1000h;

network v4(std::uint32_t number)
{
    const auto octet = [number](int shift) { return static_cast<std::uint8_t>(number >> shift); };
    return {ip_address::v4({octet(24), octet(16), octet(8), octet(0)}), 32};
}

network v6(std::uint64_t number)
{
    std::array<std::uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8};
    for (std::size_t i = 0; i < 4; ++i)
        octets[4 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    return {ip_address::v6(octets), 64};
}

/// Takes until it is refused.
unsigned take_all(meter& of, const network& net, tick now)
{
    unsigned count = 0;
    while (of.take(net, now))
        ++count;
    return count;
}

} // namespace

TEST_CASE("meter: every network has a budget of its own", "[throttle]")
{
    meter of{{3, 3s}, 1024, secret};
    // The same octets in another family or length are another network.
    const network nets[] = {v4(0xc0000201), v4(0xc0000202), {v4(0xc0000200).address, 24},
                            v6(1),          v6(2),          {v6(1).address, 56}};
    for (const network& net : nets) {
        CAPTURE(to_text(net));
        CHECK(of.free_at(net, start) == start);
        CHECK(take_all(of, net, start) == 3);
        CHECK(of.free_at(net, start) == start + 1s);
    }
    CHECK(of.busy(start) == std::size(nets));
    CHECK(of.take(nets[0], start + 1s));
    CHECK_FALSE(of.take(nets[0], start + 1s));
    CHECK(of.busy(start + 10s) == 0);
    CHECK(of.evicted_busy() == 0);
}

TEST_CASE("meter: a budget that is off keeps nobody", "[throttle]")
{
    meter of{{}, 1024, secret};
    CHECK(of.places() == 0);
    for (int i = 0; i < 100; ++i)
        CHECK(of.take(v4(1), start));
    CHECK(of.free_at(v4(1), start) == start);
    CHECK(of.busy(start) == 0);
}

TEST_CASE("meter: it has the places that it was given, and never fewer than two groups",
          "[throttle]")
{
    CHECK(meter{{1, 1s}, 65536, secret}.places() == 65536);
    CHECK(meter{{1, 1s}, 100, secret}.places() == 96);
    CHECK(meter{{1, 1s}, 0, secret}.places() == 16);
}

TEST_CASE("meter: while there is room it does what a table without bounds does", "[throttle]")
{
    const budget each{4, 2s};
    meter of{each, 4096, secret};
    std::map<network, spending> reference;
    std::mt19937 random{1};
    std::uniform_int_distribution<std::uint32_t> who{0, 999};
    std::uniform_int_distribution<int> gap{0, 3};
    tick now = start;
    for (int i = 0; i < 200'000; ++i) {
        now += milliseconds{gap(random)};
        const std::uint32_t number = who(random);
        const network net = number % 2 == 0 ? v4(number) : v6(number);
        auto& expected = reference[net];
        REQUIRE(of.free_at(net, now) == expected.free_at(each, now));
        REQUIRE(of.take(net, now) == expected.take(each, now));
    }
    CHECK(of.evicted_busy() == 0);
}

TEST_CASE("meter: it can be filled almost to the last place before anybody gives way", "[throttle]")
{
    // Also by networks that differ in few bits, which a poor hash would put together.
    for (const int shift : {0, 8, 16}) {
        CAPTURE(shift);
        meter of{{1, 1h}, 65536, secret};
        const auto places = static_cast<std::uint32_t>(of.places());
        std::uint32_t next = 0;
        const auto fill_to = [&](std::uint32_t count) {
            for (; next < count; ++next)
                CHECK(of.take(v4(std::rotl(next, shift)), start));
        };
        fill_to(places * 3 / 4);
        CHECK(of.evicted_busy() <= places / 10'000);
        fill_to(places * 9 / 10);
        CHECK(of.evicted_busy() <= places / 100);
        CHECK(of.busy(start) + of.evicted_busy() == next);
    }
}

TEST_CASE("meter: another seed brings other networks together", "[throttle]")
{
    // Who is left when many more came than there are places tells the groups.
    const auto survivors = [](const meter::seed& seed) {
        meter of{{1, 1h}, 64, seed};
        for (std::uint32_t i = 0; i < 256; ++i)
            CHECK(of.take(v4(i), start));
        std::set<std::uint32_t> kept;
        for (std::uint32_t i = 0; i < 256; ++i)
            if (of.free_at(v4(i), start) != start) kept.insert(i);
        CHECK(kept.size() == 64);
        return kept;
    };
    CHECK(survivors(secret) == survivors(secret));
    CHECK(survivors(secret) != survivors({secret[0] + 1, secret[1]}));
    CHECK(survivors(secret) != survivors({secret[0], secret[1] + 1}));
}

TEST_CASE("meter: a flood of networks frees nobody who has spent his budget", "[throttle]")
{
    const budget each{20, 10s};
    meter of{each, 4096, secret};
    std::vector<network> spenders;
    for (std::uint32_t i = 0; i < 100; ++i)
        spenders.push_back(v6(i));
    for (const network& net : spenders)
        CHECK(take_all(of, net, start) == 20);
    std::mt19937_64 random{3};
    const std::size_t places = of.places();
    constexpr int flood = 1'000'000;
    // Within half a second: by then one of the twenty is free again, and no more.
    for (int i = 0; i < flood; ++i)
        (void)of.take(v4(static_cast<std::uint32_t>(random())), start + i * 499ns);
    CHECK(of.places() == places);
    CHECK(of.busy(start + 499ms) == places);
    CHECK(of.evicted_busy() > flood / 2);
    for (const network& net : spenders)
        CHECK_FALSE(of.take(net, start + 499ms));
}

TEST_CASE("meter: whoever gives way gets at most one burst more for each time", "[throttle]")
{
    const budget each{5, 5s};
    meter of{each, 16, secret};
    const network mine = v4(0);
    std::mt19937 random{5};
    std::uniform_int_distribution<std::uint32_t> other{1, 200};
    std::uniform_int_distribution<int> who{0, 3};
    tick now = start;
    std::uint64_t taken = 0;
    for (int i = 0; i < 100'000; ++i) {
        now += 1ms;
        if (who(random) == 0)
            taken += of.take(mine, now) ? 1 : 0;
        else
            (void)of.take(v4(other(random)), now);
    }
    const auto by_time = each.count + static_cast<std::uint64_t>((now - start) / each.interval());
    CHECK(taken <= by_time + of.evicted_busy() * each.count);
    CHECK(of.evicted_busy() > 0);
    CHECK(of.places() == 16);
}
