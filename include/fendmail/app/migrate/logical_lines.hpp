// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/text/ascii.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The lexical rules that all text files of Postfix share: logical lines, lists, braces.
///
/// Source: postconf(5), master(5), cidr_table(5); Postfix's own behaviour where they are silent.
/// Memory: the text once more.
/// Errors: none; what is malformed is marked or absent.
/// Threads: values only.
namespace fendmail::app::postscreen {

struct logical_line {
    std::string text;       ///< its physical lines joined, without their ends; valid UTF-8
    unsigned number = 0;    ///< of its first physical line
    bool is_orphan = false; ///< begins with a blank although nothing stands before it
};

/// A line that begins with a blank continues the one before. Empty lines and lines whose first
/// character is "#" are nowhere, not even between a line and what continues it.
[[nodiscard]] std::vector<logical_line> logical_lines(std::string_view text);

inline constexpr std::string_view blanks = " \t\r\n";
inline constexpr std::string_view list_separators = ", \t\r\n";

[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// The words of a list; separators within {} do not separate.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text,
                                                  std::string_view separators = list_separators);

/// What stands in "{ … }", without the blanks around it; nothing if that is not all of the text.
[[nodiscard]] std::optional<std::string> braces_content(std::string_view text);

struct name_value {
    std::string name;
    std::string value;
};
/// "name = value" with any blanks; nothing without a name or a "=".
[[nodiscard]] std::optional<name_value> split_name_value(std::string_view text);

/// "key value": split at the first blank, or nothing when either is missing.
[[nodiscard]] std::optional<name_value> split_key_value(std::string_view text);

[[nodiscard]] bool is_word_character(char c) noexcept; ///< of a parameter's name

} // namespace fendmail::app::postscreen
