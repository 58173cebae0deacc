// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/filter.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

/// Which addresses in a list's answer are listings, and which are something else.
///
/// Source: RFC 5782 §2.1 and §5 (a listing is an address in 127.0.0.0/8); the lists' own
/// documentation of their error codes, see known_lists.hpp. postscreen takes every address for a
/// listing, and so refuses all clients when a list refuses it.
/// Memory: the filters.
/// Errors: none.
/// Threads: values only.
namespace fendmail::dnsbl {

/// What became of one address in an answer.
enum class answer_kind : std::uint8_t {
    listing,     ///< the list says something about the client
    error_code,  ///< the list refuses to answer us, by its own documentation
    not_listing, ///< no list answers this: a rewriting resolver, a blocker or a parked domain
};
[[nodiscard]] std::string_view to_string(answer_kind kind) noexcept;

/// What is special about the answers of one zone.
struct answer_rules {
    std::vector<filter> errors;   ///< answers that are errors of this list
    std::vector<filter> only;     ///< when not empty: every other answer is an error
    bool gives_127_0_0_1 = false; ///< this list means something by 127.0.0.1

    friend bool operator==(const answer_rules&, const answer_rules&) = default;
};

/// 127.255.255.0/24 are the error codes of Spamhaus and of lists that follow it, and 127.0.0.1 is
/// what blockers answer in place of a list: neither is a listing for any zone but one that says so.
[[nodiscard]] answer_kind classify(const ip_address& answer, const answer_rules& rules) noexcept;

} // namespace fendmail::dnsbl
