// SPDX-License-Identifier: Apache-2.0
#include "access_files.hpp"
#include "builder.hpp"
#include "fendmail/core/units.hpp"

#include <algorithm>
#include <fmt/format.h>

// [dnsbl.list."ZONE"]: lists as tables of their own.
namespace fendmail::app {

namespace {

bool is_written(const setting& s)
{
    return s.where.line != 0 && !s.broken;
}

std::string name_of(const named_table& table, std::string_view key_name)
{
    return fmt::format("dnsbl.list.{}.{}", in_quotes(table.name.written), key_name);
}

} // namespace

void builder::list_names()
{
    constexpr std::string_view key_name = "dnsbl.list";
    for (named_table& table : from_.tables("dnsbl", "list")) {
        auto zone = dnsbl::parse_zone(table.name.text);
        if (!zone)
            error(table.name, key_name, zone.error());
        else if (std::ranges::find(lists_, *zone, &list_table::zone) != lists_.end())
            found(table.name, key_name, "this zone has a table already");
        else
            lists_.push_back({std::move(table), std::move(*zone)});
    }
}

/// Makes a site of each table that says so, and gives the others what the site leaves open.
/// @param sites those of dnsbl.sites, each in the place of its text
void builder::list_sites(std::vector<dnsbl::site>& sites)
{
    const auto& texts = get("dnsbl", "sites").texts;
    const std::size_t of_sites = sites.size();
    for (const auto& [table, zone] : lists_) {
        const setting& weight = table.get("weight");
        const setting& filter = table.get("filter");
        dnsbl::site own{zone, {}, static_cast<int>(weight.number)};
        if (weight.number == 0)
            error(weight.where, name_of(table, "weight"), "a list of weight 0 would say nothing");
        if (const auto& text = filter.texts.front(); !text.text.empty()) {
            const auto parsed = dnsbl::parse_filter(text.text);
            if (parsed)
                own.wanted = *parsed;
            else
                error(text, name_of(table, "filter"), parsed.error());
        }
        std::vector<std::size_t> same;
        for (std::size_t i = 0; i < of_sites; ++i)
            if (sites[i].zone == zone) same.push_back(i);
        const setting& first = is_written(weight) ? weight : filter;
        if (!is_written(first)) {
            if (same.empty() && !get("dnsbl", "sites").broken && !weight.broken && !filter.broken)
                problems_.warning(table.name.where,
                                  fmt::format("dnsbl.list: no site has the zone {}; with a weight "
                                              "this table makes it one",
                                              in_quotes(table.name.written)));
        } else if (same.empty()) {
            sites.push_back(std::move(own));
        } else if (same.size() > 1) {
            error(first.where, name_of(table, &first == &weight ? "weight" : "filter"),
                  "dnsbl.sites has this zone more than once; leave weight and filter to it");
        } else {
            merge_site(sites[same.front()], texts[same.front()].text, own, table);
        }
    }
}

/// @param text of the site, which says what it leaves open
void builder::merge_site(dnsbl::site& site, std::string_view text, const dnsbl::site& own,
                         const named_table& table)
{
    if (const setting& weight = table.get("weight"); is_written(weight)) {
        if (text.find('*') != std::string_view::npos && site.weight != own.weight)
            error(weight.where, name_of(table, "weight"),
                  fmt::format("dnsbl.sites says {}; write it once (found {})", site.weight,
                              own.weight));
        site.weight = own.weight;
    }
    if (const setting& filter = table.get("filter"); is_written(filter)) {
        if (text.find('=') != std::string_view::npos && site.wanted != own.wanted)
            found(filter.texts.front(), name_of(table, "filter"),
                  "dnsbl.sites says something else; write it once");
        site.wanted = own.wanted;
    }
}

/// Whether dnsbl.`map` has the same zone; told as an error, as only one of them could be meant.
bool builder::is_said_twice(const list_table& list, std::string_view key_name, std::string_view map)
{
    const setting& value = list.table.get(key_name);
    if (!is_written(value)) return false;
    const auto& pairs = get("dnsbl", map).pairs;
    const bool twice = std::ranges::any_of(pairs, [&](const auto& pair) {
        const auto zone = dnsbl::parse_zone(pair.first.text);
        return zone && *zone == list.zone;
    });
    if (twice)
        error(value.where, name_of(list.table, key_name),
              fmt::format("dnsbl.{} has this zone as well; write it once", map));
    return twice;
}

void builder::list_settings()
{
    for (const list_table& list : lists_) {
        auto& zones = out_.runtime.dnsbl_sites.zones;
        const auto at = std::ranges::find(zones, list.zone, &dnsbl::site_set::zone_entry::zone);
        dnsbl::site_set::zone_entry unused;
        auto& zone = at == zones.end() ? unused : *at;
        if (const auto& text = list.table.text("timeout");
            !text.text.empty() && !is_said_twice(list, "timeout", "zone_timeouts"))
            zone_timeout(text, name_of(list.table, "timeout"), &zone);
        const auto& resolvers = list.table.get("resolvers");
        if (!resolvers.texts.empty() && !is_said_twice(list, "resolvers", "zone_resolvers"))
            for (const text_item& one : resolvers.texts) {
                check_resolver(one, one.text, name_of(list.table, "resolvers"));
                zone.resolvers.push_back(one.text);
            }
        if (const auto& text = list.table.text("private_addresses"); !text.text.empty()) {
            if (text.text == "skip" || text.text == "ask")
                zone.asks_private = text.text == "ask";
            else
                found(text, name_of(list.table, "private_addresses"), "write \"skip\" or \"ask\"");
        }
        if (const auto& text = list.table.text("max_questions"); !text.text.empty()) {
            const auto most = parse_budget(text.text);
            if (most)
                zone.max_questions = *most;
            else
                error(text, name_of(list.table, "max_questions"), most.error());
        }
        if (const auto& text = list.table.text("key_file");
            !text.text.empty() && !is_said_twice(list, "key_file", "zone_keys")) {
            const auto name = name_of(list.table, "key_file");
            if (text.text.starts_with('/'))
                zone_key(text, name, at == zones.end() ? nullptr : &zone);
            else
                found(text, name, "write an absolute path");
        }
    }
}

} // namespace fendmail::app
