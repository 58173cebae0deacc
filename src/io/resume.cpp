// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/resume.hpp"

#include "fendmail/core/assert.hpp"

#include <array>
#include <fmt/format.h>

namespace fendmail::io {

namespace {

/// For the last words of a server that has nothing to do for us any more.
constexpr milliseconds farewell_time{5000};

} // namespace

awaitable<greeted> read_greeting(stream& server, smtp::handoff_dialog& dialog, deadline& limit)
{
    std::array<char, 4096> buffer;
    smtp::handoff_step step;
    while (step.then == smtp::handoff_next::read) {
        if (!step.output.empty() && co_await server.write(step.output, &limit) != wait_end::ready)
            co_return greeted{{}, "it closed the connection before its greeting", {}, {}};
        const auto got = co_await server.read_some(asio::buffer(buffer), &limit);
        switch (got.end) {
        case wait_end::ready: step = dialog.on_octets({buffer.data(), got.octets}); break;
        case wait_end::timed_out: step = dialog.on_time_limit(); break;
        case wait_end::closed:
        case wait_end::failed:
        case wait_end::woken: step = dialog.on_eof(); break;
        }
    }
    if (step.then == smtp::handoff_next::ready)
        co_return greeted{dialog.greeting_raw(), {}, {}, {}};
    co_return greeted{{}, dialog.failure_text(), dialog.backend_reply(), dialog.about()};
}

awaitable<bool> has_one_reply_too_many(stream& server, deadline& limit)
{
    smtp::farewell_count count;
    limit.set_after(farewell_time);
    if (co_await server.write("QUIT\r\n", &limit) != wait_end::ready) co_return false;
    std::array<char, 2048> buffer;
    for (;;) {
        const auto got = co_await server.read_some(asio::buffer(buffer), &limit);
        if (got.end == wait_end::woken && server.is_open()) continue;
        if (got.end != wait_end::ready) break;
        if (!count.feed({buffer.data(), got.octets})) break;
    }
    co_return count.has_one_too_many();
}

namespace {

/// What the backend has refused was the header and not the client's command.
void blame_header(const smtp::replay_dialog& dialog, resume_result& result)
{
    result.end = resume_end::failed;
    result.reason = fmt::format("it answered the PROXY header with {}", result.reason);
    result.refusal.reset();
    result.about =
        dialog.would_surplus_prove() ? smtp::identity::mistaken : smtp::identity::unclear;
}

/// @return why TLS failed; "" when it did not
awaitable<std::string> play(stream& server, const resume_options& what, smtp::replay_dialog& dialog,
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

awaitable<resume_result> replay_to(stream& server, const resume_options& what, deadline& limit,
                                   bool behind_header)
{
    smtp::replay_dialog dialog{what.replay, what.tls, what.hostname, behind_header};
    resume_result result;
    result.reason = co_await play(server, what, dialog, limit);
    if (!result.reason.empty()) co_return result;
    result.offered = dialog.offered();
    result.about = dialog.about();
    if (dialog.has_refused()) {
        result.end = resume_end::refused;
        result.refusal = dialog.refusal();
    } else if (dialog.failure_text().empty()) {
        result.end = resume_end::ready;
    }
    result.reason = result.refusal ? smtp::to_log(*result.refusal) : dialog.failure_text();
    if (dialog.is_first_refused()) {
        const bool is_of_header = co_await has_one_reply_too_many(server, limit);
        if (is_of_header) blame_header(dialog, result);
    }
    co_return result;
}

} // namespace fendmail::io
