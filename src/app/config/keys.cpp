// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/keys.hpp"

#include "keys_admin.hpp"
#include "keys_backend.hpp"
#include "keys_client_name.hpp"
#include "keys_dialog.hpp"
#include "keys_joined.hpp"
#include "keys_limits.hpp"
#include "keys_lists.hpp"
#include "keys_log.hpp"
#include "keys_senders.hpp"
#include "keys_server.hpp"
#include "keys_store.hpp"
#include "keys_tls.hpp"
#include "keys_units.hpp"

#include <algorithm>
#include <array>

namespace fendmail::app {

namespace {

constexpr std::array sections{
    section{"server", "Where fendmail listens and as whom it runs."},
    section{"backend", "The mail server behind fendmail, which gets the clients that passed."},
    section{"proxy_protocol", "For a load balancer that stands in front of fendmail."},
    section{"access", "Networks that are permitted or rejected for good; the first rule that "
                      "matches a client decides."},
    section{"known_senders", "Addresses of senders that nobody would block, from the SPF records "
                             "of their domains."},
    section{"greet", "The pregreet test: a client that speaks before its turn fails."},
    section{"dnsbl", "DNS block and allow lists, all asked at once; their weights are added up."},
    section{"client_name", "What the name of a client adds to the score of the lists; all off by "
                           "default."},
    section{"pipelining", "Deep test: commands sent before our reply, though not offered."},
    section{"non_smtp_command", "Deep test: commands that belong to other protocols."},
    section{"bare_newline", "Deep test: lines that end in LF without CR."},
    section{"deep", "What follows when a client passed the deep tests."},
    section{"dialog", "Our own SMTP side, for clients that failed a test or are still in one."},
    section{"limits", "How many clients at once; beyond that they get a 421 reply."},
    section{"store", "The temporary allowlist: clients that passed are remembered here."},
    section{"tls", "STARTTLS in our own dialog."},
    section{"log", "One line for each event."},
    section{"admin", "HTTP for health, metrics and the admin page."},
};

constexpr std::array keys{
    key{.section = "proxy_protocol",
        .name = "trusted",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc = "Networks of load balancers: their connections must begin with a PROXY v1 or v2 "
               "header, which says who the client is. From anyone else it is speaking too early. A "
               "name counts when /etc/hosts has it (at start and reload); DNS is not asked.",
        .example = R"(["192.0.2.10", "2001:db8::/64"])"},
    key{.section = "proxy_protocol",
        .name = "timeout",
        .type = key_type::duration,
        .default_toml = R"("5s")",
        .doc = "Longest wait for the whole PROXY header.",
        .min = 1,
        .max = 10 * minute},
    key{.section = "access",
        .name = "rules",
        .type = key_type::text_list,
        .default_toml = R"(["permit 127.0.0.0/8", "permit ::1"])",
        .doc = "\"permit NETWORK\", \"reject NETWORK\", or \"permit file:/path\" and \"reject "
               "file:/path\" with one network a line; a relative path starts at the file that "
               "holds the rule.",
        .example = R"(["permit 192.0.2.0/24", "reject file:/etc/fendmail/access.cidr"])"},
    key{.section = "access",
        .name = "action",
        .type = key_type::action,
        .default_toml = R"("enforce")",
        .doc = "What happens to a client that a rule rejects. Not ignore, postscreen's default: "
               "whoever writes a reject rule means it. ignore only logs such a client "
               "(DENYLISTED) and tests it like others, and then a clean one gets through."},
    key{.section = "access",
        .name = "allowlist_interfaces",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc = "Local addresses at which a new client may earn its pass: \"ADDRESS\" or "
               "\"NETWORK\", \"!\" in front excludes; the first that matches decides, none that "
               "matches excludes, [] = all. For a backup MX address on the same host: mail "
               "servers ask the primary first, many bots do not.",
        .example = R"(["!192.0.2.9", "0.0.0.0/0", "::/0"])"},
    key{.section = "greet",
        .name = "banner",
        .default_toml = R"("")",
        .doc = "The teaser text behind \"220-\"; \"\" = hostname and \"ESMTP\".",
        .example = R"("mx1.example.org is pleased to meet you")"},
    key{.section = "greet",
        .name = "wait",
        .type = key_type::duration,
        .default_toml = R"("6s")",
        .doc = "How long a client has to be silent before it gets the final 220 line; \"0s\" "
               "turns the test off.",
        .max = 5 * minute,
        .step = second},
    key{.section = "greet",
        .name = "wait_under_stress",
        .type = key_type::duration,
        .default_toml = R"("2s")",
        .doc = "The same while there are many clients (see limits.screening).",
        .max = 5 * minute,
        .step = second},
    key{.section = "greet",
        .name = "action",
        .type = key_type::action,
        .default_toml = R"("enforce")",
        .doc = "What happens to a client that spoke before its turn."},
    key{.section = "greet",
        .name = "ttl",
        .type = key_type::duration,
        .default_toml = R"("1d")",
        .doc = "How long a pass of this test lasts.",
        .min = second,
        .max = ttl_max,
        .step = second},
    key{.section = "pipelining",
        .name = "enable",
        .type = key_type::boolean,
        .default_toml = "false",
        .doc = "Run this test."},
    key{.section = "pipelining",
        .name = "action",
        .type = key_type::action,
        .default_toml = R"("enforce")",
        .doc = "What happens to a client that fails."},
    key{.section = "pipelining",
        .name = "ttl",
        .type = key_type::duration,
        .default_toml = R"("30d")",
        .doc = "How long a pass of this test lasts.",
        .min = second,
        .max = ttl_max,
        .step = second},
    key{.section = "non_smtp_command",
        .name = "enable",
        .type = key_type::boolean,
        .default_toml = "false",
        .doc = "Run this test."},
    key{.section = "non_smtp_command",
        .name = "action",
        .type = key_type::action,
        .default_toml = R"("drop")",
        .doc = "What happens to a client that fails."},
    key{.section = "non_smtp_command",
        .name = "ttl",
        .type = key_type::duration,
        .default_toml = R"("30d")",
        .doc = "How long a pass of this test lasts.",
        .min = second,
        .max = ttl_max,
        .step = second},
    key{.section = "non_smtp_command",
        .name = "forbidden",
        .type = key_type::text_list,
        .default_toml = R"(["CONNECT", "GET", "POST"])",
        .doc = "Commands that fail the test, besides lines that look like a mail header: verbs, or "
               "/pattern/ with a regular expression (RE2) for them; both ignore case.",
        .example = R"(["CONNECT", "GET", "POST", "/^[^A-Z]/"])"},
    key{.section = "bare_newline",
        .name = "enable",
        .type = key_type::boolean,
        .default_toml = "false",
        .doc = "Run this test."},
    key{.section = "bare_newline",
        .name = "action",
        .type = key_type::action,
        .default_toml = R"("ignore")",
        .doc = "What happens to a client that fails."},
    key{.section = "bare_newline",
        .name = "ttl",
        .type = key_type::duration,
        .default_toml = R"("30d")",
        .doc = "How long a pass of this test lasts.",
        .min = second,
        .max = ttl_max,
        .step = second},
    key{.section = "deep",
        .name = "after",
        .type = key_type::choice,
        .default_toml = R"("relay")",
        .doc = "A client that passed the deep tests goes on to the backend (relay), or gets a "
               "450 and comes back (retry).",
        .choices = "relay|retry"},
    key{.section = "deep",
        .name = "ipv4_prefix",
        .type = key_type::integer,
        .default_toml = "32",
        .doc = "Clients whose addresses begin with the same bits share what they passed of the "
               "deep tests; 24 helps senders that try again from a neighbour, 32 shares nothing.",
        .min = 16,
        .max = 32},
};

constexpr auto table =
    joined(server_keys, backend_keys, keys, list_keys, sender_keys, client_name_keys, dialog_keys,
           limits_keys, store_keys, tls_keys, log_keys, admin_keys);

} // namespace

std::span<const section> all_sections() noexcept
{
    return sections;
}

std::span<const key> all_keys() noexcept
{
    return table;
}

const key* find_key(std::string_view section, std::string_view name) noexcept
{
    const auto found = std::ranges::find_if(
        table, [&](const key& k) { return k.section == section && k.name == name; });
    return found == table.end() ? nullptr : &*found;
}

} // namespace fendmail::app
