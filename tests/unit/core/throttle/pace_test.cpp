// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/throttle/pace.hpp"

#include "support/catch.hpp"

using namespace fendmail;

namespace {

constexpr std::size_t fast = 20;
constexpr std::size_t slow = fast / 2;
constexpr tick start{std::chrono::hours{1}};

/// So many events in each of so many windows, evenly spread. @return the end of the last one
tick send(pace& counted, std::size_t a_window, int windows, tick from = start)
{
    const auto step = tick_span{pace::window} / static_cast<int>(a_window);
    for (int w = 0; w < windows; ++w)
        for (std::size_t n = 0; n < a_window; ++n)
            counted.on_event(from + w * pace::window + static_cast<int>(n) * step);
    return from + windows * pace::window - tick_span{1};
}

} // namespace

TEST_CASE("pace: an event alone is not fast, nor are a few in each window", "[time]")
{
    pace counted{fast};
    CHECK_FALSE(counted.is_fast(start));
    CHECK_FALSE(counted.is_fast(send(counted, fast - 1, 5)));
}

TEST_CASE("pace: it is fast as soon as many have come in one window", "[time]")
{
    pace counted{fast};
    for (std::size_t n = 1; n <= fast; ++n) {
        counted.on_event(start);
        CHECK(counted.is_fast(start) == (n == fast));
    }
}

TEST_CASE("pace: once fast it stays so down to half of that", "[time]")
{
    pace counted{fast};
    const tick fast_until = send(counted, fast, 1) + tick_span{1};
    CHECK(counted.is_fast(send(counted, slow, 5, fast_until)));
    const tick slow_from = fast_until + 5 * pace::window;
    const tick end = send(counted, slow - 1, 1, slow_from);
    CHECK(counted.is_fast(end));
    CHECK_FALSE(counted.is_fast(end + tick_span{1}));
}

TEST_CASE("pace: a pause ends it, however fast it was before", "[time]")
{
    pace counted{fast};
    const tick end = send(counted, 10 * fast, 1);
    CHECK(counted.is_fast(end));
    CHECK_FALSE(counted.is_fast(end + 2 * pace::window));
}
