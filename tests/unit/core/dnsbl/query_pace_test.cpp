// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/query_pace.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using dnsbl::query_pace;

namespace {

constexpr tick start{std::chrono::hours{1}};

/// So many queries in each of so many windows, evenly spread. @return the end of the last one
tick ask(query_pace& pace, std::size_t a_window, int windows, tick from = start)
{
    const auto step = tick_span{query_pace::window} / static_cast<int>(a_window);
    for (int w = 0; w < windows; ++w)
        for (std::size_t n = 0; n < a_window; ++n)
            pace.on_query(from + w * query_pace::window + static_cast<int>(n) * step);
    return from + windows * query_pace::window - tick_span{1};
}

} // namespace

TEST_CASE("query pace: a query alone is not fast, nor are a few in each window", "[dnsbl]")
{
    query_pace pace;
    CHECK_FALSE(pace.is_fast(start));
    CHECK_FALSE(pace.is_fast(ask(pace, query_pace::fast - 1, 5)));
}

TEST_CASE("query pace: it is fast as soon as many have come in one window", "[dnsbl]")
{
    query_pace pace;
    for (std::size_t n = 1; n <= query_pace::fast; ++n) {
        pace.on_query(start);
        CHECK(pace.is_fast(start) == (n == query_pace::fast));
    }
}

TEST_CASE("query pace: once fast it stays so down to half of that", "[dnsbl]")
{
    query_pace pace;
    const tick fast_until = ask(pace, query_pace::fast, 1) + tick_span{1};
    CHECK(pace.is_fast(ask(pace, query_pace::slow, 5, fast_until)));
    const tick slow_from = fast_until + 5 * query_pace::window;
    const tick end = ask(pace, query_pace::slow - 1, 1, slow_from);
    CHECK(pace.is_fast(end));
    CHECK_FALSE(pace.is_fast(end + tick_span{1}));
}

TEST_CASE("query pace: a pause ends it, however fast it was before", "[dnsbl]")
{
    query_pace pace;
    const tick end = ask(pace, 10 * query_pace::fast, 1);
    CHECK(pace.is_fast(end));
    CHECK_FALSE(pace.is_fast(end + 2 * query_pace::window));
}
