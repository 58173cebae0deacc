// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"

#include <array>

/// The keys of [client_name]. Private to keys.cpp, which would be too long with them.
namespace fendmail::app {

inline constexpr std::array client_name_keys{
    key{.section = "client_name",
        .name = "no_ptr",
        .type = key_type::integer,
        .default_toml = "0",
        .doc = "Weight of a client whose address has no name in DNS (no PTR record); 0 = off.",
        .max = 1000},
    key{.section = "client_name",
        .name = "unconfirmed_ptr",
        .type = key_type::integer,
        .default_toml = "0",
        .doc = "Weight of a client whose address has names, none of which has the address; "
               "0 = off.",
        .max = 1000},
    key{.section = "client_name",
        .name = "own_helo",
        .type = key_type::integer,
        .default_toml = "0",
        .doc = "Weight of a client that says HELO with our own name, or with the address it "
               "connected to; 0 = off. Seen in our own dialog only, so it needs a deep test.",
        .max = 1000},
    key{.section = "client_name",
        .name = "own_names",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc = "For `own_helo`: names and addresses that are ours besides `server.hostname`, such "
               "as the public address in front of a NAT.",
        .example = R"(["mail.example.org", "192.0.2.1"])"},
    key{.section = "client_name",
        .name = "timeout",
        .type = key_type::duration,
        .default_toml = R"("5s")",
        .doc = "For all answers about the client's name; without them it has no weight.",
        .min = 100,
        .max = 60'000},
};

} // namespace fendmail::app
