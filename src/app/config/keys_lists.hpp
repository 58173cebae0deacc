// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"

#include <array>

/// The keys of [dnsbl] about single lists and their tests. Private to keys.cpp, which would be too
/// long with them.
namespace fendmail::app {

inline constexpr std::array list_keys{
    key{.section = "dnsbl",
        .name = "late",
        .type = key_type::choice,
        .default_toml = R"("wait")",
        .doc = "When the greet wait ends and lists that could still refuse the client have not "
               "answered: the client waits for them, until dnsbl.timeout after it connected "
               "(wait), or is let through with the score that is there, as postscreen does "
               "(pass).",
        .choices = "wait|pass"},
    key{.section = "dnsbl",
        .name = "zone_keys",
        .type = key_type::text_map,
        .default_toml = "{}",
        .doc = "Zone = key that is put before it in questions and shown to nobody: the key itself, "
               "or the absolute path of a file that holds it.",
        .example = R"({ "zen.dq.spamhaus.net" = "/etc/fendmail/dqs.key" })"},
    key{.section = "dnsbl",
        .name = "zone_resolvers",
        .type = key_type::text_map,
        .default_toml = "{}",
        .doc = "Zone = its own name servers in place of dnsbl.resolvers, separated by commas.",
        .example = R"({ "zen.spamhaus.org" = "127.0.0.1:5353, 127.0.0.2" })"},
    key{.section = "dnsbl",
        .name = "zone_timeouts",
        .type = key_type::text_map,
        .default_toml = "{}",
        .doc = "Zone = longest wait for its answer, at most dnsbl.timeout.",
        .example = R"({ "slow.dnsbl.example" = "3s" })"},
    key{.section = "dnsbl",
        .name = "test_interval",
        .type = key_type::duration,
        .default_toml = R"("5m")",
        .doc = "How often each list is tested; one that fails counts for nothing until it is well. "
               "0s: never, and every list is believed.",
        .max = 3650 * 86'400'000LL},
    key{.section = "dnsbl",
        .name = "untestable",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc = "Zones that list 127.0.0.1, or do not list 127.0.0.2, though they are well.",
        .example = R"(["dnsbl.example"])"},
    key{.section = "dnsbl",
        .name = "error_answers",
        .type = key_type::text_map,
        .default_toml = "{}",
        .doc =
            "Zone = filter of answers that are errors and no listings; those of well-known lists "
            "are built in.",
        .example = R"({ "dnsbl.example" = "127.0.0.[254;255]" })"},
};

} // namespace fendmail::app
