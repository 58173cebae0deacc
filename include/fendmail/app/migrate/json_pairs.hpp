// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/migrate/logical_lines.hpp"

#include <optional>
#include <string_view>
#include <vector>

/// What `postconf -j` prints: one object of names and texts a line.
///
/// Source: postconf(1) of Postfix 3.11, option -j; strings as in RFC 8259 §7.
/// Memory: the texts.
/// Errors: nothing where the text is no such object.
/// Threads: values only.
namespace fendmail::app::postscreen {

/// Whether a line has to be read as JSON: no line of main.cf or master.cf begins like that.
[[nodiscard]] bool is_json(std::string_view line) noexcept;

/// The pairs of the objects in the text; commas and brackets around them are passed over, so that
/// an array of them, or one on several lines, does as well. Control characters become blanks.
[[nodiscard]] std::optional<std::vector<name_value>> parse_json_pairs(std::string_view text);

} // namespace fendmail::app::postscreen
