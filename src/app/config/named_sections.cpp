// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/keys.hpp"

#include <algorithm>
#include <array>

namespace fendmail::app {

namespace {

constexpr std::array list_table_keys{
    key{.section = "dnsbl.list",
        .name = "weight",
        .type = key_type::integer,
        .default_toml = "1",
        .doc = "What a listing adds to the score; negative for an allowlist, not 0.",
        .example = "3",
        .min = -1000,
        .max = 1000},
    key{.section = "dnsbl.list",
        .name = "filter",
        .default_toml = R"("")",
        .doc = "Which answers count: four numbers or [a..b;c] groups; \"\" = every listing.",
        .example = R"("127.0.0.[2..11]")"},
    key{.section = "dnsbl.list",
        .name = "timeout",
        .default_toml = R"("")",
        .doc = "Longest wait for its answer, at most dnsbl.timeout; \"\" = as long as that.",
        .example = R"("3s")"},
    key{.section = "dnsbl.list",
        .name = "resolvers",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc = "Its own name servers in place of dnsbl.resolvers; [] = those.",
        .example = R"(["127.0.0.1:5353"])"},
    key{.section = "dnsbl.list",
        .name = "key_file",
        .default_toml = R"("")",
        .doc = "The absolute path of a file with the key that is put before the zone in questions "
               "and shown to nobody; \"\" = there is none.",
        .example = R"("/etc/fendmail/dqs.key")"},
    key{.section = "dnsbl.list",
        .name = "max_questions",
        .default_toml = R"("")",
        .doc = "The most questions that it is asked in a time, so that its quota is not met: "
               "\"count/time\"; \"\" = no limit.",
        .example = R"("300000/1d")"},
    key{.section = "dnsbl.list",
        .name = "private_addresses",
        .default_toml = R"("")",
        .doc =
            "Whether it is asked about private addresses of clients, \"skip\" or \"ask\"; \"\" = "
            "as dnsbl.private_addresses says.",
        .example = R"("ask")"},
};

constexpr std::array certificate_keys{
    key{.section = "tls.certificate",
        .name = "names",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc = "The names that clients ask for; \".example.org\" stands for all below it, and the "
               "longest that fits decides; [] = for all others, like chain_files.",
        .example = R"(["mx.example.net", ".example.com"])"},
    key{.section = "tls.certificate",
        .name = "certificate",
        .default_toml = R"("")",
        .doc = "PEM file with the certificate and its chain; a relative path starts at the file "
               "that holds this.",
        .example = R"("/etc/fendmail/example.net.pem")"},
    key{.section = "tls.certificate",
        .name = "key",
        .default_toml = R"("")",
        .doc = "PEM file with the private key; \"\" = it is in the file of the certificate.",
        .example = R"("/etc/fendmail/example.net.key")"},
};

constexpr std::array named_sections{
    named_section{"dnsbl", "list",
                  "One list as a table of its own, beside dnsbl.sites or in place of an entry "
                  "there. A list that no site names becomes one when its table has a weight or a "
                  "filter. What stands here and in dnsbl.zone_timeouts, zone_resolvers or "
                  "zone_keys as well is an error.",
                  "ZONE", "zen.spamhaus.org", list_table_keys},
};

constexpr std::array table_lists{
    named_section{"tls",
                  "certificate",
                  "A certificate for clients that name one of its names (SNI); all others get that "
                  "of [tls]. One table for each certificate; with the same names and another kind "
                  "of key they complement each other. One that cannot be used is told and left "
                  "out. Strictly, TOML has no place for these tables beside the key "
                  "tls.certificate; fendmail reads both all the same.",
                  {},
                  {},
                  certificate_keys},
};

const named_section* find_in(std::span<const named_section> all, std::string_view section,
                             std::string_view name) noexcept
{
    const auto found = std::ranges::find_if(
        all, [&](const named_section& s) { return s.section == section && s.name == name; });
    return found == all.end() ? nullptr : &*found;
}

} // namespace

std::span<const named_section> all_named_sections() noexcept
{
    return named_sections;
}

std::span<const named_section> all_table_lists() noexcept
{
    return table_lists;
}

const named_section* find_named_section(std::string_view section, std::string_view name) noexcept
{
    return find_in(named_sections, section, name);
}

const named_section* find_table_list(std::string_view section, std::string_view name) noexcept
{
    return find_in(table_lists, section, name);
}

const key* named_section::find(std::string_view key_name) const noexcept
{
    const auto found = std::ranges::find(keys, key_name, &key::name);
    return found == keys.end() ? nullptr : &*found;
}

} // namespace fendmail::app
