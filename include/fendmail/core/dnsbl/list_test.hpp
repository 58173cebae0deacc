// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/dnsbl/site.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The test of one list: what it is asked, and what its answers say about it.
///
/// Source: RFC 5782 §5 (127.0.0.2 and ::ffff:7f00:2 are listed, 127.0.0.1 and ::ffff:7f00:1 are
/// not), RFC 6761 §6.5 (no name ends in "example", and resolvers treat it like any other).
/// Memory: a few words.
/// Errors: none; no answer is an answer.
/// Threads: values only.
namespace fendmail::dnsbl {

enum class test_question : std::uint8_t {
    entry,        ///< 127.0.0.2: to be listed
    no_entry,     ///< 127.0.0.1: not to be listed
    entry_v6,     ///< ::ffff:7f00:2
    no_entry_v6,  ///< ::ffff:7f00:1
    nobody,       ///< an address of 127.0.0.0/8 that was never asked for, so no cache knows it
    no_such_name, ///< of the resolver and not of the list: a name that cannot exist
};
inline constexpr std::size_t test_questions = 6;
inline constexpr std::array<test_question, test_questions> all_test_questions{
    test_question::entry,       test_question::no_entry, test_question::entry_v6,
    test_question::no_entry_v6, test_question::nobody,   test_question::no_such_name};

/// @param random makes the names that were never asked for before
[[nodiscard]] std::string test_name(test_question what, std::string_view zone,
                                    std::uint32_t random);

enum class test_reply : std::uint8_t {
    none,       ///< not asked, not answered, SERVFAIL and the like
    unlisted,   ///< no such name
    listed,     ///< a listing
    error_code, ///< the list refuses to answer
    foreign,    ///< what no list answers
};
/// What an answer means as the reply to a question.
[[nodiscard]] test_reply reply_to(test_question what, const zone_answer& answer,
                                  const answer_rules& rules) noexcept;

class test_replies {
public:
    [[nodiscard]] test_reply& operator[](test_question what) noexcept
    {
        return all_[static_cast<std::size_t>(what)];
    }
    [[nodiscard]] test_reply operator[](test_question what) const noexcept
    {
        return all_[static_cast<std::size_t>(what)];
    }
    /// Nothing was answered.
    [[nodiscard]] bool are_none() const noexcept
    {
        return std::ranges::all_of(all_, [](test_reply r) { return r == test_reply::none; });
    }

private:
    std::array<test_reply, test_questions> all_{};
};

/// Why a list is not used.
enum class zone_trouble : std::uint8_t {
    none,
    silent,          ///< no answers
    lists_everybody, ///< it lists what no list may list
    lists_nothing,   ///< its test entry is gone
    refuses,         ///< it answers error codes
    foreign,         ///< another server answers in its place
    resolver,        ///< the resolver does, and not only for this list
};
[[nodiscard]] std::string_view to_string(zone_trouble t) noexcept;
/// "it lists …", for logs.
[[nodiscard]] std::string_view reason_of(zone_trouble t) noexcept;
/// What an admin should do about it.
[[nodiscard]] std::string_view advice_on(zone_trouble t) noexcept;

/// What a finished test says. A question without a reply says nothing, unless all have none.
/// @param has_entry the list is known to have its test entry, so that it must be found
/// @param was_silent then only `nobody` is believed: the others may come from the resolver's cache
[[nodiscard]] zone_trouble judge(const test_replies& replies, const site_set::zone_entry& zone,
                                 bool has_entry, bool was_silent) noexcept;

} // namespace fendmail::dnsbl
