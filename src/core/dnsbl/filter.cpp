// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/filter.hpp"

#include "fendmail/core/limits.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace fendmail::dnsbl {
namespace {

/// Takes `what` off the front of `text`.
bool take(std::string_view& text, std::string_view what) noexcept
{
    if (!text.starts_with(what)) return false;
    text.remove_prefix(what.size());
    return true;
}

/// Takes a decimal number from 0 to 255 off the front. Leading zeros are decimal, as in Postfix.
std::optional<std::uint8_t> take_number(std::string_view& text) noexcept
{
    std::uint8_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

/// "n" or "n..m".
bool take_range(std::string_view& text, std::bitset<256>& allowed) noexcept
{
    const auto first = take_number(text);
    if (!first) return false;
    const auto last = take(text, "..") ? take_number(text) : first;
    if (!last || *last < *first) return false;
    for (std::size_t number = *first; number <= *last; ++number)
        allowed.set(number);
    return true;
}

/// "n" or "[range;range]".
bool take_field(std::string_view& text, std::bitset<256>& allowed) noexcept
{
    allowed.reset();
    if (!take(text, "[")) {
        const auto number = take_number(text);
        if (number) allowed.set(*number);
        return number.has_value();
    }
    for (std::size_t count = 1; count <= limits::filter_ranges; ++count) {
        if (!take_range(text, allowed)) return false;
        if (take(text, "]")) return true;
        if (!take(text, ";")) return false;
    }
    return false;
}

} // namespace

filter::filter() noexcept
{
    for (auto& field : allowed_)
        field.set();
}

bool filter::matches(const ip_address& answer) const noexcept
{
    if (!answer.is_v4()) return false;
    const auto octets = answer.octets();
    for (std::size_t i = 0; i < allowed_.size(); ++i)
        if (!allowed_[i][octets[i]]) return false;
    return true;
}

result<filter> parse_filter(std::string_view text) noexcept
{
    filter parsed;
    for (std::size_t i = 0; i < parsed.allowed_.size(); ++i) {
        if (i > 0 && !take(text, ".")) return error::bad_filter;
        if (!take_field(text, parsed.allowed_[i])) return error::bad_filter;
    }
    if (!text.empty()) return error::bad_filter;
    return parsed;
}

} // namespace fendmail::dnsbl
