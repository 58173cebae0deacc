// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

/// Datagrams that the kernel has thrown away because a socket of this machine did not read them in
/// time: what a name server here has lost of our questions.
///
/// Source: /proc/net/udp and udp6 (Linux, proc_net_udp(5)): the last column counts since the
/// socket was made, of all senders.
/// Units: datagrams.
/// Errors: what cannot be read or understood is as if it were not there.
/// Threads: any.
namespace fendmail::io {

struct udp_receiver {
    endpoint local; ///< address 0.0.0.0 or :: = every address
    std::uint64_t drops = 0;
    friend bool operator==(const udp_receiver&, const udp_receiver&) = default;
};

/// The sockets that take datagrams of any sender; those connected to one sender are left out.
[[nodiscard]] std::vector<udp_receiver> parse_udp_receivers(std::string_view text);

/// What was lost by all sockets that receive what is sent to `where`; nothing when there is none.
[[nodiscard]] std::optional<std::uint64_t> drops_at(std::span<const udp_receiver> receivers,
                                                    const endpoint& where) noexcept;

/// The same of this machine now; nothing also when the address is another machine's.
[[nodiscard]] std::optional<std::uint64_t> drops_here(const endpoint& where);

} // namespace fendmail::io
