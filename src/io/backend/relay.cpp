// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/relay.hpp"

#include "fendmail/core/smtp/keyword_filter.hpp"
#include "relay_ends.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <string>

namespace fendmail::io {

namespace {

/// Most commands and replies fit here, and this is what an idle session holds for each direction.
constexpr std::size_t line_buffer_octets = 2048;
/// What messages go through: one buffer for all sessions of a thread. It holds nothing across a
/// wait.
constexpr std::size_t bulk_octets = 65536;
/// Then other sessions have their turn.
constexpr int bulk_turns = 8;

struct shared_state {
    idle_guard& idle;
    first_end& ends;
    bool client_ended = false;
    bool backend_ended = false;
};

/// One direction: where its octets come from and go to.
struct direction {
    stream& from;
    stream& to;
    event::ended_by sender;
    std::uint64_t& count;
    shared_state& state;
    smtp::keyword_filter* filter;
    smtp::reply_watch* watch;
    bool is_end_told = false; ///< the receiver knows that nothing more comes

    [[nodiscard]] bool is_of_backend() const noexcept { return sender == event::ended_by::backend; }
    [[nodiscard]] event::ended_by receiver() const noexcept
    {
        return is_of_backend() ? event::ended_by::client : event::ended_by::backend;
    }
    [[nodiscard]] bool is_filtered() const noexcept { return filter && !filter->is_done(); }
};

/// @return `ready`, or `failed` when the receiver is gone
awaitable<wait_end> send_on(direction& d, std::string_view octets)
{
    auto end = wait_end::ready;
    if (d.is_filtered()) {
        const std::string filtered = d.filter->on_backend(octets);
        end = co_await d.to.write(filtered, nullptr);
    } else {
        end = co_await d.to.write(octets, nullptr);
    }
    if (end != wait_end::ready) {
        if (d.to.is_open()) d.state.ends.note(d.receiver());
        co_return wait_end::failed;
    }
    d.count += octets.size();
    d.state.idle.active();
    co_return wait_end::ready;
}

/// What came of a message as far as it could be moved without waiting.
struct moved {
    std::string unsent;             ///< the receiver did not take it at once
    wait_end end = wait_end::ready; ///< of the sender
};

/// @param first what has been read already
moved move_message(direction& d, std::string_view first)
{
    thread_local const auto buffer = std::make_unique<std::array<char, bulk_octets>>();
    std::size_t filled = first.copy(buffer->data(), first.size());
    for (int turn = 0; turn < bulk_turns; ++turn) {
        const auto got = d.from.read_now(asio::buffer(*buffer) + filled);
        if (d.watch) d.watch->on_backend({buffer->data() + filled, got.octets});
        filled += got.octets;
        const std::size_t sent = d.to.write_some_now({buffer->data(), filled});
        d.count += sent;
        if (sent != filled) return {{buffer->data() + sent, filled - sent}, got.end};
        if (got.end != wait_end::ready || got.octets == 0) return {{}, got.end};
        filled = 0;
    }
    return {};
}

/// A backend that says good-bye has closed by then, mostly; the end of our direction goes out
/// with the reply then, and costs no segment of its own.
bool is_last_reply(direction& d, std::string_view octets)
{
    if (!d.is_of_backend() || !octets.starts_with("221")) return false;
    char more = 0;
    return d.from.peek(asio::buffer(&more, 1)).end == wait_end::closed;
}

/// @return how the direction goes on: `ready`, `closed` at the sender's end, `failed` when either
/// side is gone
awaitable<wait_end> pass_on(direction& d, std::string_view octets)
{
    if (!d.is_filtered() && octets.size() == line_buffer_octets) {
        const auto done = move_message(d, octets);
        d.state.idle.active();
        const auto sent = done.unsent.empty() ? wait_end::ready : co_await send_on(d, done.unsent);
        co_return sent == wait_end::ready ? done.end : sent;
    }
    if (!is_last_reply(d, octets)) co_return co_await send_on(d, octets);
    const std::string last = d.is_filtered() ? d.filter->on_backend(octets) : std::string{octets};
    d.is_end_told = co_await d.to.write_last(last, nullptr) == wait_end::ready;
    if (!d.is_end_told) co_return wait_end::failed;
    d.count += octets.size();
    co_return wait_end::closed;
}

/// The sender has said all it had to say.
void end_direction(direction& d)
{
    auto& state = d.state;
    state.ends.note(d.sender);
    (d.is_of_backend() ? state.backend_ended : state.client_ended) = true;
    if (d.is_of_backend()) state.idle.shorten(after_backend_closed);
    // A backend that has closed as well has nothing to learn: it is closed next.
    const bool is_over = !d.is_of_backend() && state.backend_ended;
    if (!d.is_end_told && !is_over) d.to.shutdown_write();
}

/// What needs no wait, which is nearly everything: a line for a receiver that reads.
/// @return what is left for pass_on()
std::string_view pass_now(direction& d, std::string_view octets)
{
    if (d.is_filtered() || octets.size() == line_buffer_octets || octets.starts_with("221"))
        return octets;
    const std::size_t sent = d.to.write_some_now(octets);
    d.count += sent;
    return octets.substr(sent);
}

awaitable<void> pump(direction d)
{
    std::array<char, line_buffer_octets> buffer;
    for (;;) {
        const auto got = co_await d.from.read_some(asio::buffer(buffer), nullptr);
        if (got.end == wait_end::woken && d.from.is_open()) continue; // meant for another wait
        auto end = got.end;
        if (end == wait_end::ready) {
            d.state.idle.active();
            if (d.watch) d.watch->on_backend({buffer.data(), got.octets});
            const auto left = pass_now(d, {buffer.data(), got.octets});
            if (!left.empty()) end = co_await pass_on(d, left);
        }
        if (end == wait_end::ready) continue;
        if (end == wait_end::closed) co_return end_direction(d);
        break;
    }
    if (d.from.is_open()) d.state.ends.note(d.sender); // else we closed it
    // A broken connection is no end of a direction: both sides must learn that it is over.
    d.from.close();
    d.to.close();
}

/// Runs both to their end, as Asio's operator&& does, at half its price: that one makes a
/// coroutine, a cancellation signal and a handler for each, and posts between them.
/// @param end_other makes one of them end when the other has failed
template <class End>
awaitable<void> both(executor where, awaitable<void> one, awaitable<void> other, End end_other)
{
    steady_timer one_ended{where, steady_timer::time_point::max()};
    bool is_running = true;
    std::exception_ptr failure;
    asio::co_spawn(where, std::move(one), [&](std::exception_ptr escaped) {
        is_running = false;
        if (escaped) {
            failure = std::move(escaped);
            end_other();
        }
        one_ended.cancel();
    });
    try {
        co_await std::move(other);
    } catch (...) { // no memory: the other uses what is ours and must be gone first
        failure = std::current_exception();
        end_other();
    }
    while (is_running)
        co_await one_ended.async_wait(no_throw);
    if (failure) std::rethrow_exception(failure);
}

} // namespace

awaitable<relay_result> relay(stream& client, stream& backend, deadline_queue& deadlines,
                              milliseconds idle_limit, std::span<const std::string> hide_ehlo,
                              smtp::reply_watch* watch)
{
    using event::ended_by;
    relay_result result;
    idle_guard idle{client, backend, deadlines, idle_limit};
    first_end ends{idle};
    shared_state state{idle, ends};
    smtp::keyword_filter filter{hide_ehlo};
    const direction in{client, backend, ended_by::client, result.octets_in,
                       state,  nullptr, nullptr};
    const direction out{backend, client, ended_by::backend, result.octets_out, state,
                        &filter, watch};
    co_await both(client.get_executor(), pump(in), pump(out), [&] {
        client.close();
        backend.close();
    });
    result.idle = idle.expired() && !ends.is_known();
    result.ended_by = result.idle ? ended_by::fendmail : ends.who();
    result.client_ended = state.client_ended;
    co_return result;
}

} // namespace fendmail::io
