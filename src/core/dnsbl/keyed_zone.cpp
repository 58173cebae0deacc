// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/keyed_zone.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace fendmail::dnsbl {

namespace {

/// Their zones are one label in front of these; "zen.dq.spamhaus.net".
constexpr std::array<std::string_view, 2> keyed_services{"dq.spamhaus.net", "mail.abusix.zone"};

/// "KEY.zen.dq.spamhaus.net" → the key, where there is one.
std::optional<keyed_zone> split_known(std::string_view zone)
{
    const std::string lower = to_lower(zone);
    for (const std::string_view service : keyed_services) {
        if (!lower.ends_with(fmt::format(".{}", service))) continue;
        const std::string_view front = zone.substr(0, zone.size() - service.size() - 1);
        const std::size_t dot = front.rfind('.');
        if (dot == std::string_view::npos || dot == 0) return std::nullopt;
        return keyed_zone{std::string(front.substr(0, dot)), std::string(zone.substr(dot + 1)),
                          false, std::string(service)};
    }
    return std::nullopt;
}

/// No name that a human chooses: long, and either with digits or longer than words are.
bool looks_like_key(std::string_view label)
{
    constexpr std::size_t octets_min = 16, octets_without_digit_min = 24;
    const bool has_digit = std::ranges::any_of(label, is_digit);
    return label.size() >= (has_digit ? octets_min : octets_without_digit_min) &&
           std::ranges::all_of(label, [](char c) { return is_letter(c) || is_digit(c); });
}

} // namespace

std::optional<keyed_zone> split_key(std::string_view zone)
{
    if (zone.ends_with('.')) zone.remove_suffix(1);
    if (auto known = split_known(zone)) return known;
    const std::size_t dot = zone.find('.');
    // What is left must still be a zone below a registered domain.
    if (dot == std::string_view::npos || zone.find('.', dot + 1) == std::string_view::npos)
        return std::nullopt;
    if (!looks_like_key(zone.substr(0, dot))) return std::nullopt;
    const std::string_view rest = zone.substr(dot + 1);
    return keyed_zone{std::string(zone.substr(0, dot)), std::string(rest), true, to_lower(rest)};
}

} // namespace fendmail::dnsbl
