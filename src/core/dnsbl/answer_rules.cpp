// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/answer_rules.hpp"

#include <algorithm>

namespace fendmail::dnsbl {
namespace {

bool is_any_of(const std::vector<filter>& filters, const ip_address& answer) noexcept
{
    return std::ranges::any_of(filters, [&](const filter& one) { return one.matches(answer); });
}

bool is_127_0_0_1(std::span<const std::uint8_t> octets) noexcept
{
    return octets[0] == 127 && octets[1] == 0 && octets[2] == 0 && octets[3] == 1;
}

} // namespace

std::string_view to_string(answer_kind kind) noexcept
{
    switch (kind) {
    case answer_kind::listing: return "listing";
    case answer_kind::error_code: return "error_code";
    case answer_kind::not_listing: return "not_listing";
    }
    return "?";
}

answer_kind classify(const ip_address& answer, const answer_rules& rules) noexcept
{
    const auto octets = answer.octets();
    if (!answer.is_v4() || octets[0] != 127) return answer_kind::not_listing;
    if (octets[1] == 255 && octets[2] == 255) return answer_kind::error_code;
    // Before 127.0.0.1 in general: URIBL says by it that it refuses to answer.
    if (is_any_of(rules.errors, answer)) return answer_kind::error_code;
    if (is_127_0_0_1(octets) && !rules.gives_127_0_0_1) return answer_kind::not_listing;
    if (!rules.only.empty() && !is_any_of(rules.only, answer)) return answer_kind::error_code;
    return answer_kind::listing;
}

} // namespace fendmail::dnsbl
