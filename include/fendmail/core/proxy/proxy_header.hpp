// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <string>

/// The PROXY header: tells a backend on its first octets the address of the client.
///
/// Source: The PROXY protocol (HAProxy, proxy-protocol.txt) §2.1 (version 1, text) and §2.2
/// (version 2, binary). Only PROXY over TCP is written: Postfix 3.7 answers 421 to UNKNOWN, UNSPEC
/// and UNIX headers.
/// Units: octets; at most 107 for version 1, 28 (IPv4) or 52 (IPv6) for version 2. No TLVs: the
/// MTAs ignore them, and Exim 4.96 takes a longer header for SMTP commands.
/// Memory: the string that is returned.
/// Errors: none.
///
/// A header has one family for both addresses. When they differ (the client was named by a header
/// of a proxy before us), the family of the client decides, since a backend acts on the client and
/// at most logs the local address:
/// - IPv4 client, IPv6 local address: TCP4 with 0.0.0.0 as local address. The other way round, the
///   client as ::ffff:a.b.c.d in a TCP6 header, would give it another name: Exim and OpenSMTPD
///   keep that form, and their IPv4 lists would not match it.
/// - IPv6 client, IPv4 local address: TCP6 with the local address as ::ffff:a.b.c.d, which loses
///   nothing.
///
/// The backend must get a header in one segment: Postfix reads it with a single look at the
/// socket. Write it with one call, ahead of everything else.
namespace fendmail::proxy {

/// "PROXY TCP4 203.0.113.77 192.0.2.25 41001 25\r\n"
/// @param local the address of ours that the client connected to
[[nodiscard]] std::string write_v1(const endpoint& client, const endpoint& local);
/// The binary form of the same.
[[nodiscard]] std::string write_v2(const endpoint& client, const endpoint& local);

} // namespace fendmail::proxy
