// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/private_address.hpp"

#include "support/catch.hpp"

using namespace fendmail;

TEST_CASE("private addresses: the first and the last of each network, and their neighbours",
          "[dnsbl]")
{
    for (const auto* text :
         {"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0",
          "192.168.255.255", "100.64.0.0", "100.127.255.255", "169.254.0.0", "169.254.255.255",
          "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::", "febf:ffff::1",
          "::ffff:10.0.0.1"}) {
        CAPTURE(text);
        CHECK(dnsbl::is_private(*parse_address(text)));
    }
    for (const auto* text :
         {"9.255.255.255", "11.0.0.0",       "172.15.255.255", "172.32.0.0",      "192.167.255.255",
          "192.169.0.0",   "100.63.255.255", "100.128.0.0",    "169.253.255.255", "169.255.0.0",
          "fbff::1",       "fe00::1",        "fe7f::1",        "fec0::1",         "2001:db8::1",
          "::1",           "127.0.0.1",      "192.0.2.1",      "198.51.100.1",    "203.0.113.1"}) {
        CAPTURE(text);
        CHECK_FALSE(dnsbl::is_private(*parse_address(text)));
    }
}
