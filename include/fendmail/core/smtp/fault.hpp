// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/reply.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// What a client can do wrong in a dialog, and what is then done: the mechanism of the deep tests,
/// and of what a HELO name adds to the score. Which of them run and what they mean for the client
/// is decided in screen/.
///
/// Source: postscreen's deep protocol tests and their replies.
/// Memory: constants.
/// Errors: none.
/// Threads: values.
namespace fendmail::smtp {

enum class fault : std::uint8_t {
    bare_newline,     ///< a command line ended by <LF> without <CR>
    non_smtp_command, ///< a command of another protocol, or a mail header
    pipelining,       ///< a command sent before the reply to the one before it
    own_helo,         ///< HELO with a name or an address of ours
};
inline constexpr std::array<fault, 4> all_faults{fault::bare_newline, fault::non_smtp_command,
                                                 fault::pipelining, fault::own_helo};

enum class on_fault : std::uint8_t {
    unwatched, ///< not looked for
    tell,      ///< a note, nothing else
    refuse,    ///< from now on every recipient gets 550
    end,       ///< 521 and close
};

/// What to do about each; after the first of a kind it is not looked for any more.
struct fault_rules {
    std::array<on_fault, all_faults.size()> values{};
    [[nodiscard]] on_fault& operator[](fault f) noexcept
    {
        return values[static_cast<std::size_t>(f)];
    }
    [[nodiscard]] on_fault operator[](fault f) const noexcept
    {
        return values[static_cast<std::size_t>(f)];
    }
};

/// What every recipient gets behind a fault.
[[nodiscard]] reply refusal_of(fault f);
/// The last words to a client whose fault ends the session.
[[nodiscard]] reply last_words_of(fault f);

[[nodiscard]] std::string_view to_string(fault f) noexcept;
[[nodiscard]] std::string_view to_string(on_fault o) noexcept;

} // namespace fendmail::smtp
