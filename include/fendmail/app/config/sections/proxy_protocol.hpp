// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/key_facts.hpp"
#include "fendmail/core/acl/prefix_trie.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <vector>

/// Section [proxy_protocol]: for a load balancer that stands in front of us.
namespace fendmail::app {

struct proxy_protocol_options {
    acl::prefix_trie trusted;              ///< networks that must send a PROXY header
    std::vector<network> trusted_networks; ///< the same, one by one
    milliseconds timeout{5000};

    void trust(const network& net)
    {
        trusted.insert(net, 0);
        trusted_networks.push_back(net);
    }
    [[nodiscard]] bool trusts(const ip_address& balancer) const noexcept
    {
        return trusted.find(balancer).has_value();
    }

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.built(
            "trusted", key_type::text_list, "[]",
            {.doc =
                 "Networks of load balancers: their connections must begin with a PROXY v1 or v2 "
                 "header, which says who the client is. From anyone else it is speaking too early. "
                 "A "
                 "name counts when /etc/hosts has it (at start and reload); DNS is not asked.",
             .example = R"(["192.0.2.10", "2001:db8::/64"])"});
        keys.add("timeout", &proxy_protocol_options::timeout,
                 {.doc = "Longest wait for the whole PROXY header.",
                  .min = 1,
                  .max = 10 * spans::minute});
    }
};

} // namespace fendmail::app
