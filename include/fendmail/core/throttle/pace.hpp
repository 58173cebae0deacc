// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <cstddef>

/// Whether events of a kind come so fast that gathering them pays.
///
/// Waking for an event costs more than most events. Where many come, looking for them at fixed
/// times is cheaper, and the few milliseconds go unnoticed; where few come, it costs more and
/// delays a client for nothing.
/// Units: steady time.
/// Memory: a few words.
/// Errors: none.
/// Threads: one owner.
namespace fendmail {

class pace {
public:
    static constexpr milliseconds window{50};

    /// @param fast so many events in a window are fast. It ends with a window of less than half as
    /// many, so that it does not go back and forth.
    constexpr explicit pace(std::size_t fast) noexcept
        : fast_{fast}
    {
    }

    constexpr void on_event(tick now) noexcept
    {
        turn_to(now);
        if (++in_window_ >= fast_) is_fast_ = true;
    }

    [[nodiscard]] constexpr bool is_fast(tick now) noexcept
    {
        turn_to(now);
        return is_fast_;
    }

private:
    constexpr void turn_to(tick now) noexcept
    {
        if (now - window_begun_ < window) return;
        const bool is_next = now - window_begun_ < 2 * window;
        if (!is_next || in_window_ < fast_ / 2) is_fast_ = false;
        window_begun_ = now;
        in_window_ = 0;
    }

    std::size_t fast_;
    tick window_begun_{};
    std::size_t in_window_ = 0;
    bool is_fast_ = false;
};

} // namespace fendmail
