// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/scoreboard.hpp"

#include <array>
#include <benchmark/benchmark.h>
#include <cstddef>
#include <cstdint>
#include <fmt/format.h>
#include <vector>

namespace fendmail::dnsbl {
namespace {

site_set made_of(std::int64_t zones)
{
    std::vector<site> all;
    for (std::int64_t i = 0; i < zones; ++i)
        // Two sites a zone, as one configures those that tell several things in one answer.
        for (const auto* filter : {"127.0.0.[2..3]*2", "127.0.0.[4..11]*1"})
            if (const auto parsed = parse_site(fmt::format("bl{}.example={}", i, filter)))
                all.push_back(*parsed);
    return make_site_set(all, {});
}

/// All that is done with the answers about one client.
void one_client(benchmark::State& state, const zone_answer& answer)
{
    const auto sites = made_of(state.range(0));
    if (sites.zones.size() != static_cast<std::size_t>(state.range(0)))
        return state.SkipWithError("the sites are not what was meant");
    for (auto _ : state) {
        scoreboard board{sites};
        for (std::size_t zone = 0; zone < sites.zones.size(); ++zone) {
            board.on_answer(zone, answer);
            benchmark::DoNotOptimize(certainty_of(board.bounds(), {.threshold = 1000}));
        }
        benchmark::DoNotOptimize(board.current());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

const std::array<ip_address, 2> listings{ip_address::v4({127, 0, 0, 2}),
                                         ip_address::v4({127, 0, 0, 10})};

BENCHMARK_CAPTURE(one_client, clean,
                  zone_answer{.what = zone_answer::outcome::not_found, .ttl = seconds{60}})
    ->Arg(4)
    ->Arg(16);
BENCHMARK_CAPTURE(one_client, listed,
                  zone_answer{.what = zone_answer::outcome::found,
                              .addresses = listings,
                              .ttl = seconds{60}})
    ->Arg(4)
    ->Arg(16);

} // namespace
} // namespace fendmail::dnsbl
