// SPDX-License-Identifier: Apache-2.0
#include "backend_link.hpp"
#include "fendmail/core/smtp/backend_trouble.hpp"
#include "fendmail/core/smtp/open_dialog.hpp"
#include "fendmail/io/os/clock.hpp"
#include "session_impl.hpp"

#include <array>
#include <utility>

/// A refused client on its way to a recipient that all may reach.
namespace fendmail::app {

namespace {

constexpr std::string_view reason_in_log = "open_recipient";

} // namespace

/// @return what the dialog says when the backend cannot be had; nothing when the session is over
io::awaitable<std::optional<smtp::step>> session::open_relay_from(smtp::dialog& dialog)
{
    admission_.set_at_stop(registry::at_stop::stay);
    std::optional<backend_link> link;
    link.emplace(*this, false);
    const auto result = co_await replay(dialog, *link);
    if (!stream_.is_open()) { // an orderly stop closed it
        ended_by_ = event::ended_by::fendmail;
        co_return std::nullopt;
    }
    if (result.end != io::replay_end::ready) admission_.set_at_stop(registry::at_stop::wake);
    switch (result.end) {
    case io::replay_end::ready: tell_backend_works(); break;
    case io::replay_end::refused: co_return dialog.on_backend_refused(*result.refusal);
    case io::replay_end::failed:
        tell_backend_failed(result.reason, result.about);
        co_return dialog.on_backend_refused(
            smtp::answer_without_backend(smtp::backend_need::mail, result.refusal));
    }
    // Its verdict stays that of a refused client, and nothing of this is remembered.
    verdict_.on_dialog(true);
    outcome_->trouble = reason_in_log;
    co_await open_relay(dialog, *link);
    link.reset();
    if (stream_.is_open()) {
        co_await lingering_close(env_, stream_);
    }
    co_return std::nullopt;
}

void session::tell_open(const smtp::open_step& step, const smtp::open_dialog& of)
{
    for (const auto& one : step.relayed) {
        const auto answer = smtp::to_log(one.answer);
        emit(event::open_recipient{client_, answer, one.from, one.to, of.helo()});
    }
    for (const auto& one : step.refused)
        tell_refusal(one);
}

/// One command after the other; see smtp::open_dialog.
io::awaitable<void> session::open_relay(const smtp::dialog& dialog, backend_link& link)
{
    smtp::open_dialog open{config().dialog, hidden_keywords(), dialog.refusal(), footer()};
    io::deadline client_limit{env_.deadlines, stream_};
    io::deadline backend_limit{env_.deadlines, link.server};
    std::array<char, 4096> octets;
    auto step =
        open.begin(dialog.helo(), dialog.is_esmtp(), dialog.from(), dialog.octets_to_relay());
    for (;;) {
        tell_open(step, open);
        outcome_->octets_in += step.to_backend.size();
        outcome_->octets_out += step.to_client.size();
        backend_limit.set_after(snapshot_->backend->traits().idle_limit);
        if (!step.to_backend.empty() &&
            co_await link.server.write(step.to_backend, &backend_limit) != io::wait_end::ready &&
            step.then != smtp::open_next::close)
            step = open.on_backend_gone();
        client_limit.set_after(command_time_limit());
        if (co_await stream_.write(step.to_client, &client_limit) != io::wait_end::ready) {
            client_gone();
            co_return;
        }
        switch (step.then) {
        case smtp::open_next::close: ended_by_ = event::ended_by::fendmail; co_return;
        case smtp::open_next::read_client: {
            const auto got = co_await stream_.read_some(asio::buffer(octets), &client_limit);
            if (got.end == io::wait_end::timed_out) {
                step = open.on_time_limit();
            } else if (got.end == io::wait_end::ready) {
                step = open.on_client({octets.data(), got.octets});
            } else if (got.end == io::wait_end::woken && stream_.is_open()) {
                step = {};
            } else {
                client_gone();
                co_return;
            }
            break;
        }
        case smtp::open_next::read_backend: {
            const auto got = co_await link.server.read_some(asio::buffer(octets), &backend_limit);
            step = got.end == io::wait_end::ready ? open.on_backend({octets.data(), got.octets})
                                                  : open.on_backend_gone();
            break;
        }
        }
    }
}

} // namespace fendmail::app
