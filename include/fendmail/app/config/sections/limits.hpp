// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/key_facts.hpp"

#include <cstdint>

/// Section [limits]: how many clients at once.
namespace fendmail::app {

/// The kernel brings all addresses of such a network to one worker (io::steered_ipv6_prefix).
inline constexpr std::int64_t ipv6_prefix_min = 48;

struct limits_options {
    std::uint32_t clients_per_address = 50; ///< 0 = no limit
    unsigned ipv6_prefix = 64;              ///< of one client that is counted
    std::uint32_t screening = 10000;
    std::uint32_t handing_off = 100;

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.add("clients_per_address", &limits_options::clients_per_address,
                 {.doc = "Simultaneous sessions of one client; 0 = no limit.", .max = 1000000});
        keys.add(
            "ipv6_prefix", &limits_options::ipv6_prefix,
            {.doc = "IPv6 addresses that begin with the same bits are one client that is counted.",
             .min = ipv6_prefix_min,
             .max = 128});
        keys.add(
            "screening", &limits_options::screening,
            {.doc = "Clients in screening at once; stress begins at 90 % of it and ends at 70 %.",
             .min = 1,
             .max = 10000000});
        keys.add(
            "handing_off", &limits_options::handing_off,
            {.doc = "Sockets on their way to a postfix-pass backend.", .min = 1, .max = 100000});
    }
};

} // namespace fendmail::app
