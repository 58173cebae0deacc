// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/json_pairs.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace fendmail::app::postscreen {

namespace {

constexpr std::string_view punctuation = "{}[], \t\r\n";

void skip(std::string_view& text, std::string_view what) noexcept
{
    text.remove_prefix(std::min(text.find_first_not_of(what), text.size()));
}

void append_code_point(std::string& out, unsigned code)
{
    // Blanks: what is made of these texts is one line each.
    if (code < 0x20 || code == 0x7f)
        out += ' ';
    else if (code < 0x80)
        out += static_cast<char>(code);
    else
        out += '?'; // postconf writes what is not ASCII as it is
}

/// What follows a backslash.
bool take_escape(std::string_view& text, std::string& out)
{
    constexpr std::string_view blank_escapes = "bfnrt";
    if (text.empty()) return false;
    const char kind = text.front();
    text.remove_prefix(1);
    if (kind == 'u') {
        unsigned code = 0;
        const std::string_view digits = text.substr(0, 4);
        const auto [end, failure] =
            std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
        if (failure != std::errc{} || digits.size() != 4 || end != digits.data() + 4) return false;
        text.remove_prefix(4);
        append_code_point(out, code);
        return true;
    }
    if (blank_escapes.find(kind) != std::string_view::npos)
        out += ' ';
    else if (kind == '"' || kind == '\\' || kind == '/')
        out += kind;
    else
        return false;
    return true;
}

/// Takes "…" off the front.
std::optional<std::string> take_string(std::string_view& text)
{
    if (!text.starts_with('"')) return std::nullopt;
    text.remove_prefix(1);
    std::string out;
    while (!text.empty()) {
        const char c = text.front();
        text.remove_prefix(1);
        if (c == '"') return out;
        if (c != '\\')
            out += c;
        else if (!take_escape(text, out))
            return std::nullopt;
    }
    return std::nullopt;
}

} // namespace

bool is_json(std::string_view line) noexcept
{
    // A service of master.cf may begin with "[": "[2001:db8::5]:smtp inet …".
    line = trim(line);
    const std::string_view behind_brackets =
        line.substr(std::min(line.find_first_not_of("[ \t"), line.size()));
    if (behind_brackets.starts_with('{') || line.starts_with('}')) return true;
    return !line.empty() && line.find_first_not_of(punctuation) == std::string_view::npos;
}

std::optional<std::vector<name_value>> parse_json_pairs(std::string_view text)
{
    std::vector<name_value> out;
    for (skip(text, punctuation); !text.empty(); skip(text, punctuation)) {
        auto name = take_string(text);
        skip(text, blanks);
        if (!name || !text.starts_with(':')) return std::nullopt;
        text.remove_prefix(1);
        skip(text, blanks);
        auto value = take_string(text);
        if (!value) return std::nullopt;
        out.push_back({std::move(*name), std::string(trim(*value))});
    }
    return out;
}

} // namespace fendmail::app::postscreen
