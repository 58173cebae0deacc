// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/relay.hpp"

#include "fendmail/io/clock.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>

namespace fendmail::io {

namespace {

constexpr std::size_t buffer_octets = 16384;

/// A backend that has closed takes no more commands: how long its client may go on holding the
/// connection. Without this a client that never closes keeps its place until the idle limit.
constexpr milliseconds after_backend_closed{10000};

/// Closes both sides when nothing has moved for too long. Looks at the clock once a period
/// instead of moving a deadline with every read.
class idle_guard final : public waiter {
public:
    idle_guard(stream& a, stream& b, deadline_queue& deadlines, milliseconds limit)
        : a_{&a}
        , b_{&b}
        , limit_{limit}
        , last_active_{steady_now()}
        , check_{deadlines, *this}
    {
        check_.set(last_active_ + limit_);
    }
    void active() noexcept { last_active_ = steady_now(); }
    [[nodiscard]] bool expired() const noexcept { return expired_; }
    /// From now on the relay is idle after `limit` at the latest.
    void shorten(milliseconds limit)
    {
        limit_ = std::min(limit_, limit);
        check_.set(steady_now() + limit_);
    }
    void wake() noexcept override
    {
        const tick due = last_active_ + limit_;
        if (steady_now() < due) {
            check_.set(due);
            return;
        }
        expired_ = true;
        a_->close();
        b_->close();
    }

private:
    stream* a_;
    stream* b_;
    milliseconds limit_;
    tick last_active_;
    deadline check_;
    bool expired_ = false;
};

struct shared_state {
    idle_guard& idle;
    event::ended_by first = event::ended_by::fendmail;
    bool has_first = false;

    void ended(event::ended_by who) noexcept
    {
        if (has_first || idle.expired()) return;
        has_first = true;
        first = who;
    }
};

asio::awaitable<void> pump(stream& from, stream& to, std::uint64_t& count, shared_state& state,
                           event::ended_by sender, event::ended_by receiver)
{
    std::array<char, buffer_octets> buffer;
    for (;;) {
        const auto got = co_await from.read_some(asio::buffer(buffer), nullptr);
        if (got.end == wait_end::woken && from.is_open()) continue; // meant for somebody else
        if (got.end == wait_end::closed) {
            state.ended(sender);
            to.shutdown_write();
            if (sender == event::ended_by::backend) state.idle.shorten(after_backend_closed);
            co_return;
        }
        if (got.end != wait_end::ready) {
            state.ended(sender);
            break;
        }
        state.idle.active();
        if (co_await to.write({buffer.data(), got.octets}, nullptr) != wait_end::ready) {
            state.ended(receiver);
            break;
        }
        count += got.octets;
        state.idle.active();
    }
    // A broken connection is no end of a direction: both sides must learn that it is over.
    from.close();
    to.close();
}

} // namespace

asio::awaitable<relay_result> relay(stream& client, stream& backend, deadline_queue& deadlines,
                                    milliseconds idle_limit)
{
    using namespace asio::experimental::awaitable_operators;
    relay_result result;
    idle_guard idle{client, backend, deadlines, idle_limit};
    shared_state state{idle};
    co_await (pump(client, backend, result.octets_in, state, event::ended_by::client,
                   event::ended_by::backend) &&
              pump(backend, client, result.octets_out, state, event::ended_by::backend,
                   event::ended_by::client));
    result.idle = idle.expired() && !state.has_first;
    result.ended_by = result.idle ? event::ended_by::fendmail : state.first;
    co_return result;
}

} // namespace fendmail::io
