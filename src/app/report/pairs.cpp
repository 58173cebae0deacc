// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/log_parser.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <cstddef>

namespace fendmail::app {

namespace {

bool is_name(std::string_view text) noexcept
{
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '-';
    });
}

/// A value in quotes, without them and their escapes, into `keep`.
/// @param at of the first octet behind the opening quote; of the one behind the closing one
/// @return false when it does not close
bool read_quoted(std::string_view text, std::size_t& at, std::string& keep)
{
    for (; at < text.size(); ++at) {
        if (text[at] == '"') {
            ++at;
            return true;
        }
        if (text[at] == '\\' && ++at == text.size()) return false;
        keep += text[at];
    }
    return false;
}

} // namespace

bool read_pairs(std::string_view text, std::string& keep, std::vector<log_field>& out)
{
    keep.clear();
    keep.reserve(text.size());
    out.clear();
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == ' ') {
            ++at;
            continue;
        }
        const auto equals = text.find('=', at);
        if (equals == std::string_view::npos || !is_name(text.substr(at, equals - at)))
            return false;
        const auto name = text.substr(at, equals - at);
        at = equals + 1;
        if (at < text.size() && text[at] == '"') {
            const auto begin = keep.size();
            if (!read_quoted(text, ++at, keep)) return false;
            if (at < text.size() && text[at] != ' ') return false;
            out.push_back({name, std::string_view{keep}.substr(begin)});
        } else {
            const auto end = std::min(text.find(' ', at), text.size());
            out.push_back({name, text.substr(at, end - at)});
            at = end;
        }
    }
    return !out.empty();
}

} // namespace fendmail::app
