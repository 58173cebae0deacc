// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/feed/content.hpp"
#include "fendmail/core/feed/range_set.hpp"

#include <benchmark/benchmark.h>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace fendmail::feed {
namespace {

ip_address random_v4(std::mt19937& random)
{
    const auto bits = random();
    return ip_address::v4({static_cast<std::uint8_t>(bits >> 24),
                           static_cast<std::uint8_t>(bits >> 16),
                           static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)});
}

std::string random_file(std::int64_t count)
{
    std::mt19937 random{1};
    std::string text;
    for (std::int64_t i = 0; i < count; ++i)
        text += to_text(random_v4(random)) + "\n";
    return text;
}

/// From the text of a file to what clients are looked up in.
void load(benchmark::State& state)
{
    const auto text = random_file(state.range(0));
    for (auto _ : state) {
        const range_set set{parse(text, format::cidr).networks};
        benchmark::DoNotOptimize(set.size());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(load)->Arg(1000)->Arg(100000)->Arg(1000000)->Unit(benchmark::kMillisecond);

void find_client(benchmark::State& state)
{
    const range_set set{parse(random_file(state.range(0)), format::cidr).networks};
    std::mt19937 random{2};
    std::vector<ip_address> clients;
    for (std::size_t i = 0; i < 65536; ++i)
        clients.push_back(random_v4(random));
    std::size_t next = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(set.contains(clients[next++ % clients.size()]));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_client)->Arg(1000)->Arg(100000)->Arg(1000000);

} // namespace
} // namespace fendmail::feed
