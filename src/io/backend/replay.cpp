// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/replay.hpp"

#include "fendmail/core/assert.hpp"
#include "surplus_reply.hpp"

#include <array>
#include <fmt/format.h>

namespace fendmail::io {

namespace {

/// What the backend has refused was the header and not the client's command.
void blame_header(const smtp::replay_dialog& dialog, replay_result& result)
{
    result.end = replay_end::failed;
    result.reason = fmt::format("it answered the PROXY header with {}", result.reason);
    result.refusal.reset();
    result.about =
        dialog.would_surplus_prove() ? smtp::identity::mistaken : smtp::identity::unclear;
}

/// @return why TLS failed; "" when it did not
awaitable<std::string> play(stream& server, const replay_options& what, smtp::replay_dialog& dialog,
                            deadline& limit)
{
    std::array<char, 4096> buffer;
    auto step = dialog.start();
    while (step.then == smtp::replay_next::read || step.then == smtp::replay_next::start_tls) {
        if (step.then == smtp::replay_next::start_tls) {
            FENDMAIL_ASSERT(what.tls_context != nullptr);
            if (co_await server.start_tls(*what.tls_context, &limit) != wait_end::ready)
                co_return "TLS with the backend failed: " + server.tls_error();
            step = dialog.on_tls_started();
            continue;
        }
        if (!step.output.empty() && co_await server.write(step.output, &limit) != wait_end::ready) {
            step = limit.has_passed() ? dialog.on_time_limit() : dialog.on_eof();
            continue;
        }
        const auto got = co_await server.read_some(asio::buffer(buffer), &limit);
        switch (got.end) {
        case wait_end::ready: step = dialog.on_octets({buffer.data(), got.octets}); break;
        case wait_end::timed_out: step = dialog.on_time_limit(); break;
        case wait_end::closed:
        case wait_end::failed:
        case wait_end::woken: step = dialog.on_eof(); break;
        }
    }
    co_return std::string{};
}

} // namespace

awaitable<replay_result> replay_to(stream& server, const replay_options& what, deadline& limit,
                                   bool behind_header)
{
    smtp::replay_dialog dialog{what.replay, what.tls, what.hostname, behind_header};
    replay_result result;
    result.reason = co_await play(server, what, dialog, limit);
    if (!result.reason.empty()) co_return result;
    result.offered = dialog.offered();
    result.about = dialog.about();
    if (dialog.has_refused()) {
        result.end = replay_end::refused;
        result.refusal = dialog.refusal();
    } else if (dialog.failure_text().empty()) {
        result.end = replay_end::ready;
    }
    result.reason = result.refusal ? smtp::to_log(*result.refusal) : dialog.failure_text();
    if (dialog.is_first_refused()) {
        const bool is_of_header = co_await has_one_reply_too_many(server, limit);
        if (is_of_header) blame_header(dialog, result);
    }
    co_return result;
}

} // namespace fendmail::io
