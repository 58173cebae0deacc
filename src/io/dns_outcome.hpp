// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/io/dns_answer.hpp"

/// A resolver's answer as that of a zone.
namespace fendmail::io {

/// @return a view of `answer`, which must outlive it
[[nodiscard]] inline dnsbl::zone_answer to_zone_answer(const dns_answer& answer) noexcept
{
    using outcome = dnsbl::zone_answer::outcome;
    switch (answer.what) {
    case dns_answer::outcome::found: return {outcome::found, answer.addresses, answer.ttl};
    case dns_answer::outcome::not_found: return {outcome::not_found, {}, answer.ttl};
    case dns_answer::outcome::failed: break;
    }
    return {};
}

} // namespace fendmail::io
