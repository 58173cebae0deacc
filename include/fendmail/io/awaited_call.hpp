// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"

#include <boost/asio/io_context.hpp>
#include <memory>

/// Something that a coroutine waits for and a callback brings about.
///
/// Units: milliseconds.
/// Memory: a timer.
/// Errors: none; that it did not come in time is a result.
/// Threads: one.
namespace fendmail::io {

class awaited_call {
public:
    explicit awaited_call(boost::asio::io_context& context)
        : timer_{std::make_shared<steady_timer>(context, steady_timer::time_point::max())}
    {
    }

    /// For the callback: may be called at any time, also when the one that waits has gone.
    [[nodiscard]] auto caller() const
    {
        return [weak = std::weak_ptr{timer_}] {
            if (const auto timer = weak.lock()) timer->expires_at(tick::min());
        };
    }
    /// @return true when it was called
    [[nodiscard]] awaitable<bool> wait(milliseconds limit)
    {
        const auto kept = timer_;
        // Called already?
        if (kept->expiry() == tick::min()) co_return true;
        kept->expires_after(limit);
        co_await kept->async_wait(no_throw);
        co_return kept->expiry() == tick::min();
    }

private:
    std::shared_ptr<steady_timer> timer_;
};

} // namespace fendmail::io
