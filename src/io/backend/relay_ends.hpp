// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <cstddef>

/// What the two kinds of relay have in common: the idle limit, and which side ended the session.
namespace fendmail::io {

inline constexpr std::size_t relay_buffer_octets = 16384;

/// A backend that has closed takes no more commands: how long its client may go on holding the
/// connection. Without this a client that never closes keeps its place until the idle limit.
inline constexpr milliseconds after_backend_closed{10000};

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

/// The side that was the first to close, or to break.
class first_end {
public:
    explicit first_end(const idle_guard& idle)
        : idle_{&idle}
    {
    }
    void note(event::ended_by who) noexcept
    {
        if (has_one_ || idle_->expired()) return;
        has_one_ = true;
        who_ = who;
    }
    [[nodiscard]] bool is_known() const noexcept { return has_one_; }
    [[nodiscard]] event::ended_by who() const noexcept { return who_; }

private:
    const idle_guard* idle_;
    event::ended_by who_ = event::ended_by::fendmail;
    bool has_one_ = false;
};

} // namespace fendmail::io
