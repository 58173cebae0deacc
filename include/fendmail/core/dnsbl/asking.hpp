// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/dnsbl/site.hpp"

#include <cstddef>
#include <optional>
#include <vector>

/// Which list to ask next about a client, when not all can be asked at once.
///
/// The heaviest list is the likeliest to decide; once the score is at the threshold, only a list
/// that speaks for the client can change anything. So under pressure a listed client costs one or
/// two questions and not one for each list. Memory: none. Errors: none.
namespace fendmail::dnsbl {

struct next_question {
    std::size_t zone = 0;
    bool can_refuse =
        true; ///< if not, its answer only says how long a pass lasts, or speaks for him
};

/// @param asked by zone: asked already, or not to be asked
/// @return none when all are
[[nodiscard]] std::optional<next_question> next_zone(const site_set& sites,
                                                     const std::vector<bool>& asked,
                                                     const scoreboard& board,
                                                     const score_limits& limits) noexcept;

} // namespace fendmail::dnsbl
