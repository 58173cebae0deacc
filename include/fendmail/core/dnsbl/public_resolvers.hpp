// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <string_view>

/// Resolvers that everybody uses. Free lists count questions by who asks, and answer nobody who
/// asks for the whole world: they say an error code, nothing, or that nobody is listed.
///
/// Source: the operators' own pages of addresses; Spamhaus, "using DNSBLs with public resolvers".
/// Memory: constants.
/// Errors: none; one that is not known here is nobody's.
/// Threads: constants.
namespace fendmail::dnsbl {

/// Whose it is, such as "Google"; "" when it is not known for a public one.
[[nodiscard]] std::string_view public_resolver(const ip_address& address) noexcept;

} // namespace fendmail::dnsbl
