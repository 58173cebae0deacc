// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"
#include "keys_units.hpp"

#include <array>

/// The keys of [dnsbl]. Private to keys.cpp.
namespace fendmail::app {

inline constexpr std::array list_keys{
    key{.section = "dnsbl",
        .name = "sites",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc = "\"zone[=filter][*weight]\"; [] turns the test off. A negative weight makes an "
               "allowlist.",
        .example = R"(["zen.spamhaus.org=127.0.0.[2..11]*3", "bl.spamcop.net=127.0.0.2*2"])"},
    key{.section = "dnsbl",
        .name = "threshold",
        .type = key_type::integer,
        .default_toml = "1",
        .doc = "A score at or above it fails the client.",
        .min = 1,
        .max = 100000},
    key{.section = "dnsbl",
        .name = "allow_threshold",
        .type = key_type::integer,
        .default_toml = "0",
        .doc = "Below 0: a score this low or lower skips the other tests; 0 = off.",
        .min = -100000},
    key{.section = "dnsbl",
        .name = "action",
        .type = key_type::action,
        .default_toml = R"("enforce")",
        .doc = "What happens to a client whose score reaches the threshold."},
    key{.section = "dnsbl",
        .name = "timeout",
        .type = key_type::duration,
        .default_toml = R"("10s")",
        .doc = "Longest wait for the answers; a zone that did not answer counts as 0.",
        .min = 1,
        .max = 5 * minute},
    key{.section = "dnsbl",
        .name = "min_ttl",
        .type = key_type::duration,
        .default_toml = R"("60s")",
        .doc = "A pass lasts at least this long, whatever TTL the answers have.",
        .min = second,
        .max = ttl_max,
        .step = second},
    key{.section = "dnsbl",
        .name = "max_ttl",
        .type = key_type::duration,
        .default_toml = R"("1h")",
        .doc = "A pass lasts at most this long, whatever TTL the answers have.",
        .min = second,
        .max = ttl_max,
        .step = second},
    key{.section = "dnsbl",
        .name = "resolvers",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc =
            "Name servers to ask: \"address\", \"address:port\", \"[v6]:port\", link-local ones "
            "with their interface (\"fe80::1%eth0\"), or a name in place of the address, looked "
            "up as for backend.address; [] = the system's, followed as /etc/resolv.conf changes. "
            "Many lists refuse public resolvers.",
        .example = R"(["127.0.0.1:5353"])"},
    key{.section = "dnsbl",
        .name = "private_addresses",
        .type = key_type::choice,
        .default_toml = R"("skip")",
        .doc = "Whether lists are asked about clients that no public list can know: 10/8, "
               "172.16/12, 192.168/16, 100.64/10, link-local and unique local ones. skip: not "
               "asked, nobody waits, and the score is 0; ask: like all others. A list of your own "
               "that knows them says so in its [dnsbl.list] table.",
        .choices = "skip|ask"},
    key{.section = "dnsbl",
        .name = "reply_names",
        .type = key_type::text_map,
        .default_toml = "{}",
        .doc = "Zone = name shown to clients, to hide keys in zone names.",
        .example = R"({ "${DQS_KEY}.zen.dq.spamhaus.net" = "zen.spamhaus.org" })"},
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
