// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

/// Points in time rounded so that what is due at nearly the same time is due at the same time: one
/// wake of the loop does it all.
///
/// Units: steady time.
/// Errors: none.
namespace fendmail {

/// The first multiple of `grain` that is not before `t`; `tick::max()` where there is none.
/// @pre grain > 0
[[nodiscard]] constexpr tick next_on_grid(tick t, tick_span grain) noexcept
{
    if (t > tick::max() - grain) return tick::max();
    const auto past = t.time_since_epoch() % grain;
    if (past == tick_span::zero()) return t;
    return past < tick_span::zero() ? t - past : t - past + grain;
}

} // namespace fendmail
