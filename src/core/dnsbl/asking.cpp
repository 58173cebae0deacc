// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/asking.hpp"

namespace fendmail::dnsbl {

std::optional<next_question> next_zone(const site_set& sites, const std::vector<bool>& asked,
                                       const scoreboard& board, const score_limits& limits) noexcept
{
    const auto now = board.bounds();
    const bool can_refuse = now.highest >= limits.threshold;
    // A client at the threshold can only be saved; one that cannot reach it only be let off
    // sooner.
    const bool for_client_first = board.value() >= limits.threshold || !can_refuse;
    std::optional<std::size_t> best;
    int best_weight = 0;
    for (std::size_t zone = 0; zone < sites.zones.size(); ++zone) {
        if (asked[zone]) continue;
        const auto span = span_of(sites.zones[zone]);
        const int weight = for_client_first ? -span.lowest : span.highest;
        if (best && weight <= best_weight) continue;
        best = zone;
        best_weight = weight;
    }
    if (!best) return std::nullopt;
    return next_question{*best, can_refuse};
}

} // namespace fendmail::dnsbl
