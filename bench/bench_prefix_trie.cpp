// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/acl/prefix_trie.hpp"

#include <benchmark/benchmark.h>
#include <cstdint>
#include <random>
#include <vector>

namespace fendmail::acl {
namespace {

ip_address random_v4(std::mt19937& random)
{
    const auto bits = random();
    return ip_address::v4({static_cast<std::uint8_t>(bits >> 24),
                           static_cast<std::uint8_t>(bits >> 16),
                           static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)});
}

std::vector<network> random_nets(std::int64_t count)
{
    std::mt19937 random{1};
    std::vector<network> made;
    while (static_cast<std::int64_t>(made.size()) < count) {
        const auto length = static_cast<unsigned>(16 + random() % 17);
        made.push_back({random_v4(random).masked(length), static_cast<std::uint8_t>(length)});
    }
    return made;
}

void insert_all(benchmark::State& state)
{
    const auto nets = random_nets(state.range(0));
    for (auto _ : state) {
        prefix_trie trie;
        for (const auto& net : nets)
            trie.insert(net, 0);
        benchmark::DoNotOptimize(trie.size());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(insert_all)->Arg(1000)->Arg(100000)->Unit(benchmark::kMillisecond);

/// Half of the clients are in a network, half are strangers.
void find_client(benchmark::State& state)
{
    const auto nets = random_nets(state.range(0));
    prefix_trie trie;
    for (const auto& net : nets)
        trie.insert(net, 0);
    std::mt19937 random{2};
    std::vector<ip_address> clients;
    for (std::size_t i = 0; i < 4096; ++i)
        clients.push_back(i % 2 == 0 ? random_v4(random) : nets[random() % nets.size()].address);
    std::size_t next = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(trie.find(clients[next++ % clients.size()]));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_client)->Arg(10)->Arg(1000)->Arg(100000);

} // namespace
} // namespace fendmail::acl
