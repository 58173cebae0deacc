// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/throttle/pace.hpp"
#include "fendmail/io/awaiting.hpp"

/// While many unknown clients come, what may wait for a few milliseconds is done for all of them
/// at once: a thread that is woken for each octet of a bot spends more on being woken than on the
/// octet. Known clients do not set it off.
///
/// Units: steady time; `wait()` takes at most `interval`, on the grid of deadline_queue and of
/// the sockets of DNS, so that one wake does for all.
/// Memory: a timer while something waits.
/// Errors: none.
/// Threads: one worker.
namespace fendmail::io {

class wake_coalescer {
public:
    static constexpr milliseconds interval{10};
    /// In a window of `pace`: 200 unknown clients a second.
    static constexpr std::size_t clients_fast = 10;

    explicit wake_coalescer(executor where) noexcept
        : where_{where}
    {
    }

    void on_unknown_client() noexcept;
    [[nodiscard]] bool is_on() noexcept;
    /// Returns at once while few clients come.
    awaitable<void> wait();

private:
    executor where_;
    pace pace_{clients_fast};
};

} // namespace fendmail::io
