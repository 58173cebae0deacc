// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

/// Finds the replies in what a server sends, in whatever pieces it comes.
///
/// Source: RFC 5321 §4.2 (a reply line is three digits, then <SP>, or "-" when more lines follow).
/// Memory: a few words; no text is kept.
/// Errors: a line that does not begin with three digits is a reply of code 0.
/// Threads: one owner.
namespace fendmail::storm {

struct reply_line {
    int code = 0;
    bool is_last = true; ///< of its reply: the teaser "220-" is not
    friend bool operator==(const reply_line&, const reply_line&) = default;
};

class reply_scanner {
public:
    /// Takes octets off the front of `octets` up to the end of a line; nothing, when the line
    /// goes on in what comes next.
    [[nodiscard]] std::optional<reply_line> next(std::string_view& octets) noexcept;

private:
    std::size_t at_ = 0; ///< octets seen of the line under way
    reply_line line_;
    bool is_reply_ = true;
};

} // namespace fendmail::storm
