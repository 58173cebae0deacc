// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/result.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

/// Where a client's address is registered: its country and its autonomous system, as a database
/// of such says.
///
/// Source: ISO 3166-1 alpha-2 (two letters); RFC 6793 §3 (an AS number has 32 bits).
/// Errors: parsing returns `bad_origin`.
/// Threads: values.
namespace fendmail::acl {

struct client_origin {
    std::array<char, 2> country{}; ///< upper case; zeros = not known
    std::uint32_t asn = 0;         ///< 0 = not known, which RFC 7607 keeps free

    [[nodiscard]] bool has_country() const noexcept { return country[0] != '\0'; }
    [[nodiscard]] std::string_view country_text() const noexcept
    {
        return has_country() ? std::string_view{country.data(), country.size()}
                             : std::string_view{};
    }
    friend bool operator==(const client_origin&, const client_origin&) = default;
};

/// What a rule or a weight is for: either a country or an AS.
struct origin_pattern {
    client_origin wanted{};

    [[nodiscard]] bool is_country() const noexcept { return wanted.has_country(); }
    [[nodiscard]] bool matches(const client_origin& client) const noexcept
    {
        return is_country() ? client.country == wanted.country
                            : wanted.asn != 0 && client.asn == wanted.asn;
    }
    friend bool operator==(const origin_pattern&, const origin_pattern&) = default;
};

/// Whether a text means to be a pattern, right or wrong: it begins with "country:" or "asn:".
[[nodiscard]] bool is_origin_text(std::string_view text) noexcept;
/// "country:XX" in any case, "asn:64500", "asn:AS64500".
[[nodiscard]] result<origin_pattern> parse_origin(std::string_view text) noexcept;
/// "country:XX", "asn:64500".
[[nodiscard]] std::string to_text(const origin_pattern& what);

} // namespace fendmail::acl
