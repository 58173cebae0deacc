// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <cstddef>

/// Whether queries come so fast that gathering their answers pays.
///
/// Waking for each answer costs more than the answer. Where many come, looking for them at fixed
/// times is cheaper, and nobody notices the few milliseconds; where few come, it costs more and
/// delays somebody for nothing.
/// Units: steady time.
/// Memory: a few words.
/// Errors: none.
/// Threads: one owner.
namespace fendmail::dnsbl {

class query_pace {
public:
    static constexpr milliseconds window{50};
    // 400 queries a second: 100 clients who are asked about in four lists. It ends at half of
    // that, so that it does not go back and forth.
    static constexpr std::size_t fast = 20;
    static constexpr std::size_t slow = 10;

    /// A query begins.
    constexpr void on_query(tick now) noexcept
    {
        turn_to(now);
        if (++in_window_ >= fast) is_fast_ = true;
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
        if (!is_next || in_window_ < slow) is_fast_ = false;
        window_begun_ = now;
        in_window_ = 0;
    }

    tick window_begun_{};
    std::size_t in_window_ = 0;
    bool is_fast_ = false;
};

} // namespace fendmail::dnsbl
