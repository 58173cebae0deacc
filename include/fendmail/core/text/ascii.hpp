// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

/// ASCII letters and digits, whatever the locale says.
///
/// Source: RFC 5321 §2.4 (verbs and keywords are not case-sensitive), §2.3.1 (they are ASCII),
/// RFC 5234 §2.3 (literals of ABNF are not case-sensitive), RFC 4343 (nor are names in DNS).
/// Errors: none; octets that are not ASCII letters stay as they are.
/// Threads: functions of their arguments only.
namespace fendmail {

[[nodiscard]] constexpr char to_upper(char c) noexcept
{
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

[[nodiscard]] constexpr char to_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr bool is_letter(char c) noexcept
{
    return to_lower(c) >= 'a' && to_lower(c) <= 'z';
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

[[nodiscard]] inline std::string to_lower(std::string_view text)
{
    std::string lower{text};
    for (char& c : lower)
        c = to_lower(c);
    return lower;
}

} // namespace fendmail
