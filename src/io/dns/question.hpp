// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/dns/answer.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Questions as datagrams. What a forged answer has to guess is added for each datagram anew: the
/// id, and the case of the letters of the name, which servers repeat as they got them.
///
/// Source: RFC 1035 §4.1 (header, question), RFC 5452 §4 (what makes forging hard),
/// draft-vixie-dnsext-dns0x20 (letters). c-ares makes the message.
/// Units: octets; 32 bits of `letters`, of which letter n takes bit n mod 32.
/// Memory: some 60 octets for each.
/// Errors: `reason` of a name that cannot be asked.
/// Threads: values only.
namespace fendmail::io {

struct dns_question {
    std::vector<std::uint8_t> message; ///< id 0, letters as they were given; empty on failure
    std::string_view reason{};         ///< static text
};
[[nodiscard]] dns_question make_question(const std::string& name, dns::record_type type);

/// Appends `message` to `to` with an id, and with its letters changed.
/// @param letters bit set: a letter is upper case; 0 = all as they are
void append_question(std::span<const std::uint8_t> message, std::uint16_t id, std::uint32_t letters,
                     std::vector<std::uint8_t>& to);

enum class question_match : std::uint8_t {
    none,         ///< it is another question, or no answer at all
    exact,        ///< the same letters
    other_case,   ///< the same name, but for the case of letters
    not_repeated, ///< an error that does not repeat the question, which is allowed
};
/// Whether `answer` repeats the question that was sent with these letters.
[[nodiscard]] question_match match_question(std::span<const std::uint8_t> message,
                                            std::uint32_t letters,
                                            std::span<const std::uint8_t> answer) noexcept;

/// Letters of the name that are upper case in the question.
[[nodiscard]] unsigned raised_letters(std::span<const std::uint8_t> message,
                                      std::uint32_t letters) noexcept;

/// None for what is too short to be a message.
[[nodiscard]] std::optional<std::uint16_t>
message_id(std::span<const std::uint8_t> message) noexcept;
/// There is more than fits a datagram (RFC 1035 §4.2.1).
[[nodiscard]] bool is_truncated(std::span<const std::uint8_t> message) noexcept;

} // namespace fendmail::io
