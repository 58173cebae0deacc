// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/countable.hpp"

#include "fendmail/core/dnsbl/site.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <vector>

namespace fendmail::app {

namespace {

using octets = std::vector<std::uint8_t>;

/// The four fields of a filter; dots within [] do not separate.
std::vector<std::string_view> fields_of(std::string_view filter)
{
    std::vector<std::string_view> out;
    bool in_brackets = false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < filter.size(); ++i) {
        if (filter[i] == '[') in_brackets = true;
        if (filter[i] == ']') in_brackets = false;
        if (filter[i] != '.' || in_brackets) continue;
        out.push_back(filter.substr(begin, i - begin));
        begin = i + 1;
    }
    out.push_back(filter.substr(begin));
    return out;
}

octets values_of(std::string_view field)
{
    octets out;
    const auto alone = dnsbl::parse_filter(fmt::format("{}.0.0.0", field));
    if (!alone) return out;
    for (unsigned value = 0; value < 256; ++value) {
        const auto octet = static_cast<std::uint8_t>(value);
        if (alone->matches(ip_address::v4({octet, 0, 0, 0}))) out.push_back(octet);
    }
    return out;
}

} // namespace

bool can_count(std::string_view site)
{
    const auto parsed = dnsbl::parse_site(site);
    const std::size_t equals = site.find('=');
    if (!parsed || equals == std::string_view::npos) return true;
    const std::string_view filter = site.substr(0, site.find('*')).substr(equals + 1);
    const auto fields = fields_of(filter);
    if (fields.size() != 4) return true;
    const auto first = values_of(fields[0]);
    if (std::ranges::find(first, 127) == first.end()) return false;
    const octets second = values_of(fields[1]);
    const octets third = values_of(fields[2]);
    const octets fourth = values_of(fields[3]);
    const auto rules = dnsbl::rules_of(dnsbl::find_known_list(parsed->zone));
    const auto is_listing = [&](std::uint8_t b, std::uint8_t c, std::uint8_t d) {
        return dnsbl::classify(ip_address::v4({127, b, c, d}), rules) ==
               dnsbl::answer_kind::listing;
    };
    for (const auto b : second)
        for (const auto c : third)
            for (const auto d : fourth)
                if (is_listing(b, c, d)) return true;
    return false;
}

} // namespace fendmail::app
