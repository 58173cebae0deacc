// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <cstdint>
#include <span>
#include <vector>

/// A set of addresses that grows by networks and shrinks by sets.
///
/// Source: RFC 7208 §4.6.2: the first mechanism that matches decides, so what an earlier one
/// excludes has to be taken out of what a later one allows.
/// Memory: 34 octets a run of addresses without a gap.
/// Errors: none.
/// Threads: one owner.
namespace fendmail::spf {

class network_set {
public:
    network_set() = default;
    /// @pre the bits behind each prefix are zero
    explicit network_set(std::span<const network> nets);

    void add(const network_set& other);
    void subtract(const network_set& other);

    [[nodiscard]] bool empty() const noexcept { return v4_.empty() && v6_.empty(); }
    /// The fewest networks that hold just these addresses; IPv4 first, each family ascending.
    [[nodiscard]] std::vector<network> networks() const;

private:
    /// An address as a number; IPv4 in the low 32 bits.
    struct number {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        friend auto operator<=>(const number&, const number&) noexcept = default;
    };
    struct range {
        number first{};
        number last{};
    };
    using ranges = std::vector<range>; ///< ascending, with gaps between them

    [[nodiscard]] static number to_number(const ip_address& address) noexcept;
    [[nodiscard]] static ip_address to_address(number n, bool is_v4) noexcept;
    [[nodiscard]] static number next(number n) noexcept;
    [[nodiscard]] static number previous(number n) noexcept;
    /// The last address of the network of `length` bits behind the prefix that begins at `first`.
    [[nodiscard]] static number end_of_block(number first, unsigned host_bits) noexcept;
    [[nodiscard]] static bool is_aligned(number n, unsigned host_bits) noexcept;
    [[nodiscard]] static ranges joined(ranges all);
    [[nodiscard]] static ranges sum(const ranges& a, const ranges& b);
    [[nodiscard]] static ranges difference(const ranges& a, const ranges& b);
    static void append_networks(const ranges& from, bool is_v4, std::vector<network>& to);

    ranges v4_;
    ranges v6_;
};

} // namespace fendmail::spf
