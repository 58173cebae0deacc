// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What fendmail and the helper that keeps bans in the kernel (fendmail-nft) say to each other:
/// lines of ASCII over a UNIX socket, each ended by LF.
///
/// fendmail says first which bans there are, and then each change:
///     all ipv6-prefix=64 ports=25,587
///     ban 192.0.2.1 21600
///     end
///     unban 192.0.2.1
/// What is not named between "all" and "end" is not banned. The helper says now and then:
///     state held=12 missing=0 dropped=345 trouble=the kernel's set is full
/// A client is one address of IPv4, or of IPv6 the first of a network of that prefix.
/// Units: seconds that a ban lasts from now on: both sides have clocks of their own.
/// Memory: a line has at most `kernel_line_octets`.
/// Errors: a line that is none is nothing.
/// Threads: values.
namespace fendmail::abuse {

inline constexpr std::size_t kernel_line_octets = 512;
inline constexpr std::size_t kernel_ports_max = 64;

/// All bans follow, up to kernel_end.
struct kernel_all {
    unsigned ipv6_prefix = 64;
    std::vector<std::uint16_t> ports{}; ///< fendmail's own; for which ports, the helper decides
    friend bool operator==(const kernel_all&, const kernel_all&) = default;
};
struct kernel_end {
    friend bool operator==(const kernel_end&, const kernel_end&) = default;
};
struct kernel_ban {
    ip_address who{};
    seconds left{0}; ///< 1 to ten years
    friend bool operator==(const kernel_ban&, const kernel_ban&) = default;
};
struct kernel_unban {
    ip_address who{};
    friend bool operator==(const kernel_unban&, const kernel_unban&) = default;
};
using kernel_order = std::variant<kernel_all, kernel_end, kernel_ban, kernel_unban>;

/// What the helper has done.
struct kernel_state {
    std::size_t held = 0;      ///< bans that the kernel has
    std::size_t missing = 0;   ///< bans that it should have and has not
    std::uint64_t dropped = 0; ///< attempts to connect, since the helper's table was made
    std::string trouble{};     ///< in words for an admin; "" = all is well
    friend bool operator==(const kernel_state&, const kernel_state&) = default;
};

/// Without the end of the line.
[[nodiscard]] std::string write_line(const kernel_order& what);
[[nodiscard]] std::string write_line(const kernel_state& what);
[[nodiscard]] std::optional<kernel_order> parse_kernel_order(std::string_view line);
[[nodiscard]] std::optional<kernel_state> parse_kernel_state(std::string_view line);

} // namespace fendmail::abuse
