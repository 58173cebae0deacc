// SPDX-License-Identifier: Apache-2.0
#include "dnsbl_builder.hpp"
#include "fendmail/app/config/key_rows.hpp"

#include <algorithm>

// [dnsbl.list."ZONE"]: lists as tables of their own.
namespace fendmail::app {

namespace {

bool is_written(const setting& s)
{
    return s.where.line != 0 && !s.broken;
}

std::string name_of(const named_table& table, std::string_view key_name)
{
    return fmt::format("{}.{}", table.header, key_name);
}

} // namespace

void dnsbl_builder::list_names()
{
    constexpr std::string_view key_name = "dnsbl.list";
    for (named_table& table : from_.tables("dnsbl", "list")) {
        auto zone = dnsbl::parse_zone(table.name.text);
        if (!zone)
            error(table.name, key_name, zone.error());
        else if (std::ranges::find(lists_, *zone, &list_table::zone) != lists_.end())
            found(table.name, key_name, "this zone has a table already");
        else {
            list_options says;
            table.read(says, problems_);
            lists_.push_back({std::move(table), std::move(*zone), std::move(says)});
        }
    }
}

/// Makes a site of each table that says so, and gives the others what the site leaves open.
/// @param sites those of dnsbl.sites, each in the place of its text
void dnsbl_builder::list_sites(std::vector<dnsbl::site>& sites)
{
    const auto& texts = get("dnsbl", "sites").texts;
    const std::size_t of_sites = sites.size();
    for (const auto& [table, zone, says] : lists_) {
        const setting& weight = table.get("weight");
        const setting& filter = table.get("filter");
        dnsbl::site own{zone, says.filter.value_or(dnsbl::filter{}), says.weight};
        if (says.weight == 0)
            error(weight.where, name_of(table, "weight"), "a list of weight 0 would say nothing");
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
void dnsbl_builder::merge_site(dnsbl::site& site, std::string_view text, const dnsbl::site& own,
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
bool dnsbl_builder::is_said_twice(const list_table& list, std::string_view key_name,
                                  std::string_view map)
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

void dnsbl_builder::list_settings()
{
    for (const list_table& list : lists_) {
        const list_options& says = list.says;
        auto& zones = out_.runtime.dnsbl_sites.zones;
        const auto at = std::ranges::find(zones, list.zone, &zone_entry::zone);
        zone_entry unused;
        auto& zone = at == zones.end() ? unused : *at;
        if (says.timeout && !is_said_twice(list, "timeout", "zone_timeouts"))
            zone_timeout(list.table.text("timeout"), name_of(list.table, "timeout"), *says.timeout,
                         &zone);
        if (!says.resolvers.empty() && !is_said_twice(list, "resolvers", "zone_resolvers"))
            zone.resolvers = says.resolvers;
        if (says.private_addresses)
            zone.asks_private = *says.private_addresses == private_clients::ask;
        if (says.max_questions) zone.max_questions = says.max_questions;
        list_answers(list, zone);
        list_key(list, at == zones.end() ? nullptr : &zone);
    }
}

void dnsbl_builder::list_answers(const list_table& list, zone_entry& zone)
{
    const list_options& says = list.says;
    if (!says.error_answers.empty() && !is_said_twice(list, "error_answers", "error_answers"))
        zone.answers.errors.insert(zone.answers.errors.end(), says.error_answers.begin(),
                                   says.error_answers.end());
    const setting& untestable = list.table.get("untestable");
    if (!is_written(untestable)) return;
    const auto is_it = [&](const text_item& name) {
        const auto zone_name = dnsbl::parse_zone(name.text);
        return zone_name && *zone_name == list.zone;
    };
    if (std::ranges::any_of(get("dnsbl", "untestable").texts, is_it))
        return error(untestable.where, name_of(list.table, "untestable"),
                     "dnsbl.untestable has this zone as well; write it once");
    if (says.untestable) set_untestable(zone);
}

/// The last of a zone's settings, as it has another name from then on.
void dnsbl_builder::list_key(const list_table& list, zone_entry* zone)
{
    const list_options& says = list.says;
    const auto key_name = name_of(list.table, "key");
    const auto file_name = name_of(list.table, "key_file");
    const text_item& key = list.table.text("key");
    const text_item& file = list.table.text("key_file");
    if (!says.key.empty() && !says.key_file.empty())
        return error(key.where, key_name, "there is a key_file as well; write one of them");
    if (!says.key.empty() && !is_said_twice(list, "key", "zone_keys"))
        zone_key(key.where, key_name, says.key, zone);
    if (says.key_file.empty() || is_said_twice(list, "key_file", "zone_keys")) return;
    if (!says.key_file.starts_with('/')) return found(file, file_name, "write an absolute path");
    if (const auto in_file = key_in(file, file_name))
        zone_key(file.where, file_name, *in_file, zone);
}

} // namespace fendmail::app
