// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/site.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace fendmail::dnsbl {
namespace {

constexpr int weight_max = 1000;
/// What stands before the zone of an IPv6 query: 32 nibbles with a dot each (RFC 5782 §2.4).
constexpr std::size_t v6_prefix_octets = 64;
constexpr std::size_t zone_octets_max = limits::dns_name_octets - v6_prefix_octets;

constexpr bool is_alphanumeric(char c) noexcept
{
    return is_digit(c) || is_letter(c);
}

/// Lower case, no trailing dot: the form in which zones are compared.
std::string canonical(std::string_view zone)
{
    if (zone.ends_with('.')) zone.remove_suffix(1);
    return to_lower(zone);
}

bool is_label(std::string_view label) noexcept
{
    if (label.empty() || label.size() > limits::dns_label_octets) return false;
    if (!is_alphanumeric(label.front()) || !is_alphanumeric(label.back())) return false;
    return std::ranges::all_of(label,
                               [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
}

/// A host name whose last label is not a number: "127.0.0.1" is no zone (RFC 1123 §2.1).
bool is_zone(std::string_view zone) noexcept
{
    if (zone.size() > zone_octets_max) return false;
    std::string_view label;
    for (std::string_view rest = zone;;) {
        const auto dot = rest.find('.');
        label = rest.substr(0, dot);
        if (!is_label(label)) return false;
        if (dot == std::string_view::npos) break;
        rest.remove_prefix(dot + 1);
    }
    return !std::ranges::all_of(label, is_digit);
}

std::optional<int> parse_weight(std::string_view text) noexcept
{
    int weight = 0;
    const auto* const last = text.data() + text.size();
    const auto [end, failure] = std::from_chars(text.data(), last, weight);
    if (failure != std::errc{} || end != last) return std::nullopt;
    // A site of weight 0 would cost a query and never say anything.
    if (weight == 0 || weight < -weight_max || weight > weight_max) return std::nullopt;
    return weight;
}

site_set::zone_entry make_zone(std::string zone, std::string reply_name)
{
    const known_list* const known = find_known_list(zone);
    site_set::zone_entry made{std::move(zone), std::move(reply_name), {}};
    made.answers = rules_of(known);
    if (known == nullptr) return made;
    made.entry = known->entry;
    made.lists_loopback = known->lists_loopback;
    return made;
}

} // namespace

result<site> parse_site(std::string_view text)
{
    site parsed;
    if (const auto star = text.find('*'); star != std::string_view::npos) {
        const auto weight = parse_weight(text.substr(star + 1));
        if (!weight) return error::bad_weight;
        parsed.weight = *weight;
        text = text.substr(0, star);
    }
    if (const auto equals = text.find('='); equals != std::string_view::npos) {
        const auto wanted = parse_filter(text.substr(equals + 1));
        if (!wanted) return wanted.error();
        parsed.wanted = *wanted;
        text = text.substr(0, equals);
    }
    auto zone = parse_zone(text);
    if (!zone) return zone.error();
    parsed.zone = std::move(*zone);
    return parsed;
}

result<std::string> parse_zone(std::string_view text)
{
    if (text.empty()) return error::empty_zone;
    auto zone = canonical(text);
    if (!is_zone(zone)) return error::bad_zone;
    return zone;
}

site_set make_site_set(const std::vector<site>& sites,
                       const std::map<std::string, std::string>& reply_names)
{
    std::map<std::string, std::string> names;
    for (const auto& [zone, name] : reply_names)
        names.emplace(canonical(zone), name);

    site_set set;
    for (const auto& one : sites) {
        auto zone = canonical(one.zone);
        auto entry = std::ranges::find(set.zones, zone, &site_set::zone_entry::zone);
        if (entry == set.zones.end()) {
            const auto mapped = names.find(zone);
            auto reply_name = mapped == names.end() ? zone : mapped->second;
            set.zones.push_back(make_zone(std::move(zone), std::move(reply_name)));
            entry = std::prev(set.zones.end());
        }
        entry->sites.push_back({one.wanted, one.weight});
    }
    return set;
}

} // namespace fendmail::dnsbl
