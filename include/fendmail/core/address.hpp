// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/result.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

/// IP addresses, endpoints and networks as values, and their text.
///
/// Source: RFC 4291 §2.2 (IPv6 text), RFC 5952 §4 (its canonical form), RFC 4632 §3.1 (CIDR).
/// Units: ports and prefix lengths as plain numbers; octets in network order.
/// Memory: no allocation but for the strings that are returned.
/// Errors: parsers return `error`; nothing else can fail.
/// An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is folded to IPv4 wherever one is made, so that
/// one client has one identity in lists, store, lookups and logs.
namespace fendmail {

class ip_address {
public:
    /// 0.0.0.0
    constexpr ip_address() noexcept = default;
    [[nodiscard]] static ip_address v4(const std::array<std::uint8_t, 4>& octets) noexcept;
    /// Folds an IPv4-mapped address to IPv4.
    [[nodiscard]] static ip_address v6(const std::array<std::uint8_t, 16>& octets) noexcept;

    [[nodiscard]] bool is_v4() const noexcept { return is_v4_; }
    [[nodiscard]] bool is_v6() const noexcept { return !is_v4_; }
    /// Width in bits: 32 or 128.
    [[nodiscard]] unsigned bits() const noexcept { return is_v4_ ? 32 : 128; }
    /// 4 or 16 octets, network order.
    [[nodiscard]] std::span<const std::uint8_t> octets() const noexcept
    {
        return {octets_.data(), is_v4_ ? 4U : 16U};
    }
    [[nodiscard]] bool is_loopback() const noexcept;

    /// This address with all bits behind `prefix_length` set to zero.
    /// @pre prefix_length <= bits()
    [[nodiscard]] ip_address masked(unsigned prefix_length) const noexcept;

    friend auto operator<=>(const ip_address&, const ip_address&) noexcept = default;

private:
    std::array<std::uint8_t, 16> octets_{}; // IPv4 in the first four, the rest zero
    bool is_v4_ = true;
};

struct endpoint {
    ip_address address;
    std::uint16_t port = 0;
    friend auto operator<=>(const endpoint&, const endpoint&) noexcept = default;
};

/// All addresses that share the first `prefix_length` bits with `address`.
struct network {
    ip_address address; ///< bits behind the prefix are zero
    std::uint8_t prefix_length = 32;

    [[nodiscard]] bool contains(const ip_address& other) const noexcept;
    friend auto operator<=>(const network&, const network&) noexcept = default;
};
/// The network of this length that an address is in. @pre the length fits its family
[[nodiscard]] network network_of(const ip_address& address, unsigned prefix_length) noexcept;

/// "192.0.2.1" or any form of RFC 4291 §2.2; no zone index, no brackets, no leading zeros in IPv4.
[[nodiscard]] result<ip_address> parse_address(std::string_view text) noexcept;
/// "192.0.2.0/24", "2001:db8::/32", or an address alone for the network of just this one.
/// "::ffff:192.0.2.0/120" is the IPv4 network 192.0.2.0/24.
[[nodiscard]] result<network> parse_network(std::string_view text) noexcept;
/// "192.0.2.1:25", "[2001:db8::1]:25"; also "[192.0.2.1]:25", the form of to_text().
[[nodiscard]] result<endpoint> parse_endpoint(std::string_view text) noexcept;
/// A decimal port, no sign, no leading zeros but "0" itself.
[[nodiscard]] result<std::uint16_t> parse_port(std::string_view text) noexcept;

/// Canonical text: dotted decimal, or RFC 5952 §4 for IPv6.
[[nodiscard]] std::string to_text(const ip_address& address);
/// "[192.0.2.1]:25", the form of the log lines; IPv6 in the same brackets.
[[nodiscard]] std::string to_text(const endpoint& where);
/// "192.0.2.0/24".
[[nodiscard]] std::string to_text(const network& net);

} // namespace fendmail

template <>
struct std::hash<fendmail::ip_address> {
    std::size_t operator()(const fendmail::ip_address& address) const noexcept
    {
        // FNV-1a over all octets. Attackers choose addresses only within what they own, and
        // every table keyed by address is bounded, so a seeded hash would buy nothing here.
        std::size_t mixed = 14695981039346656037ULL;
        for (const auto octet : address.octets())
            mixed = (mixed ^ octet) * 1099511628211ULL;
        return mixed;
    }
};
