// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"

#include <array>

/// The keys of [known_senders]. Private to keys.cpp, which would be too long with them.
namespace fendmail::app {

inline constexpr std::array sender_keys{
    key{.section = "known_senders",
        .name = "spf",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc = "Domains of big mail providers: the addresses that their SPF records permit, "
               "whoever the sender is, are not screened. [] = off. An access rule that matches "
               "comes first.",
        .example = R"(["gmail.com", "outlook.com", "yahoo.com"])"},
    key{.section = "known_senders",
        .name = "skip",
        .type = key_type::choice,
        .default_toml = R"("all")",
        .doc = "What their clients are spared: all tests, as if a rule permitted them, or the deep "
               "tests alone.",
        .choices = "all|deep"},
    key{.section = "known_senders",
        .name = "refresh",
        .type = key_type::duration,
        .default_toml = R"("6h")",
        .doc = "How often the records are looked up; not before their TTL has passed, at most one "
               "day. A reload and a start look them up at once.",
        .min = 5 * 60'000,
        .max = 30 * 86'400'000LL,
        .step = 1000},
    key{.section = "known_senders",
        .name = "max_age",
        .type = key_type::duration,
        .default_toml = R"("14d")",
        .doc = "A domain whose record could not be looked up for so long is warned of once a day; "
               "its addresses stay in use.",
        .min = 3'600'000,
        .max = 3650 * 86'400'000LL,
        .step = 1000},
};

} // namespace fendmail::app
