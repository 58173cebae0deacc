// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/logical_lines.hpp"

#include <algorithm>

namespace fendmail::app::postscreen {

namespace {

bool is_blank(char c) noexcept
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/// How many octets the UTF-8 character at the front has; 0 when there is none.
std::size_t utf8_length(std::string_view text) noexcept
{
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = octet(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 && first < 0xf5   ? 4
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xc2 && first < 0xe0 ? 2
                                                               : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((octet(i) & 0xc0) != 0x80) return 0;
    // Overlong forms and surrogates, which are no characters either (RFC 3629 §4).
    const bool is_overlong =
        (first == 0xe0 && octet(1) < 0xa0) || (first == 0xf0 && octet(1) < 0x90);
    const bool is_beyond =
        (first == 0xed && octet(1) >= 0xa0) || (first == 0xf4 && octet(1) >= 0x90);
    return is_overlong || is_beyond ? 0 : length;
}

/// What we write is TOML, and that is UTF-8; other octets become "?".
void append_utf8(std::string& out, std::string_view text)
{
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0)
            out += '?';
        else
            out += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
}

/// Neither empty nor a comment.
bool has_content(std::string_view line) noexcept
{
    const auto first = std::ranges::find_if_not(line, is_blank);
    return first != line.end() && *first != '#';
}

} // namespace

std::vector<logical_line> logical_lines(std::string_view text)
{
    std::vector<logical_line> out;
    logical_line current;
    for (unsigned number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (has_content(line)) {
            if (current.text.empty()) {
                current.number = number;
                current.is_orphan = is_blank(line.front());
            }
            append_utf8(current.text, line);
        }
        const bool goes_on = !text.empty() && (text.front() == '#' || is_blank(text.front()));
        if (current.text.empty() || goes_on) continue;
        out.push_back(std::move(current));
        current = {};
    }
    if (!current.text.empty()) out.push_back(std::move(current));
    return out;
}

std::string_view trim(std::string_view text) noexcept
{
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

std::vector<std::string> split_list(std::string_view text, std::string_view separators)
{
    std::vector<std::string> out;
    std::string word;
    std::size_t depth = 0;
    for (const char c : text) {
        if (depth == 0 && separators.find(c) != std::string_view::npos) {
            if (!word.empty()) out.push_back(std::move(word));
            word.clear();
            continue;
        }
        if (c == '{') ++depth;
        if (c == '}' && depth > 0) --depth;
        word += c;
    }
    if (!word.empty()) out.push_back(std::move(word));
    return out;
}

std::optional<std::string> braces_content(std::string_view text)
{
    text = trim(text);
    if (!text.starts_with('{')) return std::nullopt;
    std::size_t depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '{') ++depth;
        if (text[i] == '}') --depth;
        if (depth > 0) continue;
        if (i + 1 != text.size()) return std::nullopt;
        return std::string(trim(text.substr(1, i - 1)));
    }
    return std::nullopt;
}

std::optional<name_value> split_name_value(std::string_view text)
{
    text = trim(text);
    const auto end = std::ranges::find_if(text, [](char c) { return is_blank(c) || c == '='; });
    const std::string_view name{text.begin(), end};
    std::string_view rest = trim({end, text.end()});
    if (name.empty() || !rest.starts_with('=')) return std::nullopt;
    rest.remove_prefix(1);
    return name_value{std::string(name), std::string(trim(rest))};
}

std::optional<name_value> split_key_value(std::string_view text)
{
    text = trim(text);
    const auto end = std::ranges::find_if(text, is_blank);
    const std::string_view key{text.begin(), end};
    const std::string_view value = trim({end, text.end()});
    if (key.empty() || value.empty()) return std::nullopt;
    return name_value{std::string(key), std::string(value)};
}

bool is_word_character(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

} // namespace fendmail::app::postscreen
