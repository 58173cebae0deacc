// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/relay.hpp"

#include "fendmail/core/smtp/keyword_filter.hpp"
#include "relay_ends.hpp"

#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>

namespace fendmail::io {

namespace {

struct shared_state {
    idle_guard& idle;
    first_end& ends;
};

/// One direction: where its octets come from and go to.
struct direction {
    stream& from;
    stream& to;
    event::ended_by sender;
    event::ended_by receiver;
};

awaitable<bool> send_on(stream& to, std::string_view octets, smtp::keyword_filter* filter)
{
    if (filter == nullptr || filter->is_done())
        co_return co_await to.write(octets, nullptr) == wait_end::ready;
    const std::string filtered = filter->on_backend(octets);
    co_return filtered.empty() || co_await to.write(filtered, nullptr) == wait_end::ready;
}

awaitable<void> pump(direction d, std::uint64_t& count, shared_state& state,
                     smtp::keyword_filter* filter)
{
    std::array<char, relay_buffer_octets> buffer;
    for (;;) {
        const auto got = co_await d.from.read_some(asio::buffer(buffer), nullptr);
        if (got.end == wait_end::woken && d.from.is_open()) continue; // meant for somebody else
        if (got.end == wait_end::closed) {
            state.ends.note(d.sender);
            d.to.shutdown_write();
            if (d.sender == event::ended_by::backend) state.idle.shorten(after_backend_closed);
            co_return;
        }
        if (got.end != wait_end::ready) {
            if (d.from.is_open()) state.ends.note(d.sender); // else we closed it
            break;
        }
        state.idle.active();
        if (!co_await send_on(d.to, {buffer.data(), got.octets}, filter)) {
            if (d.to.is_open()) state.ends.note(d.receiver);
            break;
        }
        count += got.octets;
        state.idle.active();
    }
    // A broken connection is no end of a direction: both sides must learn that it is over.
    d.from.close();
    d.to.close();
}

} // namespace

awaitable<relay_result> relay(stream& client, stream& backend, deadline_queue& deadlines,
                              milliseconds idle_limit)
{
    using namespace asio::experimental::awaitable_operators;
    using event::ended_by;
    relay_result result;
    idle_guard idle{client, backend, deadlines, idle_limit};
    first_end ends{idle};
    shared_state state{idle, ends};
    smtp::keyword_filter filter;
    co_await (pump({client, backend, ended_by::client, ended_by::backend}, result.octets_in, state,
                   nullptr) &&
              pump({backend, client, ended_by::backend, ended_by::client}, result.octets_out, state,
                   &filter));
    result.idle = idle.expired() && !ends.is_known();
    result.ended_by = result.idle ? ended_by::fendmail : ends.who();
    co_return result;
}

} // namespace fendmail::io
