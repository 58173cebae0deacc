// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/path.hpp"

#include <algorithm>

namespace fendmail::smtp {

namespace {

/// Up to `end` outside quotes; quotes and backslashes are taken away.
std::string unquoted_until(std::string_view text, char end)
{
    std::string out;
    bool in_quotes = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!in_quotes && text[i] == end) break;
        if (text[i] == '"') {
            in_quotes = !in_quotes;
            continue;
        }
        if (text[i] == '\\' && ++i == text.size()) break;
        out += text[i];
    }
    return out;
}

/// RFC 5321 §4.1.2 Dot-string, and octets above 127 (RFC 6531 §3.3).
bool is_dot_string(std::string_view local_part) noexcept
{
    static constexpr std::string_view specials = "()<>@,;:\\\"[]";
    const auto needs_quotes = [](char c) {
        const auto octet = static_cast<unsigned char>(c);
        return octet <= ' ' || octet == 0x7f || specials.find(c) != std::string_view::npos;
    };
    return !local_part.empty() && local_part.front() != '.' && local_part.back() != '.' &&
           local_part.find("..") == std::string_view::npos &&
           std::ranges::none_of(local_part, needs_quotes);
}

} // namespace

std::optional<std::string> parse_path(std::string_view argument)
{
    const std::size_t keyword_end = argument.find(':');
    if (keyword_end == std::string_view::npos) return std::nullopt;

    std::string_view text = argument.substr(keyword_end + 1);
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const bool in_brackets = text.starts_with('<');
    if (in_brackets) text.remove_prefix(1);

    std::string address = unquoted_until(text, in_brackets ? '>' : ' ');
    const std::size_t route_end = address.starts_with('@') ? address.find(':') : std::string::npos;
    if (route_end != std::string::npos) address.erase(0, route_end + 1);
    return address;
}

std::string to_log_form(std::string_view address)
{
    // The last "@" is the one before the domain; others stood in quotes.
    const std::string_view local_part = address.substr(0, address.rfind('@'));
    if (address.empty() || is_dot_string(local_part)) return std::string{address};

    std::string out = "\"";
    for (const char c : local_part) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
    return out.append(address.substr(local_part.size()));
}

} // namespace fendmail::smtp
