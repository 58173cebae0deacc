// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/client_name.hpp"
#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/screen/policy.hpp"
#include "fendmail/core/time.hpp"

#include <optional>

/// How long a client waits for what makes its score, and when that need not be waited for.
///
/// Units: spans from the connection on.
/// Errors: none.
namespace fendmail::screen {

/// Whether the score decides, whatever lists and names that have not answered may say.
[[nodiscard]] bool is_settled(const policy& rules, const dnsbl::score_bounds& bounds) noexcept;

/// The time limit of the early tests. With the greet wait off the lists alone decide, and they have
/// a limit of their own.
[[nodiscard]] milliseconds early_limit(const policy& rules, bool is_stressed,
                                       milliseconds lists_limit) noexcept;

/// Between which scores of the lists alone a client waits for them beyond its greet wait: it goes
/// as soon as they cannot refuse it, also where one that could have spared it the greet wait is
/// still missing; and what its name says is known by then.
/// @param found null = nothing is known of its name
/// @return nothing when the limits stay those of the greet wait
[[nodiscard]] std::optional<dnsbl::score_limits>
limits_when_late(const policy& rules, const dnsbl::name_finding* found) noexcept;

} // namespace fendmail::screen
