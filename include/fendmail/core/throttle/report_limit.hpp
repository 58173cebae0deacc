// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <cstddef>
#include <optional>
#include <utility>

/// When something that may happen very often is reported: the first time, and then once in an
/// interval at most, with how often it was suppressed since.
///
/// For things of which each one stands alone. A trouble that begins, lasts and ends is reported by
/// lasting_trouble: more and more seldom, with figures since it began, and once more at its end.
/// Units: steady time.
/// Memory: a few words.
/// Errors: none.
/// Threads: one owner.
namespace fendmail {

class report_limit {
public:
    constexpr explicit report_limit(tick_span interval) noexcept
        : interval_{interval}
    {
    }

    /// It happened. @return how many were suppressed since the last report, when one is due now;
    /// nothing when this one is to be suppressed, too
    [[nodiscard]] constexpr std::optional<std::size_t> on_occurrence(tick now) noexcept
    {
        if (now < next_) {
            ++suppressed_;
            return std::nullopt;
        }
        next_ = now + interval_;
        return std::exchange(suppressed_, 0);
    }

    /// The next one is the first again.
    constexpr void reset() noexcept
    {
        next_ = tick::min();
        suppressed_ = 0;
    }

private:
    tick_span interval_;
    tick next_ = tick::min();
    std::size_t suppressed_ = 0;
};

} // namespace fendmail
