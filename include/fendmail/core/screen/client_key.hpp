// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

/// The name under which a client is remembered: its address, or the network that stands for it.
///
/// Memory: 18 octets, no allocation. In the store: family ('4' or '6'), prefix length, then the
/// 4 or 16 octets of the network's address, so that IPv4 and IPv6 never collide and keys of one
/// network lie side by side.
namespace fendmail::screen {

class client_key {
public:
    /// @pre the prefix length that fits the family is at most 32 or 128
    client_key(const ip_address& address, unsigned ipv4_prefix = 32,
               unsigned ipv6_prefix = 128) noexcept;

    [[nodiscard]] std::span<const std::byte> octets() const noexcept
    {
        return {octets_.data(), size_};
    }
    [[nodiscard]] const network& net() const noexcept { return net_; }

    friend bool operator==(const client_key& a, const client_key& b) noexcept
    {
        return a.net_ == b.net_;
    }
    friend auto operator<=>(const client_key& a, const client_key& b) noexcept
    {
        return a.net_ <=> b.net_;
    }

private:
    network net_;
    std::array<std::byte, 18> octets_{};
    std::uint8_t size_ = 0;
};

} // namespace fendmail::screen

template <>
struct std::hash<fendmail::screen::client_key> {
    std::size_t operator()(const fendmail::screen::client_key& key) const noexcept
    {
        return std::hash<fendmail::ip_address>{}(key.net().address) ^ key.net().prefix_length;
    }
};
