// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/result.hpp"

#include <array>
#include <bitset>
#include <string>
#include <string_view>

/// Which answers of a DNSBL count: four fields, each a number or "[a;b..c]".
///
/// Source: postscreen's reply filter grammar ("127.0.0.[2..11;20]", "127.0.[0..255].[1..3]").
/// Numbers are decimal, leading zeros or not; a range must not run backwards.
/// Memory: 128 octets, fixed.
/// Errors: `bad_filter`.
namespace fendmail::dnsbl {

class filter {
public:
    /// Matches every IPv4 address.
    filter() noexcept;
    /// Never matches an IPv6 address: lists answer with A records.
    [[nodiscard]] bool matches(const ip_address& answer) const noexcept;
    friend bool operator==(const filter&, const filter&) = default;
    friend result<filter> parse_filter(std::string_view text) noexcept;

private:
    std::array<std::bitset<256>, 4> allowed_;
};

[[nodiscard]] result<filter> parse_filter(std::string_view text) noexcept;

} // namespace fendmail::dnsbl
