// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// Follows a backend's replies while they are forwarded: where each begins and ends, its code, and
/// whether it names CHUNKING. What is to be kept or answered is read with reply_reader instead.
///
/// Source: RFC 5321 §4.2 (syntax, one code on all lines), §4.1.1.1 (EHLO keywords), RFC 3030 §2.
/// As clients do, it takes an <LF> alone for the end of a line.
/// Units: octets.
/// Memory: constant; a reply has at most limits::relayed_reply_octets.
/// Errors: values.
/// Threads: one of these belongs to one session.
namespace fendmail::smtp {

enum class reply_event : std::uint8_t {
    more,     ///< the reply goes on
    code,     ///< this was the last digit of its code; the reply goes on
    complete, ///< this was its last octet
    bad,      ///< no SMTP reply has this octet here
    too_long,
};

class reply_tracker {
public:
    /// @pre the last call returned neither `bad` nor `too_long`
    [[nodiscard]] reply_event take(char octet) noexcept;

    [[nodiscard]] bool is_under_way() const noexcept { return octets_ > 0; }
    /// Octets of the reply under way.
    [[nodiscard]] std::size_t octets() const noexcept { return octets_; }
    /// Of the reply whose code came last.
    [[nodiscard]] int code() const noexcept;
    /// True when a line of the reply, but not its first, was the keyword CHUNKING.
    [[nodiscard]] bool names_chunking() const noexcept { return names_chunking_; }

private:
    [[nodiscard]] reply_event take_digit(char octet) noexcept;
    void take_text(char octet) noexcept;
    [[nodiscard]] reply_event end_line() noexcept;

    std::array<char, 3> code_{'0', '0', '0'};
    std::size_t octets_ = 0;
    std::size_t line_octets_ = 0;
    std::size_t keyword_octets_ = 0; ///< how many of CHUNKING this line has matched
    bool is_first_line_ = true;
    bool is_last_line_ = false;
    bool matches_ = false; ///< this line may still be the keyword
    bool names_chunking_ = false;
};

[[nodiscard]] std::string_view to_string(reply_event e) noexcept;

} // namespace fendmail::smtp
