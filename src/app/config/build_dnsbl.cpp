// SPDX-License-Identifier: Apache-2.0
#include "builder.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/smtp/ascii.hpp"
#include "fendmail/core/units.hpp"

#include <fmt/format.h>

namespace fendmail::app {

void builder::dnsbl()
{
    screen::policy& policy = out_.runtime.screening;
    policy.dnsbl_threshold = number<int>("dnsbl", "threshold");
    policy.dnsbl_allow_threshold = number<int>("dnsbl", "allow_threshold");
    policy.dnsbl_min_ttl = whole_seconds("dnsbl", "min_ttl");
    policy.dnsbl_max_ttl = whole_seconds("dnsbl", "max_ttl");
    policy.tests[screen::test::dnsbl].on_failure = action("dnsbl");
    policy.late = number<screen::late_lists>("dnsbl", "late");
    out_.runtime.dnsbl_timeout = span("dnsbl", "timeout");

    const setting& min_ttl = get("dnsbl", "min_ttl");
    const setting& max_ttl = get("dnsbl", "max_ttl");
    if (policy.dnsbl_min_ttl > policy.dnsbl_max_ttl && !min_ttl.broken && !max_ttl.broken)
        error(written(min_ttl, max_ttl), "dnsbl.min_ttl",
              fmt::format("must not be longer than dnsbl.max_ttl ({} > {})",
                          fendmail::to_text(milliseconds{min_ttl.number}),
                          fendmail::to_text(milliseconds{max_ttl.number})));
    out_.runtime.dnsbl_test_interval = span("dnsbl", "test_interval");
    dnsbl_sites();
    dnsbl_resolvers();
    dnsbl_zones();
}

void builder::dnsbl_sites()
{
    const setting& setting = get("dnsbl", "sites");
    std::vector<dnsbl::site> sites;
    bool broken = setting.broken;
    for (const text_item& item : setting.texts) {
        auto parsed = dnsbl::parse_site(item.text);
        if (parsed) {
            sites.push_back(std::move(*parsed));
        } else {
            error(item, "dnsbl.sites", parsed.error());
            broken = true;
        }
    }
    list_names();
    if (!broken) list_sites(sites);
    out_.runtime.dnsbl_sites = dnsbl::make_site_set(sites, reply_names());
    const bool asks_private = get("dnsbl", "private_addresses").number != 0;
    for (auto& zone : out_.runtime.dnsbl_sites.zones)
        zone.asks_private = asks_private;
    const std::size_t zones = out_.runtime.dnsbl_sites.zones.size();
    if (zones > limits::dnsbl_zones)
        error(setting.where, "dnsbl.sites",
              fmt::format("at most {} zones can be asked, found {}", limits::dnsbl_zones, zones));
    out_.runtime.screening.tests[screen::test::dnsbl].enabled = !sites.empty();
    if (!broken && (!sites.empty() || highest_name_weight() != 0)) dnsbl_scores(sites);
}

std::int64_t builder::highest_name_weight() const
{
    const auto weight = [this](std::string_view name) { return get("client_name", name).number; };
    return std::max(weight("no_ptr"), weight("unconfirmed_ptr")) + weight("own_helo");
}

void builder::dnsbl_scores(const std::vector<dnsbl::site>& sites)
{
    const setting& threshold = get("dnsbl", "threshold");
    const setting& allow = get("dnsbl", "allow_threshold");
    std::int64_t highest = highest_name_weight();
    const bool any_name = highest != 0;
    std::int64_t lowest = 0;
    for (const dnsbl::site& s : sites)
        (s.weight > 0 ? highest : lowest) += s.weight;
    // Sites that only allow are a sensible configuration; then nobody is meant to be listed.
    const bool only_allows = highest == 0 && allow.number < 0;
    if (threshold.number > highest && !only_allows && !threshold.broken)
        problems_.warning(written(threshold, get("dnsbl", "sites")),
                          fmt::format("dnsbl.threshold: nobody can reach {}, the weights of all "
                                      "{} add up to {}",
                                      threshold.number, any_name ? "sites and names" : "sites",
                                      highest));
    if (allow.number < lowest && !allow.broken && !sites.empty())
        problems_.warning(allow.where,
                          fmt::format("dnsbl.allow_threshold: nobody can reach {}, the negative "
                                      "weights of all sites add up to {}",
                                      allow.number, lowest));
}

std::map<std::string, std::string> builder::reply_names()
{
    constexpr std::string_view name = "dnsbl.reply_names";
    const setting& sites = get("dnsbl", "sites");
    const auto is_of = [](const text_item& site, std::string_view zone) {
        if (zone.ends_with('.')) zone.remove_suffix(1);
        const auto parsed = dnsbl::parse_site(site.text);
        return parsed && smtp::equals_ignoring_case(parsed->zone, zone);
    };
    std::map<std::string, std::string> out;
    const auto is_listed = [&](const std::string& wanted) {
        const auto zone = dnsbl::parse_zone(wanted);
        return (zone && std::ranges::find(lists_, *zone, &list_table::zone) != lists_.end()) ||
               std::ranges::any_of(sites.texts,
                                   [&](const text_item& site) { return is_of(site, wanted); });
    };
    for (const auto& [zone, shown] : get("dnsbl", "reply_names").pairs) {
        if (!sites.broken && !is_listed(zone.text))
            problems_.warning(zone.where, fmt::format("{}: no site has the zone {}", name,
                                                      in_quotes(zone.written)));
        if (shown.text.empty() || !is_reply_text(shown.text))
            found(shown, name, "a name for replies is printable ASCII and not empty");
        out[zone.text] = shown.text;
    }
    // A zone with a key in it goes to every client that is refused, unless it is renamed.
    for (const text_item& site : sites.texts)
        if (site.written != site.text && std::ranges::none_of(out, [&](const auto& renamed) {
                return is_of(site, renamed.first);
            }))
            problems_.warning(site.where,
                              fmt::format("dnsbl.sites: clients will be shown what ${{...}} "
                                          "stands for; give the zone a name in {} (found {})",
                                          name, in_quotes(site.written)));
    for (const auto& [table, zone] : lists_)
        if (table.name.written != table.name.text &&
            std::ranges::none_of(out, [&zone = zone](const auto& renamed) {
                const auto key = dnsbl::parse_zone(renamed.first);
                return key && *key == zone;
            }))
            problems_.warning(table.name.where,
                              fmt::format("dnsbl.list: clients will be shown what ${{...}} stands "
                                          "for; give the zone a name in {}, or write the zone "
                                          "alone and the key into key_file (found {})",
                                          name, in_quotes(table.name.written)));
    return out;
}

void builder::dnsbl_resolvers()
{
    for (const text_item& item : get("dnsbl", "resolvers").texts) {
        check_resolver(item, item.text, "dnsbl.resolvers");
        out_.runtime.resolvers.push_back(item.text);
    }
}

} // namespace fendmail::app
