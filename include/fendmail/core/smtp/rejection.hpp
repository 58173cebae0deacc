// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// What clients are told that lists refuse: a text of the admin with names to be replaced.
///
/// Source: Postfix's rbl_reply_maps; RFC 5321 §4.5.3.1.5 (512 octets a line); RFC 3463 (enhanced
/// status codes, of which only class 5 fits a refusal).
/// Units: octets.
/// Memory: the texts; an expansion has at most one reply line.
/// Errors: parse_rejection() says in words what is wrong with a text.
/// Threads: functions of their arguments only.
namespace fendmail::smtp {

/// What may stand in braces in a text.
inline constexpr std::string_view rejection_names = "{client}, {session}, {txt}, {zone}, {zones}";
/// Longest text; what it names must still fit the line.
inline constexpr std::size_t rejection_octets_max = 300;

struct rejection {
    std::string enhanced; ///< "5.7.1"; "" = that of the test
    std::string text;     ///< what follows it, not expanded

    [[nodiscard]] bool is_set() const noexcept { return !text.empty(); }
    /// Whether the list has to be asked for its text.
    [[nodiscard]] bool names_txt() const noexcept;
};

struct parsed_rejection {
    rejection value;
    std::string trouble; ///< "" when there is none
};
/// @param text "" makes one that is not set
[[nodiscard]] parsed_rejection parse_rejection(std::string_view text);

struct rejection_values {
    std::string_view client;
    std::string_view session;
    std::string_view zone;               ///< the list that weighs most
    std::vector<std::string_view> zones; ///< all that speak against the client
    std::string_view txt;                ///< of the first list; "" when it is not known
};

/// The text of the reply, which fits a line behind its codes whatever the values are: first `txt`
/// gives way, then `zones`, of which the last ones are left out. A name without a value goes
/// together with the blanks and punctuation before it.
/// @param enhanced_octets of the enhanced code that will stand before it
[[nodiscard]] std::string expand_rejection(const rejection& what, std::size_t enhanced_octets,
                                           const rejection_values& values);

/// What a list says, fit for a reply line: printable ASCII, one blank for each run of others, and
/// at most `octets_max` octets.
[[nodiscard]] std::string clean_reason(std::string_view text, std::size_t octets_max);
inline constexpr std::size_t reason_octets_max = 300;

} // namespace fendmail::smtp
