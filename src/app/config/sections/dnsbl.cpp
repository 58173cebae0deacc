// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"
#include "dnsbl_builder.hpp"
#include "feed_rows.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"
#include "fendmail/core/units.hpp"

#include <algorithm>

namespace fendmail::app {

template <>
struct text_form<dnsbl::filter> {
    static std::optional<dnsbl::filter> parse(const std::string& text, std::string& why)
    {
        return parsed(dnsbl::parse_filter(text), why);
    }
};
template <>
struct text_form<milliseconds> {
    static std::optional<milliseconds> parse(const std::string& text, std::string& why)
    {
        return parsed(parse_duration(text), why);
    }
};
template <>
struct text_form<private_clients> {
    static std::optional<private_clients> parse(const std::string& text, std::string& why)
    {
        for (const auto& one : choices<private_clients>())
            if (one.text == text) return one.value;
        why = "write \"skip\" or \"ask\"";
        return std::nullopt;
    }
};

void dnsbl_builder::build()
{
    const screen::policy& policy = out_.runtime.screening;
    const setting& min_ttl = get("dnsbl", "min_ttl");
    const setting& max_ttl = get("dnsbl", "max_ttl");
    if (policy.dnsbl_min_ttl > policy.dnsbl_max_ttl && !min_ttl.broken && !max_ttl.broken)
        error(written(min_ttl, max_ttl), "dnsbl.min_ttl",
              fmt::format("must not be longer than dnsbl.max_ttl ({} > {})",
                          fendmail::to_text(milliseconds{min_ttl.number}),
                          fendmail::to_text(milliseconds{max_ttl.number})));
    sites();
    zones();
}

void dnsbl_builder::sites()
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
    const bool asks_private = out_.runtime.dnsbl.private_addresses == private_clients::ask;
    for (auto& zone : out_.runtime.dnsbl_sites.zones)
        zone.asks_private = asks_private;
    const std::size_t zones = out_.runtime.dnsbl_sites.zones.size();
    if (zones > limits::dnsbl_zones)
        error(setting.where, "dnsbl.sites",
              fmt::format("at most {} zones can be asked, found {}", limits::dnsbl_zones, zones));
    out_.runtime.screening.tests[screen::test::dnsbl].enabled = !sites.empty();
    const bool any_feed = feed_span_of(from_).highest != 0;
    if (!broken && (!sites.empty() || highest_name_weight() != 0 || any_feed)) scores(sites);
}

std::int64_t dnsbl_builder::highest_name_weight() const
{
    const auto weight = [this](std::string_view name) { return get("client_name", name).number; };
    return std::max(weight("no_ptr"), weight("unconfirmed_ptr")) + weight("own_helo");
}

void dnsbl_builder::scores(const std::vector<dnsbl::site>& sites)
{
    const setting& threshold = get("dnsbl", "threshold");
    const setting& allow = get("dnsbl", "allow_threshold");
    const auto feeds = feed_span_of(from_);
    std::int64_t highest = highest_name_weight() + feeds.highest;
    const bool any_name = highest_name_weight() != 0;
    std::int64_t lowest = feeds.lowest;
    for (const dnsbl::site& s : sites)
        (s.weight > 0 ? highest : lowest) += s.weight;
    // Sites that only allow are a sensible configuration; then no client is meant to be listed.
    const bool only_allows = highest == 0 && allow.number < 0;
    if (threshold.number > highest && !only_allows && !threshold.broken)
        problems_.warning(written(threshold, get("dnsbl", "sites")),
                          fmt::format("dnsbl.threshold: nobody can reach {}, the weights of all "
                                      "{} add up to {}",
                                      threshold.number,
                                      feeds.highest != 0 ? "sites, names and feeds"
                                      : any_name         ? "sites and names"
                                                         : "sites",
                                      highest));
    if (allow.number < lowest && !allow.broken && !sites.empty())
        problems_.warning(allow.where,
                          fmt::format("dnsbl.allow_threshold: nobody can reach {}, the negative "
                                      "weights of all sites add up to {}",
                                      allow.number, lowest));
}

std::map<std::string, std::string> dnsbl_builder::reply_names()
{
    constexpr std::string_view name = "dnsbl.reply_names";
    const setting& sites = get("dnsbl", "sites");
    const auto is_of = [](const text_item& site, std::string_view zone) {
        if (zone.ends_with('.')) zone.remove_suffix(1);
        const auto parsed = dnsbl::parse_site(site.text);
        return parsed && equals_ignoring_case(parsed->zone, zone);
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
    for (const auto& [table, zone, says] : lists_)
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

namespace {

void describe_list(key_rows<list_options>& keys)
{
    keys.add("weight", &list_options::weight,
             {.doc = "What a listing adds to the score; negative for an allowlist, not 0.",
              .example = "3",
              .min = -1000,
              .max = 1000});
    keys.add("filter", &list_options::filter,
             {.doc = "Which answers count: four numbers or [a..b;c] groups; \"\" = every listing.",
              .example = R"("127.0.0.[2..11]")"});
    keys.add("timeout", &list_options::timeout,
             {.doc = "Longest wait for its answer, at most dnsbl.timeout; \"\" = as long as that.",
              .example = R"("3s")"});
    keys.add("resolvers", &list_options::resolvers,
             {.doc = "Its own name servers in place of dnsbl.resolvers; [] = those.",
              .example = R"(["127.0.0.1:5353"])"});
    keys.add("key", &list_options::key,
             {.doc = "The key that is put before the zone in questions and shown to nobody; mostly "
                     "it comes from the environment, or from a key_file.",
              .example = R"("${DQS_KEY}")",
              .has_dollars = true,
              .secret = secrecy::keys});
    keys.add(
        "key_file", &list_options::key_file,
        {.doc = "The absolute path of a file with the key that is put before the zone in questions "
                "and shown to nobody; \"\" = there is none.",
         .example = R"("/etc/fendmail/dqs.key")"});
    keys.add("error_answers", &list_options::error_answers,
             {.doc = "Filters of answers that are errors and no listings, besides those of "
                     "well-known lists, which are built in.",
              .example = R"(["127.0.0.[254;255]"])"});
    keys.add("untestable", &list_options::untestable,
             {.doc = "It lists 127.0.0.1, or does not list 127.0.0.2, though it is well.",
              .example = "true"});
    keys.add("max_questions", &list_options::max_questions,
             {.doc = "The most questions that it is asked in a time, so that its quota is not met: "
                     "\"count/time\"; \"\" = no limit.",
              .example = R"("300000/1d")"});
    keys.add(
        "private_addresses", &list_options::private_addresses,
        {.doc =
             "Whether it is asked about private addresses of clients, \"skip\" or \"ask\"; \"\" = "
             "as dnsbl.private_addresses says.",
         .example = R"("ask")"});
}

} // namespace

const section_source dnsbl_section{
    {"dnsbl", "DNS block and allow lists, all asked at once; their weights are added up."},
    [](section_rows& keys) {
        keys.built(
            "sites", key_type::text_list, "[]",
            {.doc = "\"zone[=filter][*weight]\"; [] turns the test off. A negative weight makes an "
                    "allowlist.",
             .example = R"(["zen.spamhaus.org=127.0.0.[2..11]*3", "bl.spamcop.net=127.0.0.2*2"])",
             .secret = secrecy::zones});
        keys.add("threshold",
                 [](runtime_config& c) -> auto& { return c.screening.dnsbl_threshold; },
                 {.doc = "A score at or above it fails the client.", .min = 1, .max = 100000});
        keys.add("allow_threshold",
                 [](runtime_config& c) -> auto& { return c.screening.dnsbl_allow_threshold; },
                 {.doc = "Below 0: a score this low or lower skips the other tests; 0 = off.",
                  .min = -100000});
        keys.add("action",
                 [](runtime_config& c) -> auto& {
                     return c.screening.tests[screen::test::dnsbl].on_failure;
                 },
                 {.doc = "What happens to a client whose score reaches the threshold."});
        keys.add("timeout", [](runtime_config& c) -> auto& { return c.dnsbl.timeout; },
                 {.doc = "Longest wait for the answers; a zone that did not answer counts as 0.",
                  .min = 1,
                  .max = 5 * spans::minute});
        keys.add("min_ttl", [](runtime_config& c) -> auto& { return c.screening.dnsbl_min_ttl; },
                 {.doc = "A pass lasts at least this long, whatever TTL the answers have.",
                  .min = spans::second,
                  .max = spans::ttl_max});
        keys.add("max_ttl", [](runtime_config& c) -> auto& { return c.screening.dnsbl_max_ttl; },
                 {.doc = "A pass lasts at most this long, whatever TTL the answers have.",
                  .min = spans::second,
                  .max = spans::ttl_max});
        keys.add("resolvers", [](runtime_config& c) -> auto& { return c.resolvers; },
                 {.doc = "Name servers to ask: \"address\", \"address:port\", \"[v6]:port\", "
                         "link-local ones "
                         "with their interface (\"fe80::1%eth0\"), or a name in place of the "
                         "address, looked "
                         "up as for backend.address; [] = the system's, followed as "
                         "/etc/resolv.conf changes. "
                         "Many lists refuse public resolvers.",
                  .example = R"(["127.0.0.1:5353"])"});
        keys.add(
            "private_addresses",
            [](runtime_config& c) -> auto& { return c.dnsbl.private_addresses; },
            {.doc = "Whether lists are asked about clients that no public list can know: 10/8, "
                    "172.16/12, 192.168/16, 100.64/10, link-local and unique local ones. skip: not "
                    "asked, nobody waits, and the score is 0; ask: like all others. A list of your "
                    "own "
                    "that knows them says so in its [dnsbl.list] table."});
        keys.built("reply_names", key_type::text_map, "{}",
                   {.doc = "Zone = name shown to clients, to hide keys in zone names.",
                    .example = R"({ "${DQS_KEY}.zen.dq.spamhaus.net" = "zen.spamhaus.org" })",
                    .secret = secrecy::zones});
        keys.add(
            "late", [](runtime_config& c) -> auto& { return c.screening.late; },
            {.doc =
                 "When the greet wait ends and lists that could still refuse the client have not "
                 "answered: the client waits for them, until dnsbl.timeout after it connected "
                 "(wait), or is let through with the score that is there, as postscreen does "
                 "(pass)."});
        keys.built("zone_keys", key_type::text_map, "{}",
                   {.doc = "Zone = key that is put before it in questions and shown to nobody: the "
                           "key itself, "
                           "or the absolute path of a file that holds it.",
                    .example = R"({ "zen.dq.spamhaus.net" = "/etc/fendmail/dqs.key" })",
                    .has_dollars = true,
                    .secret = secrecy::keys});
        keys.built(
            "zone_resolvers", key_type::text_map, "{}",
            {.doc = "Zone = its own name servers in place of dnsbl.resolvers, separated by commas.",
             .example = R"({ "zen.spamhaus.org" = "127.0.0.1:5353, 127.0.0.2" })",
             .secret = secrecy::zones});
        keys.built("zone_timeouts", key_type::text_map, "{}",
                   {.doc = "Zone = longest wait for its answer, at most dnsbl.timeout.",
                    .example = R"({ "slow.dnsbl.example" = "3s" })",
                    .secret = secrecy::zones});
        keys.add("test_interval", [](runtime_config& c) -> auto& { return c.dnsbl.test_interval; },
                 {.doc = "How often each list is tested; one that fails counts for nothing until "
                         "it is well. "
                         "0s: never, and every list is believed.",
                  .max = 3650 * 86'400'000LL});
        keys.built(
            "untestable", key_type::text_list, "[]",
            {.doc = "Zones that list 127.0.0.1, or do not list 127.0.0.2, though they are well.",
             .example = R"(["dnsbl.example"])",
             .secret = secrecy::zones});
        keys.built("error_answers", key_type::text_map, "{}",
                   {.doc = "Zone = filter of answers that are errors and no listings; those of "
                           "well-known lists "
                           "are built in.",
                    .example = R"({ "dnsbl.example" = "127.0.0.[254;255]" })",
                    .secret = secrecy::zones});
        keys.tables<list_options>(
            {.name = "list",
             .doc = "One list as a table of its own, beside dnsbl.sites or in place of an entry "
                    "there. A list that no site names becomes one when its table has a weight or a "
                    "filter. What stands here and in dnsbl.zone_timeouts, zone_resolvers or "
                    "zone_keys as well is an error.",
             .placeholder = "ZONE",
             .example = "zen.spamhaus.org",
             .secret_names = secrecy::zones},
            describe_list);
    },
    build_with<dnsbl_builder>,
};

} // namespace fendmail::app
