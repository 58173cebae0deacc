// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/choice.hpp"
#include "fendmail/app/config/key_facts.hpp"
#include "fendmail/app/config/sections/limits.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

/// Section [store]: the temporary allowlist.
namespace fendmail::app {

enum class store_kind : std::uint8_t { lmdb, memory, none };
inline constexpr std::array store_kinds{
    choice{store_kind::lmdb, "lmdb"},
    choice{store_kind::memory, "memory"},
    choice{store_kind::none, "none"},
};
[[nodiscard]] constexpr const auto& choice_table(store_kind) noexcept
{
    return store_kinds;
}
[[nodiscard]] constexpr std::string_view to_string(store_kind k) noexcept
{
    return text_of(k);
}

struct store_place {
    store_kind kind = store_kind::lmdb;
    std::filesystem::path path{"/var/lib/fendmail/clients.lmdb"};

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.add(
            "kind", &store_place::kind,
            {.doc = "Where clients that passed are remembered: an LMDB file, memory until the next "
                    "restart, or nowhere: then every client is tested every time."});
        keys.add("path", &store_place::path,
                 {.doc = "The file; an absolute path.", .is_one_line = true});
    }
    friend bool operator==(const store_place&, const store_place&) = default;
};

struct store_options {
    seconds retention = std::chrono::days{7};
    unsigned ipv6_prefix = 64; ///< of one client that is remembered
    seconds sweep_interval = std::chrono::hours{12};

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.add("retention", &store_options::retention,
                 {.doc = "How long a client is kept after its last pass has expired.",
                  .max = spans::ttl_max});
        keys.add(
            "ipv6_prefix", &store_options::ipv6_prefix,
            {.doc =
                 "IPv6 addresses that begin with the same bits are one client that is remembered. "
                 "After a change clients are tested again.",
             .min = ipv6_prefix_min,
             .max = 128});
        keys.add("sweep_interval", &store_options::sweep_interval,
                 {.doc = "How often clients past their retention are removed.",
                  .min = spans::second,
                  .max = 365 * spans::day});
    }
};

} // namespace fendmail::app
