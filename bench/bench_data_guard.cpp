// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/data_guard.hpp"

#include <benchmark/benchmark.h>
#include <cstddef>
#include <string>
#include <string_view>

namespace fendmail::smtp {
namespace {

/// As much as the relay reads at once.
constexpr std::size_t read_octets = 16384;
constexpr std::size_t message_octets = 10'000'000;

/// Lines of `line_octets` of text and <CRLF> up to the size of a large mail.
std::string message_of(std::size_t line_octets)
{
    const std::string line = std::string(line_octets, 'x') + "\r\n";
    std::string made;
    while (made.size() < message_octets)
        made += line;
    return made + ".\r\n";
}

void one_mail(benchmark::State& state)
{
    const std::string message = message_of(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        data_guard guard;
        benchmark::DoNotOptimize(guard.on_client("DATA\r\n"));
        benchmark::DoNotOptimize(guard.on_backend("354 go\r\n"));
        for (std::string_view left = message; !left.empty();)
            left.remove_prefix(guard.on_client(left.substr(0, read_octets)).forward.size());
        if (guard.fault() || guard.in_message()) state.SkipWithError("the mail did not pass");
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(message.size()));
}
BENCHMARK(one_mail)->Arg(70)->Arg(76)->Arg(998)->Arg(20)->Arg(0)->Unit(benchmark::kMillisecond);

/// What a hostile client can make us do for each octet: lines that must be looked at one by one.
void dots_and_nuls(benchmark::State& state)
{
    std::string message;
    while (message.size() < message_octets)
        message += std::string{".\0\0\0\0\0\0x\r\n", 10};
    for (auto _ : state) {
        data_guard guard;
        benchmark::DoNotOptimize(guard.on_client("DATA\r\n"));
        benchmark::DoNotOptimize(guard.on_backend("354 go\r\n"));
        for (std::string_view left = message; !left.empty();)
            left.remove_prefix(guard.on_client(left.substr(0, read_octets)).forward.size());
        if (guard.fault() || !guard.in_message()) state.SkipWithError("it did not pass");
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(message.size()));
}
BENCHMARK(dots_and_nuls)->Unit(benchmark::kMillisecond);

void commands(benchmark::State& state)
{
    std::string lines;
    while (lines.size() < read_octets)
        lines += "RCPT TO:<somebody@example.com>\r\n";
    for (auto _ : state) {
        data_guard guard;
        benchmark::DoNotOptimize(guard.on_client(lines));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(lines.size()));
}
BENCHMARK(commands);

void replies(benchmark::State& state)
{
    std::string lines = "250-mx.example.com\r\n";
    while (lines.size() < read_octets)
        lines += "250-ENHANCEDSTATUSCODES\r\n";
    lines += "250 CHUNKING\r\n";
    for (auto _ : state) {
        data_guard guard;
        benchmark::DoNotOptimize(guard.on_client("EHLO a\r\n"));
        benchmark::DoNotOptimize(guard.on_backend(lines));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(lines.size()));
}
BENCHMARK(replies);

} // namespace
} // namespace fendmail::smtp
