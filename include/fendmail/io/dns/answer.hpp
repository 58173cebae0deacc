// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/answer.hpp"
#include "fendmail/core/dns/question.hpp"

#include <cstdint>
#include <span>
#include <string_view>

/// Reads what a resolver said about the records of a name.
///
/// Source: RFC 1035 §4.1 (messages), §3.3.9, §3.3.12 and §3.3.14 (MX, PTR, TXT), RFC 3596 §2.2
/// (AAAA), RFC 2308 §5 (TTL of a negative answer), RFC 2181 §8 (TTLs with the top bit set are
/// zero).
/// Memory: at most `limits::dnsbl_addresses` addresses of one answer; further ones are dropped.
/// Errors: an answer that cannot be read is a failed one with "malformed answer" as its reason.
/// Threads: values only.
namespace fendmail::io {

/// Reads the answer to a query for the records of `asked`. CNAMEs are followed only in that all
/// records of the type in the answer section count: the resolver has put them there for this
/// question.
[[nodiscard]] dns::answer parse_dns_answer(std::span<const std::uint8_t> message,
                                           std::string_view asked,
                                           dns::record_type type = dns::record_type::a);

} // namespace fendmail::io
