// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/guarded_relay.hpp"

#include "fendmail/core/smtp/keyword_filter.hpp"
#include "relay_ends.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <string>
#include <utility>
#include <vector>

namespace fendmail::io {

namespace {

using event::ended_by;
using smtp::guard_next;
using smtp::guard_place;

/// For the replies to what came before a faulty command.
constexpr milliseconds replies_time{60000};
/// Behind what is an end of data for the client only: silence says that it waits for a reply. Well
/// above what a network loses and sends again, so that no mail is cut that holds such a line.
constexpr milliseconds silence{10000};

smtp::reply backend_gone()
{
    return smtp::make_reply(421, "4.3.0", "Error: mail server closed the connection");
}

smtp::guard_options guard_options_of(const guarded_relay_options& options)
{
    auto guard = options.guard;
    guard.hides_chunking =
        std::ranges::find(options.hide_ehlo, "CHUNKING") != options.hide_ehlo.end();
    return guard;
}

class guarded_session {
public:
    guarded_session(stream& client, stream& backend, deadline_queue& deadlines,
                    const guarded_relay_options& options)
        : client_{client}
        , backend_{backend}
        , idle_{client, backend, deadlines, options.idle_limit}
        , ends_{idle_}
        , guard_{options.begun != nullptr ? *options.begun
                                          : smtp::data_guard{guard_options_of(options)}}
        , filter_{options.hide_ehlo}
        , watch_{options.watch}
        , unsent_(options.held.begin(), options.held.end())
        , released_{client.get_executor(), steady_timer::time_point::max()}
        , client_limit_{deadlines, client}
        , backend_limit_{deadlines, backend}
    {
    }

    awaitable<void> from_client();
    awaitable<void> from_backend();
    guarded_relay_result result();

private:
    awaitable<bool> read_client();
    void note_sent(std::size_t octets);
    awaitable<bool> send_to_client(std::string_view octets);
    awaitable<void> wait_for_reply();
    void end_at_fault_of_client();
    void give_up_message();
    void on_end_of_backend();
    void end_backend();
    void break_off();

    stream& client_;
    stream& backend_;
    idle_guard idle_;
    first_end ends_;
    smtp::data_guard guard_;
    smtp::keyword_filter filter_;
    smtp::reply_watch* watch_;
    std::vector<char> unsent_; ///< of the client
    steady_timer released_;
    deadline client_limit_;
    deadline backend_limit_;
    guarded_relay_result result_;
    bool client_ended_ = false;
    bool backend_closed_ = false; ///< it has said all it had to say; the client may still close
    bool backend_done_ = false;   ///< nothing goes there any more
};

/// Both sides must learn that it is over, and no mail may look complete.
void guarded_session::break_off()
{
    client_.close();
    end_backend();
}

void guarded_session::end_backend()
{
    backend_done_ = true;
    backend_.close();
    released_.cancel();
    client_.wake();
}

awaitable<bool> guarded_session::read_client()
{
    std::array<char, relay_buffer_octets> buffer;
    for (;;) {
        if (guard_.is_at_false_end())
            client_limit_.set_after(silence);
        else
            client_limit_.clear();
        const auto got = co_await client_.read_some(asio::buffer(buffer), &client_limit_);
        switch (got.end) {
        case wait_end::ready:
            idle_.active();
            unsent_.insert(unsent_.end(), buffer.data(), buffer.data() + got.octets);
            co_return true;
        case wait_end::closed:
            ends_.note(ended_by::client);
            client_ended_ = true;
            co_return true;
        case wait_end::woken:
            if (!client_.is_open()) co_return false;
            if (backend_done_) co_return false;
            continue;
        case wait_end::timed_out: give_up_message(); co_return false;
        case wait_end::failed:
            if (client_.is_open()) ends_.note(ended_by::client);
            break_off();
            co_return false;
        }
    }
}

void guarded_session::note_sent(std::size_t octets)
{
    if (octets == 0) return;
    idle_.active();
    result_.moved.octets_in += octets;
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(octets));
}

awaitable<void> guarded_session::wait_for_reply()
{
    while (guard_.client_waits() && !backend_done_ && !backend_closed_)
        co_await released_.async_wait(no_throw);
}

awaitable<void> guarded_session::from_client()
{
    for (;;) {
        auto step = guard_.on_client({unsent_.data(), unsent_.size()});
        std::size_t taken = step.forward.size();
        std::string edited;
        for (; !step.insert.empty(); taken += step.forward.size()) {
            edited += step.forward;
            edited += step.insert;
            step = guard_.on_client({unsent_.data() + taken, unsent_.size() - taken});
        }
        if (!edited.empty()) step.forward = edited += step.forward;
        if (!step.forward.empty()) {
            const auto end = co_await backend_.write(step.forward, nullptr);
            if (backend_done_) co_return;
            if (end != wait_end::ready) {
                // What it had to say is still to be read.
                ends_.note(ended_by::backend);
                co_return;
            }
            note_sent(taken);
            continue; // a reply may have come meanwhile
        }
        switch (step.then) {
        case guard_next::go_on:
            if (client_ended_) {
                // A <CR> that is left ends nothing.
                backend_.shutdown_write();
                co_return;
            }
            if (!co_await read_client()) co_return;
            break;
        case guard_next::wait:
            co_await wait_for_reply();
            // No reply comes any more, and the client has been told so by the end of our output.
            if (backend_closed_) co_return;
            break;
        case guard_next::ended: co_return;
        case guard_next::fault: end_at_fault_of_client(); co_return;
        }
        if (backend_done_) co_return;
    }
}

void guarded_session::end_at_fault_of_client()
{
    ends_.note(ended_by::fendmail);
    if (guard_.fault()->place == guard_place::reply) return; // the other direction has seen it
    if (guard_.replies_awaited() == 0 && !guard_.is_reply_under_way())
        end_backend();
    else
        backend_limit_.set_after(replies_time);
}

/// What the backend has of it must not become a whole mail.
void guarded_session::give_up_message()
{
    guard_.give_up_message();
    ends_.note(ended_by::fendmail);
    end_backend();
}

awaitable<bool> guarded_session::send_to_client(std::string_view octets)
{
    result_.moved.octets_out += octets.size();
    if (filter_.is_done())
        co_return octets.empty() || co_await client_.write(octets, nullptr) == wait_end::ready;
    const std::string filtered = filter_.on_backend(octets);
    co_return filtered.empty() || co_await client_.write(filtered, nullptr) == wait_end::ready;
}

awaitable<void> guarded_session::from_backend()
{
    std::array<char, relay_buffer_octets> buffer;
    while (!backend_done_) {
        const auto got = co_await backend_.read_some(asio::buffer(buffer), &backend_limit_);
        if (backend_done_) co_return;
        switch (got.end) {
        case wait_end::woken: continue;
        case wait_end::closed:
        case wait_end::failed: on_end_of_backend(); co_return;
        case wait_end::timed_out: end_backend(); co_return;
        case wait_end::ready: break;
        }
        idle_.active();
        if (watch_ != nullptr) watch_->on_backend({buffer.data(), got.octets});
        const auto step = guard_.on_backend({buffer.data(), got.octets});
        if (!co_await send_to_client(step.forward)) {
            if (client_.is_open()) ends_.note(ended_by::client);
            break_off();
            co_return;
        }
        if (!guard_.client_waits()) released_.cancel();
        switch (step.then) {
        case guard_next::go_on:
        case guard_next::wait: break;
        case guard_next::ended:
            ends_.note(ended_by::backend);
            end_backend();
            co_return;
        case guard_next::fault:
            ends_.note(ended_by::fendmail);
            end_backend();
            co_return;
        }
    }
}

/// It has closed, or is broken. A client that waits for a reply gets one of ours.
void guarded_session::on_end_of_backend()
{
    // Closed by us, it is an orderly stop or the idle limit.
    if (backend_.is_open()) ends_.note(ended_by::backend);
    const bool owes = guard_.in_message() || guard_.replies_awaited() > 0;
    if (guard_.is_transparent() || guard_.fault() || !owes) {
        // Its client may still send what it has to, and close.
        if (guard_.fault()) return end_backend();
        client_.shutdown_write();
        idle_.shorten(after_backend_closed);
        backend_closed_ = true;
        released_.cancel();
        return;
    }
    if (!guard_.is_reply_under_way()) result_.last_words = backend_gone();
    end_backend();
}

guarded_relay_result guarded_session::result()
{
    result_.moved.idle = idle_.expired() && !ends_.is_known();
    result_.moved.ended_by = result_.moved.idle ? ended_by::fendmail : ends_.who();
    result_.fault = guard_.fault();
    result_.had_false_end = guard_.had_false_end();
    // A client that waits for the reply to a mail must not take a refusal of something else for it.
    if (result_.fault && !guard_.is_reply_under_way())
        result_.last_words =
            result_.fault->place == guard_place::command && guard_.replies_awaited() > 0
                ? backend_gone()
                : smtp::last_words_of(*result_.fault);
    if (!client_.is_open()) result_.last_words.reset();
    return std::move(result_);
}

} // namespace

awaitable<guarded_relay_result> guarded_relay(stream& client, stream& backend,
                                              deadline_queue& deadlines,
                                              const guarded_relay_options& options)
{
    using namespace asio::experimental::awaitable_operators;
    guarded_session session{client, backend, deadlines, options};
    co_await (session.from_client() && session.from_backend());
    co_return session.result();
}

} // namespace fendmail::io
