// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"

#include <cstddef>
#include <cstdint>
#include <fmt/format.h>
#include <string_view>

/// Turns events into log text. The only place where client text is escaped and cut.
///
/// Source: postscreen's log phrases, which fail2ban, pflogsumm and exporters parse; RFC 8259 for
/// JSON.
/// Units: text is cut at `limits::log_text_octets` octets of client text. Durations: two
/// significant digits in postscreen's own phrases, seconds with three decimals everywhere else.
/// Memory: only what `out` needs to grow.
/// Errors: none. Whatever the text holds, a line is printable ASCII without ends of line; a reader
/// of JSON or logfmt gets text in the same C escapes as stand in a line of postscreen's format.
/// Threads: pure functions.
namespace fendmail::event {

enum class log_format : std::uint8_t { postscreen, json, logfmt };
/// How access lists are called in postscreen's format.
enum class log_words : std::uint8_t {
    respectful, ///< ALLOWLISTED, DENYLISTED
    old,        ///< WHITELISTED, BLACKLISTED: Postfix before 3.6, and log analysers of its time
};

[[nodiscard]] std::string_view to_string(log_format f) noexcept;
[[nodiscard]] std::string_view to_string(level l) noexcept;

[[nodiscard]] level level_of(const any_event& what) noexcept;
/// Snake-case name of the event: "session_ended".
[[nodiscard]] std::string_view name_of(const any_event& what) noexcept;

/// Postfix's postscreen leaves some lines to helpers, and log analysers know them by the program
/// that writes them: "dnsblog" or "tlsproxy"; "" = postscreen's own, or of no program of Postfix.
[[nodiscard]] std::string_view program_of(const any_event& what) noexcept;

/// Appends one line without its end and without time, host and program name. Warnings and
/// errors begin with "warning: " and "error: " as Postfix's do.
void render_postscreen(fmt::memory_buffer& out, const any_event& what,
                       log_words words = log_words::respectful);
/// Appends one JSON object: {"event":"…","level":"…", fields…}.
/// @param time RFC 3339 text for the "time" field; "" leaves the field out
void render_json(fmt::memory_buffer& out, const any_event& what, std::string_view time);
/// Appends key=value pairs, values quoted where needed.
void render_logfmt(fmt::memory_buffer& out, const any_event& what, std::string_view time);

/// Appends a span as postscreen does, in seconds: rounded half up to 0.01 below one second, to 0.1
/// below ten and to 1 from there on, without zeros at its end: "0", "0.03", "0.3", "5.9", "12".
void append_delay(fmt::memory_buffer& out, milliseconds span);

/// Client text for a log line: printable ASCII stays, all else becomes a C escape as in Postfix
/// (\a \b \f \n \r \t \v, \ooo with three digits, \\ for a backslash); at most `limit` octets of
/// input.
void append_escaped(fmt::memory_buffer& out, std::string_view text, std::size_t limit);

} // namespace fendmail::event
