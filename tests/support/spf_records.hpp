// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/dns_server.hpp"

#include <chrono>
#include <string>

/// SPF records on a test's DNS server.
namespace fendmail::test {

inline void put_spf(dns_server& server, const std::string& domain, const std::string& terms,
                    std::chrono::seconds ttl = std::chrono::seconds{300})
{
    server.on("TXT", domain, dns_reply::txt({"some-verification=1", "v=spf1 " + terms}, ttl));
}

/// The structure of the records of Google: a redirect, and includes of three records.
inline void put_google(dns_server& server)
{
    put_spf(server, "gmail.com", "redirect=_spf.google.com");
    put_spf(server, "_spf.google.com",
            "include:_netblocks.google.com include:_netblocks2.google.com "
            "include:_netblocks3.google.com ~all");
    put_spf(server, "_netblocks.google.com", "ip4:192.0.2.0/24 ip4:198.51.100.0/25 ~all");
    put_spf(server, "_netblocks2.google.com", "ip6:2001:db8:4000::/36 ~all",
            std::chrono::seconds{60});
    put_spf(server, "_netblocks3.google.com", "ip4:203.0.113.0/24 ~all");
}

} // namespace fendmail::test
