// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <vector>

/// The addresses of this machine's interfaces now.
///
/// Source: getifaddrs(3), which needs a netlink socket; where there can be none, as in the sandbox
/// of our unit, netdevice(7) for IPv4 and /proc/self/net/if_inet6 for IPv6.
/// Errors: what the system does not tell is not there.
/// Threads: any.
namespace fendmail::io {

[[nodiscard]] std::vector<ip_address> own_addresses();
/// The second way.
[[nodiscard]] std::vector<ip_address> own_addresses_without_netlink();

} // namespace fendmail::io
