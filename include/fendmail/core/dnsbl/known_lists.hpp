// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/answer_rules.hpp"

#include <cstdint>
#include <span>
#include <string_view>

/// What is known about well-known lists: how they say that they refuse to answer, whether they
/// keep to the test entries of RFC 5782 §5, and which of them are gone.
///
/// Source: the lists' own documentation, and the outages that not reading it led to
/// (127.255.255.x and DNSWL's codes taken for listings, SORBS, AHBL and NJABL listing all clients).
/// Memory: constants.
/// Errors: none.
/// Threads: constants.
namespace fendmail::dnsbl {

enum class list_kind : std::uint8_t {
    addresses, ///< of clients: what fendmail asks for
    names,     ///< of domains: knows no client, or says of each that it was asked wrongly
    gone,      ///< shut down; the domain may be another's now, and list all clients
};

/// Whether a list has the entry 127.0.0.2 for tests, which RFC 5782 §5 demands.
enum class test_entry : std::uint8_t {
    unknown,  ///< learnt from the first test that finds it
    there,    ///< documented
    untested, ///< it does not have it, or should not be asked for it
};

struct known_list {
    std::string_view domain = {}; ///< the zone, or what it ends in
    list_kind kind = list_kind::addresses;
    test_entry entry = test_entry::unknown;
    bool lists_loopback = false;  ///< 127.0.0.1 is listed, and is an answer with a meaning
    bool refuses_public = false;  ///< it answers no questions through public resolvers
    std::string_view errors = {}; ///< filters of answers that are errors, separated by spaces
    std::string_view only = {};   ///< the filter of all answers that are none; "" = any
    std::string_view remark = {}; ///< of one that is gone: when
};

[[nodiscard]] std::span<const known_list> known_lists() noexcept;
/// The entry whose domain is the longest end of `zone` (lower case), or nullptr.
[[nodiscard]] const known_list* find_known_list(std::string_view zone) noexcept;
/// @param list nullptr for a list that is not known
[[nodiscard]] answer_rules rules_of(const known_list* list);

} // namespace fendmail::dnsbl
