// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/scoreboard.hpp"

#include <string_view>

/// What is added to the score of the lists, known without asking anything.
///
/// Memory: a view of its name.
/// Errors: none.
/// Threads: values.
namespace fendmail::dnsbl {

struct extra_score {
    int value = 0;
    std::string_view reply_name{}; ///< what clients are told in place of a list; "" = none
};

[[nodiscard]] inline score with_extra(score lists, const extra_score& extra) noexcept
{
    lists.value += extra.value;
    if (lists.reply_name.empty()) lists.reply_name = extra.reply_name;
    return lists;
}

[[nodiscard]] inline score_bounds with_extra(score_bounds lists, const extra_score& extra) noexcept
{
    return {lists.lowest + extra.value, lists.highest + extra.value};
}

/// What the lists alone have to reach, so that both together reach the limits.
[[nodiscard]] inline score_limits without_extra(score_limits limits,
                                                const extra_score& extra) noexcept
{
    limits.threshold -= extra.value;
    if (limits.allow_threshold >= 0) return limits;
    // From 0 on it would be off; then it is reached already, and lists can only take that back.
    limits.allow_threshold -= extra.value;
    if (limits.allow_threshold >= 0) limits.allow_threshold = 0;
    return limits;
}

} // namespace fendmail::dnsbl
