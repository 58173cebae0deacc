// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/key_facts.hpp"
#include "fendmail/core/abuse/rates.hpp"

/// Section [rates]: how much a client may do in a time.
namespace fendmail::app {

/// The keys of abuse::rate_rules, which the core describes to nothing.
struct rate_keys {
    template <class Keys>
    static void describe(Keys& keys)
    {
        using abuse::rate_rules;
        keys.add("action", &rate_rules::action,
                 {.doc = "What comes of a rate that is exceeded: it is only told (ignore), the "
                         "client gets 421 and comes again (defer), or the connection is closed "
                         "without a word (drop). Never a permanent refusal."});
        keys.add("connections", &rate_rules::connections,
                 {.doc = "Connections of one client that is neither permitted, a known sender, nor "
                         "has passed before, as \"count/time\"; \"\" = no limit. Who goes on "
                         "coming faster than that gets nothing until it slows down.",
                  .example = R"("20/10s")"});
        keys.add("network", &rate_rules::network,
                 {.doc = "The same of all such clients of one network together.",
                  .example = R"("200/10s")"});
        keys.add("tls_handshakes", &rate_rules::tls_handshakes,
                 {.doc = "TLS handshakes of such a client with us.", .example = R"("30/1m")"});
        keys.add("refused_recipients", &rate_rules::refused_recipients,
                 {.doc = "Recipients of one client that we refused.", .example = R"("100/1h")"});
        keys.add("ipv4_network_prefix", &rate_rules::ipv4_network_prefix,
                 {.doc =
                      "IPv4 addresses that begin with the same bits are one network, here and in "
                      "[bans].",
                  .min = 8,
                  .max = 32});
        keys.add("ipv6_network_prefix", &rate_rules::ipv6_network_prefix,
                 {.doc = "The same of IPv6.", .min = 16, .max = 128});
        keys.add("table_size", &rate_rules::table_size,
                 {.doc = "How many clients, and how many networks, are counted at once; 32 octets "
                         "for each client and rate, 8 for each network.",
                  .min = 1024,
                  .max = 16777216});
    }
};

} // namespace fendmail::app
