// SPDX-License-Identifier: Apache-2.0
#include "access_files.hpp"
#include "builder.hpp"
#include "fendmail/core/dnsbl/known_lists.hpp"
#include "fendmail/core/units.hpp"

#include <fmt/format.h>

// What section [dnsbl] says about single zones.
namespace fendmail::app {

namespace {

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view blank = " \t\r\n";
    const auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

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

void builder::dnsbl_zones()
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

dnsbl::site_set::zone_entry* builder::zone_of(const text_item& name, std::string_view key_name)
{
    auto& zones = out_.runtime.dnsbl_sites.zones;
    const auto wanted = dnsbl::parse_zone(name.text);
    if (wanted) {
        const auto found = std::ranges::find(zones, *wanted, &dnsbl::site_set::zone_entry::zone);
        if (found != zones.end()) return &*found;
    }
    if (!get("dnsbl", "sites").broken)
        problems_.warning(name.where, fmt::format("{}: no site has the zone {}", key_name,
                                                  in_quotes(name.written)));
    return nullptr;
}

void builder::known_lists()
{
    for (const text_item& site : get("dnsbl", "sites").texts)
        if (const auto parsed = dnsbl::parse_site(site.text))
            warn_of_known_list(parsed->zone, site, "dnsbl.sites");
    for (const auto& [table, zone] : lists_)
        warn_of_known_list(zone, table.name, "dnsbl.list");
}

void builder::warn_of_known_list(std::string_view zone, const text_item& written,
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

void builder::check_resolver(const text_item& item, std::string_view resolver,
                             std::string_view key_name)
{
    const auto server = dns::parse_name_server(resolver);
    if (server || dns::parse_named_host(resolver, dns::default_port)) return;
    if (const auto where = parse_endpoint(resolver); where && where->port == 0)
        found(item, key_name, "port 0 cannot be asked");
    else if (server.error() == fendmail::error::bad_interface)
        error(item, key_name, server.error());
    else
        found(item, key_name,
              "not a resolver; write an address, address:port, [v6]:port, or a name in place of "
              "the address");
}

void builder::zone_resolvers()
{
    constexpr std::string_view key_name = "dnsbl.zone_resolvers";
    for (const auto& [name, value] : get("dnsbl", "zone_resolvers").pairs) {
        auto* const zone = zone_of(name, key_name);
        auto resolvers = parts_of(value.text);
        for (const auto& one : resolvers)
            check_resolver(value, one, key_name);
        if (zone != nullptr) zone->resolvers = std::move(resolvers);
    }
}

void builder::zone_timeouts()
{
    constexpr std::string_view key_name = "dnsbl.zone_timeouts";
    for (const auto& [name, value] : get("dnsbl", "zone_timeouts").pairs)
        zone_timeout(value, key_name, zone_of(name, key_name));
}

void builder::zone_timeout(const text_item& value, std::string_view key_name,
                           dnsbl::site_set::zone_entry* zone)
{
    const setting& all = get("dnsbl", "timeout");
    const auto span = parse_duration(value.text);
    if (!span)
        error(value, key_name, span.error());
    else if (*span < milliseconds{1} || (!all.broken && *span > milliseconds{all.number}))
        found(value, key_name, "a zone may have from 1ms to as long as dnsbl.timeout");
    else if (zone != nullptr)
        zone->timeout = *span;
}

void builder::error_answers()
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

void builder::untestable()
{
    for (const text_item& name : get("dnsbl", "untestable").texts) {
        auto* const zone = zone_of(name, "dnsbl.untestable");
        if (zone == nullptr) continue;
        zone->entry = dnsbl::test_entry::untested;
        zone->lists_loopback = true;
    }
}

void builder::zone_keys()
{
    constexpr std::string_view key_name = "dnsbl.zone_keys";
    for (const auto& [name, value] : get("dnsbl", "zone_keys").pairs)
        zone_key(value, key_name, zone_of(name, key_name));
}

void builder::zone_key(const text_item& value, std::string_view key_name,
                       dnsbl::site_set::zone_entry* zone)
{
    std::string key = value.text;
    if (key.starts_with('/')) {
        std::string why;
        const auto text = read_file(key, why);
        if (!text) return found(value, key_name, fmt::format("cannot read: {}", why));
        key = trimmed(*text);
    }
    if (zone == nullptr) return;
    const auto keyed = dnsbl::parse_zone(fmt::format("{}.{}", key, zone->zone));
    // The key itself is not shown: it may have come from anywhere.
    if (key.empty() || !keyed)
        error(value.where, key_name,
              "not a key; it is put before the zone with a dot, so "
              "it is made of letters, digits and hyphens");
    else
        zone->zone = *keyed;
}

} // namespace fendmail::app
