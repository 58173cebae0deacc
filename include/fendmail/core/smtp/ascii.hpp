// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

/// Upper and lower case of ASCII letters, whatever the locale says.
///
/// Source: RFC 5321 §2.4 (verbs and keywords are not case-sensitive), §2.3.1 (they are ASCII).
/// Errors: none; octets that are not ASCII letters stay as they are.
/// Threads: functions of their arguments only.
namespace fendmail::smtp {

[[nodiscard]] constexpr char to_upper(char c) noexcept
{
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept
{
    return std::ranges::equal(a, b, {}, to_upper, to_upper);
}

[[nodiscard]] inline std::string to_upper(std::string_view text)
{
    std::string upper{text};
    for (char& c : upper)
        c = to_upper(c);
    return upper;
}

} // namespace fendmail::smtp
