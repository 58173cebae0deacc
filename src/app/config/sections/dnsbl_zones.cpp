// SPDX-License-Identifier: Apache-2.0
#include "dnsbl_builder.hpp"
#include "fendmail/app/config/access_files.hpp"
#include "fendmail/app/config/countable.hpp"
#include "fendmail/core/dns/name_server.hpp"
#include "fendmail/core/dnsbl/known_lists.hpp"
#include "fendmail/core/units.hpp"

// What section [dnsbl] says about single zones.
namespace fendmail::app {

namespace {

/// The parts between commas, without blanks around them.
std::vector<std::string> parts_of(std::string_view text)
{
    std::vector<std::string> parts;
    for (;;) {
        const auto comma = text.find(',');
        parts.emplace_back(trimmed(text.substr(0, comma)));
        if (comma == std::string_view::npos) return parts;
        text.remove_prefix(comma + 1);
    }
}

} // namespace

void dnsbl_builder::zones()
{
    known_lists();
    sites_without_effect();
    zone_resolvers();
    zone_timeouts();
    error_answers();
    untestable();
    list_settings();
    zone_keys(); // last, as the keys of list_settings(): the zones have other names from then on
}

dnsbl_builder::zone_entry* dnsbl_builder::zone_of(const text_item& name, std::string_view key_name)
{
    auto& zones = out_.runtime.dnsbl_sites.zones;
    const auto wanted = dnsbl::parse_zone(name.text);
    if (wanted) {
        const auto found = std::ranges::find(zones, *wanted, &zone_entry::zone);
        if (found != zones.end()) return &*found;
    }
    if (!get("dnsbl", "sites").broken)
        problems_.warning(name.where, fmt::format("{}: no site has the zone {}", key_name,
                                                  in_quotes(name.written)));
    return nullptr;
}

void dnsbl_builder::known_lists()
{
    for (const text_item& site : get("dnsbl", "sites").texts)
        if (const auto parsed = dnsbl::parse_site(site.text))
            warn_of_known_list(parsed->zone, site, "dnsbl.sites");
    for (const auto& [table, zone, says] : lists_)
        warn_of_known_list(zone, table.name, "dnsbl.list");
}

void dnsbl_builder::warn_of_known_list(std::string_view zone, const text_item& written,
                                       std::string_view key_name)
{
    const auto* const known = dnsbl::find_known_list(zone);
    if (known == nullptr) return;
    switch (known->kind) {
    case dnsbl::list_kind::addresses: break;
    case dnsbl::list_kind::names:
        problems_.warning(written.where,
                          fmt::format("{}: {} lists names and knows no client addresses; take it "
                                      "out (found {})",
                                      key_name, known->domain, in_quotes(written.written)));
        break;
    case dnsbl::list_kind::gone:
        problems_.warning(written.where,
                          fmt::format("{}: {} shut down {}; take it out, whoever has its domain "
                                      "may list everybody (found {})",
                                      key_name, known->domain, known->remark,
                                      in_quotes(written.written)));
        break;
    }
}

void dnsbl_builder::sites_without_effect()
{
    for (const text_item& site : get("dnsbl", "sites").texts)
        if (!can_count(site.text))
            problems_.warning(site.where,
                              fmt::format("dnsbl.sites: no answer that counts matches this filter "
                                          "(127.0.0.1, 127.255.255.x, what is outside 127.0.0.0/8, "
                                          "and a list's own error answers do not); it never adds "
                                          "its weight (found {})",
                                          in_quotes(site.written)));
}

void dnsbl_builder::zone_resolvers()
{
    constexpr std::string_view key_name = "dnsbl.zone_resolvers";
    for (const auto& [name, value] : get("dnsbl", "zone_resolvers").pairs) {
        auto* const zone = zone_of(name, key_name);
        dns::server_list resolvers;
        for (const auto& text : parts_of(value.text))
            if (auto one = dns::parse_server_address(text))
                resolvers.push_back(std::move(*one));
            else
                error(value, key_name, one.error());
        if (zone != nullptr) zone->resolvers = std::move(resolvers);
    }
}

void dnsbl_builder::zone_timeouts()
{
    constexpr std::string_view key_name = "dnsbl.zone_timeouts";
    for (const auto& [name, value] : get("dnsbl", "zone_timeouts").pairs) {
        auto* const zone = zone_of(name, key_name);
        if (const auto span = parse_duration(value.text))
            zone_timeout(value, key_name, *span, zone);
        else
            error(value, key_name, span.error());
    }
}

void dnsbl_builder::zone_timeout(const text_item& value, std::string_view key_name,
                                 milliseconds span, zone_entry* zone)
{
    const bool is_known = !get("dnsbl", "timeout").broken;
    if (span < milliseconds{1} || (is_known && span > out_.runtime.dnsbl.timeout))
        found(value, key_name, "a zone may have from 1ms to as long as dnsbl.timeout");
    else if (zone != nullptr)
        zone->timeout = span;
}

void dnsbl_builder::error_answers()
{
    constexpr std::string_view key_name = "dnsbl.error_answers";
    for (const auto& [name, value] : get("dnsbl", "error_answers").pairs) {
        auto* const zone = zone_of(name, key_name);
        for (const auto& text : parts_of(value.text)) {
            const auto filter = dnsbl::parse_filter(text);
            if (!filter)
                error(value, key_name, filter.error());
            else if (zone != nullptr)
                zone->answers.errors.push_back(*filter);
        }
    }
}

void dnsbl_builder::untestable()
{
    for (const text_item& name : get("dnsbl", "untestable").texts) {
        auto* const zone = zone_of(name, "dnsbl.untestable");
        if (zone != nullptr) set_untestable(*zone);
    }
}

void dnsbl_builder::zone_keys()
{
    constexpr std::string_view key_name = "dnsbl.zone_keys";
    for (const auto& [name, value] : get("dnsbl", "zone_keys").pairs) {
        zone_entry* const zone = zone_of(name, key_name);
        const auto key =
            value.text.starts_with('/') ? key_in(value, key_name) : std::optional{value.text};
        if (key) zone_key(value.where, key_name, *key, zone);
    }
}

std::optional<std::string> dnsbl_builder::key_in(const text_item& file, std::string_view key_name)
{
    std::string why;
    const auto text = read_file(file.text, why);
    if (text) return std::string{trimmed(*text)};
    found(file, key_name, fmt::format("cannot read: {}", why));
    return std::nullopt;
}

void dnsbl_builder::zone_key(place where, std::string_view key_name, std::string_view key,
                             zone_entry* zone)
{
    if (zone == nullptr) return;
    const auto keyed = dnsbl::parse_zone(fmt::format("{}.{}", key, zone->zone));
    // The key itself is not shown: it may have come from anywhere.
    if (key.empty() || !keyed)
        error(where, key_name,
              "not a key; it is put before the zone with a dot, so "
              "it is made of letters, digits and hyphens");
    else
        zone->zone = *keyed;
}

} // namespace fendmail::app
