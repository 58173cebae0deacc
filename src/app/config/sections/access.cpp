// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"
#include "feed_rows.hpp"
#include "fendmail/app/config/access_files.hpp"

#include <utility>
#include <vector>

namespace fendmail::app {

namespace {

class access_builder : section_builder {
public:
    explicit access_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build();

private:
    void allowlist_interfaces();
};

void access_builder::build()
{
    for (const text_item& item : get("access", "rules").texts) {
        const auto rule = acl::parse_rule(item.text);
        if (!rule) {
            error(item, "access.rules", rule.error());
            continue;
        }
        if (rule->origin) {
            if (!has_origin_feed(from_))
                found(item, "access.rules",
                      "no feed says where clients are from; add a [feed] with a file in MaxMind's "
                      "format");
            out_.runtime.access.add_origin(rule->decision, item.written, *rule->origin);
            out_.runtime.access_sources.push_back({problems_.source_of(item.where)});
            continue;
        }
        std::vector<network> nets{rule->net};
        rule_source source{problems_.source_of(item.where)};
        if (!rule->file.empty()) {
            source.file = path_of(item.where, rule->file);
            nets = read_access_file(source.file, item.where, problems_);
        }
        out_.runtime.access.add(rule->decision, item.written, nets);
        out_.runtime.access_sources.push_back(std::move(source));
    }
    allowlist_interfaces();
}

void access_builder::allowlist_interfaces()
{
    const setting& setting = get("access", "allowlist_interfaces");
    bool any_permits = false;
    for (const text_item& item : setting.texts) {
        std::string_view text = item.text;
        const bool excludes = text.starts_with('!');
        if (excludes) text.remove_prefix(1);
        const auto net = parse_network(text);
        if (!net) {
            error(item, "access.allowlist_interfaces", net.error());
            continue;
        }
        out_.runtime.allowlist_interfaces.add(
            excludes ? acl::decision::reject : acl::decision::permit, item.written, {*net});
        any_permits = any_permits || !excludes;
    }
    if (!setting.texts.empty() && !any_permits && !setting.broken)
        problems_.warning(setting.where,
                          "access.allowlist_interfaces: every new client is told to come back, "
                          "again and again, because no address is allowed; add \"0.0.0.0/0\" and "
                          "\"::/0\" behind the exclusions");
}

} // namespace

const section_source access_section{
    {"access", "Networks that are permitted or rejected for good; the first rule that matches a "
               "client decides."},
    [](section_rows& keys) {
        keys.built(
            "rules", key_type::text_list, R"(["permit 127.0.0.0/8", "permit ::1"])",
            {.doc = "\"permit NETWORK\", \"reject NETWORK\", or \"permit file:/path\" and \"reject "
                    "file:/path\" with one network a line; a relative path starts at the file that "
                    "holds the rule. In place of the network \"country:XX\" or \"asn:N\", which a "
                    "feed in MaxMind's format says of clients.",
             .example = R"(["permit 192.0.2.0/24", "reject file:/etc/fendmail/access.cidr"])"});
        keys.add(
            "action", [](runtime_config& c) -> auto& { return c.screening.access_action; },
            {.doc =
                 "What happens to a client that a rule rejects. Not ignore, postscreen's default: "
                 "whoever writes a reject rule means it. ignore only logs such a client "
                 "(DENYLISTED) and tests it like others, and then a clean one gets through."});
        keys.built(
            "allowlist_interfaces", key_type::text_list, "[]",
            {.doc =
                 "Local addresses at which a new client may earn its pass: \"ADDRESS\" or "
                 "\"NETWORK\", \"!\" in front excludes; the first that matches decides, none that "
                 "matches excludes, [] = all. For a backup MX address on the same host: mail "
                 "servers ask the primary first, many bots do not.",
             .example = R"(["!192.0.2.9", "0.0.0.0/0", "::/0"])"});
    },
    build_with<access_builder>,
};

} // namespace fendmail::app
