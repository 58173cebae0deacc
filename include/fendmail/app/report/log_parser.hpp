// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/report/time_zone.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Reads one line of a log back into the event that it was made of: in postscreen's format, JSON or
/// logfmt; as fendmail writes it to a file, and as syslog, `journalctl -o json` or `-o short` do.
/// The fields have the names of docs/log-events.md, whatever the format.
///
/// Source: docs/log-events.md; RFC 8259 (JSON), RFC 3164 and RFC 3339 (stamps).
/// Memory: two copies of the longest line.
/// Errors: a line that cannot be read says so; nothing is fatal.
/// Threads: one owner.
namespace fendmail::app {

struct log_field {
    std::string_view name;
    std::string_view value; ///< without quotes; escapes of client text as they were logged
};

/// Valid until the next line.
struct log_entry {
    std::optional<instant> time;
    std::string_view event; ///< "session_ended"
    std::vector<log_field> fields;

    /// "" where there is none.
    [[nodiscard]] std::string_view get(std::string_view name) const noexcept;
};

enum class line_kind : std::uint8_t {
    event,    ///< entry() has it
    other,    ///< of another program, or an event that the report does not use
    timeless, ///< an event, and nothing says when
    damaged,  ///< not whole
};

class log_parser {
public:
    /// @param now where a stamp has no year, it is the one that leads here
    log_parser(time_zone zone, instant now);

    [[nodiscard]] line_kind parse(std::string_view line);
    [[nodiscard]] const log_entry& entry() const noexcept { return entry_; }

private:
    [[nodiscard]] line_kind parse_object(std::string_view line);
    [[nodiscard]] line_kind parse_stamped(std::string_view line);
    [[nodiscard]] line_kind parse_message(std::string_view message);

    time_zone zone_;
    instant now_;
    log_entry entry_;
    std::string unescaped_;  ///< of the line
    std::string inner_text_; ///< of a message within it
    bool is_inner_ = false;
};

// ── the parts, each in a file of its own ──────────────────────────────────────────────────────

/// The members of one JSON object that are texts, numbers, true or false; an array of numbers is
/// a text of these octets, as journald writes one that is not UTF-8.
/// @param keep holds the values; what it held is gone
/// @return false when it is no object, or not whole
[[nodiscard]] bool read_json_fields(std::string_view text, std::string& keep,
                                    std::vector<log_field>& out);
/// `name=value name="a \"quoted\" one"`, as logfmt and the end of SUMMARY have it.
/// @return false when it is not whole
[[nodiscard]] bool read_pairs(std::string_view text, std::string& keep,
                              std::vector<log_field>& out);
/// A line of postscreen's format, without stamp and ident.
/// @return other, event or damaged
[[nodiscard]] line_kind read_phrase(std::string_view message, std::string& keep, log_entry& out);

} // namespace fendmail::app
