// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"
#include "keys_units.hpp"

#include <array>

/// The keys of [server]. Private to keys.cpp.
namespace fendmail::app {

inline constexpr std::array server_keys{
    key{.section = "server",
        .name = "listen",
        .type = key_type::text_list,
        .default_toml = R"(["0.0.0.0:25", "[::]:25"])",
        .doc = "Addresses to listen on: \"address:port\" or \"[v6]:port\"; at least one.",
        .example = R"(["192.0.2.1:25", "[2001:db8::1]:25"])",
        .reloadable = restart},
    key{.section = "server",
        .name = "hostname",
        .default_toml = R"("")",
        .doc = "The name in banners and replies; \"\" = this host's fully qualified name.",
        .example = R"("mx1.example.org")"},
    key{.section = "server",
        .name = "workers",
        .type = key_type::integer,
        .default_toml = "0",
        .doc = "Threads that serve clients; 0 = one for each processor.",
        .max = 1024,
        .reloadable = restart},
    key{.section = "server",
        .name = "user",
        .default_toml = R"("")",
        .doc = "After binding, become this user; \"\" = stay who started it.",
        .example = R"("fendmail")",
        .reloadable = restart},
    key{.section = "server",
        .name = "groups",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc = "Supplementary groups besides the user's own; \"postdrop\" opens Postfix's "
               "public/ sockets.",
        .example = R"(["postdrop"])",
        .reloadable = restart},
    key{.section = "server",
        .name = "stop_timeout",
        .type = key_type::duration,
        .default_toml = R"("8s")",
        .doc =
            "How long sessions that the backend has may go on after SIGTERM before they are cut; "
            "all others are told 421 at once. docker stop kills after 10 s, Kubernetes after 30.",
        .min = second,
        .max = hour,
        .step = second},
};

} // namespace fendmail::app
