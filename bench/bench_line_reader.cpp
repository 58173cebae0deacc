// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/line_reader.hpp"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstddef>
#include <string>
#include <string_view>

namespace fendmail::smtp {
namespace {

/// The default of dialog.line_limit.
constexpr std::size_t max_text = 2048;
constexpr std::string_view dialog = "EHLO mail.example.org\r\n"
                                    "MAIL FROM:<bounces+12345@lists.example.org> SIZE=10240\r\n"
                                    "RCPT TO:<somebody@example.com>\r\n"
                                    "DATA\r\n"
                                    "QUIT\r\n";
constexpr std::int64_t dialog_lines = 5;

/// A whole dialog, in reads of so many octets; 0 is all at once.
void whole_dialog(benchmark::State& state)
{
    const auto piece =
        state.range(0) == 0 ? dialog.size() : static_cast<std::size_t>(state.range(0));
    for (auto _ : state) {
        line_reader reader{max_text};
        for (std::size_t at = 0; at < dialog.size(); at += piece) {
            reader.feed(dialog.substr(at, piece));
            while (const auto found = reader.next())
                benchmark::DoNotOptimize(found->text.data());
        }
    }
    state.SetItemsProcessed(state.iterations() * dialog_lines);
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(dialog.size()));
}
BENCHMARK(whole_dialog)->Arg(0)->Arg(16)->Arg(1);

/// What a hostile client can make us do for each octet it sends.
void hostile(benchmark::State& state, std::string_view pattern)
{
    std::string octets;
    while (octets.size() < 16384)
        octets += pattern;
    line_reader reader{max_text};
    for (auto _ : state) {
        reader.feed(octets);
        while (const auto found = reader.next())
            benchmark::DoNotOptimize(found->text.data());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(octets.size()));
}
BENCHMARK_CAPTURE(hostile, line_without_end, "x");
BENCHMARK_CAPTURE(hostile, empty_lines, "\n");
BENCHMARK_CAPTURE(hostile, bare_crs, "\r");
BENCHMARK_CAPTURE(hostile, crs_and_lfs, "\r\r\n");

} // namespace
} // namespace fendmail::smtp
