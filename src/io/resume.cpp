// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/resume.hpp"

#include "fendmail/core/assert.hpp"

#include <array>

namespace fendmail::io {

awaitable<greeted> read_greeting(stream& server, smtp::handoff_dialog& dialog, deadline& limit)
{
    std::array<char, 4096> buffer;
    smtp::handoff_step step;
    while (step.then == smtp::handoff_next::read) {
        if (!step.output.empty() && co_await server.write(step.output, &limit) != wait_end::ready)
            co_return greeted{{}, "it closed the connection before its greeting", {}};
        const auto got = co_await server.read_some(asio::buffer(buffer), &limit);
        switch (got.end) {
        case wait_end::ready: step = dialog.on_octets({buffer.data(), got.octets}); break;
        case wait_end::timed_out: step = dialog.on_time_limit(); break;
        case wait_end::closed:
        case wait_end::failed:
        case wait_end::woken: step = dialog.on_eof(); break;
        }
    }
    if (step.then == smtp::handoff_next::ready) co_return greeted{dialog.greeting_raw(), {}, {}};
    co_return greeted{{}, dialog.failure_text(), dialog.backend_reply()};
}

awaitable<resume_result> replay_to(stream& server, const resume_options& what, deadline& limit)
{
    smtp::replay_dialog dialog{what.replay, what.tls, what.hostname};
    std::array<char, 4096> buffer;
    resume_result result;
    for (auto step = dialog.start();;) {
        if (step.then == smtp::replay_next::start_tls) {
            FENDMAIL_ASSERT(what.tls_context != nullptr);
            if (co_await server.start_tls(*what.tls_context, &limit) != wait_end::ready) {
                result.reason = "TLS with the backend failed: " + server.tls_error();
                co_return result;
            }
            step = dialog.on_tls_started();
            continue;
        }
        if (step.then != smtp::replay_next::read) {
            result.offered = dialog.offered();
            if (step.then == smtp::replay_next::ready) result.end = resume_end::ready;
            if (step.then == smtp::replay_next::refused) {
                result.end = resume_end::refused;
                result.refusal = dialog.refusal();
            }
            result.reason = result.refusal ? smtp::to_log(*result.refusal) : dialog.failure_text();
            co_return result;
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
}

} // namespace fendmail::io
