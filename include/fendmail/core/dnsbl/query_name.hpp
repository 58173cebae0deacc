// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <string>
#include <string_view>

/// The name that a DNSBL is asked for.
///
/// Source: RFC 5782 §2.1 (IPv4) and §2.4 (IPv6).
/// Errors: none; `parse_site` bounds a zone so that every name fits in 253 octets.
namespace fendmail::dnsbl {

/// Octets (IPv4) or nibbles (IPv6) in reverse order, then the zone.
[[nodiscard]] std::string query_name(const ip_address& client, std::string_view zone);

} // namespace fendmail::dnsbl
