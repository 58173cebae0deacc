// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"
#include "keys_units.hpp"

#include <array>

/// The keys of [limits]. Private to keys.cpp.
namespace fendmail::app {

inline constexpr std::array limits_keys{
    key{.section = "limits",
        .name = "clients_per_address",
        .type = key_type::integer,
        .default_toml = "50",
        .doc = "Simultaneous sessions of one client; 0 = no limit.",
        .max = 1000000},
    key{.section = "limits",
        .name = "ipv6_prefix",
        .type = key_type::integer,
        .default_toml = "64",
        .doc = "IPv6 addresses that begin with the same bits are one client that is counted.",
        .min = ipv6_prefix_min,
        .max = 128},
    key{.section = "limits",
        .name = "screening",
        .type = key_type::integer,
        .default_toml = "10000",
        .doc = "Clients in screening at once; stress begins at 90 % of it and ends at 70 %.",
        .min = 1,
        .max = 10000000},
    key{.section = "limits",
        .name = "handing_off",
        .type = key_type::integer,
        .default_toml = "100",
        .doc = "Sockets on their way to a postfix-pass backend.",
        .min = 1,
        .max = 100000},
};

} // namespace fendmail::app
