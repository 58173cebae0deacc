// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/command.hpp"

#include <benchmark/benchmark.h>
#include <string>
#include <string_view>

namespace fendmail::smtp {
namespace {

void parse_one(benchmark::State& state, std::string_view line)
{
    for (auto _ : state) {
        benchmark::DoNotOptimize(line);
        benchmark::DoNotOptimize(parse_command(line));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(parse_one, first_of_the_table, "EHLO mail.example.org");
BENCHMARK_CAPTURE(parse_one, mail, "MAIL FROM:<bounces+12345@lists.example.org> SIZE=10240");
BENCHMARK_CAPTURE(parse_one, lower_case, "rcpt to:<somebody@example.com>");
BENCHMARK_CAPTURE(parse_one, last_of_the_table, "XFORWARD ADDR=192.0.2.1");
BENCHMARK_CAPTURE(parse_one, unknown, "GET / HTTP/1.1");

void longest_line(benchmark::State& state)
{
    const std::string line(2048, 'X');
    for (auto _ : state)
        benchmark::DoNotOptimize(parse_command(line));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(longest_line);

} // namespace
} // namespace fendmail::smtp
