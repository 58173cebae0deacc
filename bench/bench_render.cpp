// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/render.hpp"

#include <benchmark/benchmark.h>
#include <cstdint>
#include <fmt/format.h>
#include <string>
#include <string_view>

namespace fendmail::event {
namespace {

constexpr std::string_view time = "2026-11-21T14:00:00.123Z";
const endpoint client{ip_address::v4({192, 0, 2, 1}), 12345};
const endpoint local{ip_address::v4({198, 51, 100, 9}), 25};
const std::string hostile(1023, '\x01');

void render(fmt::memory_buffer& out, log_format format, const any_event& what)
{
    switch (format) {
    case log_format::postscreen: return render_postscreen(out, what);
    case log_format::json: return render_json(out, what, time);
    case log_format::logfmt: return render_logfmt(out, what, time);
    }
}

/// One line, in each of the formats.
void one_line(benchmark::State& state, const any_event& what)
{
    const auto format = static_cast<log_format>(state.range(0));
    state.SetLabel(std::string{to_string(format)});
    fmt::memory_buffer out;
    for (auto _ : state) {
        out.clear();
        render(out, format, what);
        benchmark::DoNotOptimize(out.data());
    }
    state.SetItemsProcessed(state.iterations());
}

session_ended ended_session()
{
    session_ended e;
    e.client = client;
    e.session = 123456;
    e.local = local;
    e.verdict = verdict::rejected;
    e.ended_by = ended_by::client;
    e.phase = phase::dialog;
    e.reasons = "dnsbl";
    e.dnsbl_score = 7;
    e.reply = "550 5.7.1 Service unavailable; client [192.0.2.1] blocked";
    e.helo = "mail.example.org";
    e.screening = milliseconds{6004};
    e.total = milliseconds{7012};
    return e;
}

constexpr auto postscreen = static_cast<std::int64_t>(log_format::postscreen);
constexpr auto logfmt = static_cast<std::int64_t>(log_format::logfmt);
BENCHMARK_CAPTURE(one_line, connected, connected{client, local})->DenseRange(postscreen, logfmt);
BENCHMARK_CAPTURE(one_line, passed, passed{client, true})->DenseRange(postscreen, logfmt);
BENCHMARK_CAPTURE(one_line, session_ended, ended_session())->DenseRange(postscreen, logfmt);
BENCHMARK_CAPTURE(one_line, pregreeted_hostile,
                  pregreeted{client, hostile.size(), milliseconds{150}, hostile})
    ->DenseRange(postscreen, logfmt);

} // namespace
} // namespace fendmail::event
