// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/score_wait.hpp"

namespace fendmail::screen {

bool is_settled(const policy& rules, const dnsbl::score_bounds& bounds) noexcept
{
    switch (certainty_of(bounds, rules.score_limits())) {
    case dnsbl::certainty::open: return false;
    case dnsbl::certainty::fails:
    case dnsbl::certainty::allows: return true;
    case dnsbl::certainty::passes: break;
    }
    // The name in HELO is added to what the others say in the end.
    const int own_helo = rules.names.own_helo;
    return own_helo == 0 || bounds.highest + own_helo < rules.dnsbl_threshold;
}

milliseconds early_limit(const policy& rules, bool is_stressed, milliseconds lists_limit) noexcept
{
    const auto wait = rules.wait(is_stressed);
    return wait.count() == 0 ? lists_limit : milliseconds{wait};
}

std::optional<dnsbl::score_limits> limits_when_late(const policy& rules,
                                                    const dnsbl::name_finding* found) noexcept
{
    // It waits also for those that could make a suspect of it.
    if (rules.grey_threshold > 0) return std::nullopt;
    const int of_name = found == nullptr ? 0 : rules.names.of(found->signal);
    if (rules.dnsbl_allow_threshold >= 0 && of_name == 0) return std::nullopt;
    return dnsbl::score_limits{rules.dnsbl_threshold - of_name, 0};
}

} // namespace fendmail::screen
