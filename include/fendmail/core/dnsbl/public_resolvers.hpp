// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <string_view>

/// Resolvers of the public. Free lists count questions by the resolver that asks, and do not answer
/// one that asks for the whole world: they say an error code, nothing, or "not listed".
///
/// Source: the operators' own pages of addresses; Spamhaus, "using DNSBLs with public resolvers".
/// Memory: constants.
/// Errors: none; one that is not known here is no public one.
/// Threads: constants.
namespace fendmail::dnsbl {

/// Whose it is, such as "Google"; "" when it is not known for a public one.
[[nodiscard]] std::string_view public_resolver(const ip_address& address) noexcept;

} // namespace fendmail::dnsbl
