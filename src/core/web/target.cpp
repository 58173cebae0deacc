// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/web/target.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace fendmail::web {

namespace {

std::optional<unsigned> hex_digit(char c) noexcept
{
    if (is_digit(c)) return static_cast<unsigned>(c - '0');
    const char low = to_lower(c);
    if (low >= 'a' && low <= 'f') return static_cast<unsigned>(low - 'a' + 10);
    return std::nullopt;
}

std::optional<std::string> decoded(std::string_view text, bool plus_is_blank)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        const auto high = hex_digit(text[i + 1]);
        const auto low = hex_digit(text[i + 2]);
        if (!high || !low || (*high == 0 && *low == 0)) return std::nullopt;
        out += static_cast<char>(*high * 16 + *low);
        i += 2;
    }
    return out;
}

bool add_parameters(std::string_view text, target& to)
{
    while (!text.empty()) {
        const auto end = std::min(text.find('&'), text.size());
        const auto one = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (one.empty()) continue;
        const auto equals = std::min(one.find('='), one.size());
        auto name = decoded(one.substr(0, equals), true);
        auto value = decoded(one.substr(std::min(equals + 1, one.size())), true);
        if (!name || !value) return false;
        to.query.emplace_back(*std::move(name), *std::move(value));
    }
    return true;
}

} // namespace

std::string_view target::parameter(std::string_view name) const noexcept
{
    const auto found =
        std::ranges::find_if(query, [&](const auto& one) { return one.first == name; });
    return found == query.end() ? std::string_view{} : std::string_view{found->second};
}

std::optional<target> parse_target(std::string_view text)
{
    if (!text.starts_with('/')) return std::nullopt;
    const auto mark = std::min(text.find('?'), text.size());
    auto path = decoded(text.substr(0, mark), false);
    if (!path) return std::nullopt;
    target found{*std::move(path)};
    if (!add_parameters(text.substr(std::min(mark + 1, text.size())), found)) return std::nullopt;
    return found;
}

std::optional<std::string_view> behind(std::string_view path, std::string_view prefix) noexcept
{
    if (!path.starts_with(prefix) || path.size() == prefix.size()) return std::nullopt;
    return path.substr(prefix.size());
}

std::string escape_segment(std::string_view text)
{
    constexpr std::string_view plain = "-._~:";
    std::string out;
    for (const char c : text) {
        const char low = to_lower(c);
        if (is_digit(c) || (low >= 'a' && low <= 'z') || plain.find(c) != std::string_view::npos)
            out += c;
        else
            fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

} // namespace fendmail::web
