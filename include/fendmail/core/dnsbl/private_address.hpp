// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

/// Addresses that mean another host in each network, so that no public list can know them, and a
/// question about one only tells the list how the own network is made.
///
/// Source: RFC 1918 §3 (10/8, 172.16/12, 192.168/16), RFC 6598 §7 (100.64/10, carrier-grade NAT),
/// RFC 3927 §2.1 (169.254/16) and RFC 4291 §2.5.6 (fe80::/10), link-local; RFC 4193 §3.1
/// (fc00::/7, unique local).
/// Errors: none.
/// Threads: values only.
///
/// Not among them: loopback (RFC 1122 §3.2.1.3), from which only this host comes, which the default
/// of access.rules permits, and which test setups use to play any client; networks for
/// documentation (RFC 5737, RFC 3849), from which no client comes.
namespace fendmail::dnsbl {

[[nodiscard]] bool is_private(const ip_address& client) noexcept;

} // namespace fendmail::dnsbl
