// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"
#include "keys_units.hpp"

#include <array>

/// The keys of [store]. Private to keys.cpp.
namespace fendmail::app {

inline constexpr std::array store_keys{
    key{.section = "store",
        .name = "kind",
        .type = key_type::choice,
        .default_toml = R"("lmdb")",
        .doc = "Where clients that passed are remembered: an LMDB file, memory until the next "
               "restart, or nowhere: then every client is tested every time.",
        .choices = "lmdb|memory|none",
        .reloadable = restart},
    key{.section = "store",
        .name = "path",
        .default_toml = R"("/var/lib/fendmail/clients.lmdb")",
        .doc = "The file; an absolute path.",
        .reloadable = restart},
    key{.section = "store",
        .name = "retention",
        .type = key_type::duration,
        .default_toml = R"("7d")",
        .doc = "How long a client is kept after its last pass has expired.",
        .max = ttl_max,
        .step = second},
    key{.section = "store",
        .name = "ipv6_prefix",
        .type = key_type::integer,
        .default_toml = "64",
        .doc = "IPv6 addresses that begin with the same bits are one client that is remembered. "
               "After a change clients are tested again.",
        .min = ipv6_prefix_min,
        .max = 128},
    key{.section = "store",
        .name = "sweep_interval",
        .type = key_type::duration,
        .default_toml = R"("12h")",
        .doc = "How often clients past their retention are removed.",
        .min = second,
        .max = 365 * day,
        .step = second},
};

} // namespace fendmail::app
