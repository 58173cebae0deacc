// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/query_name.hpp"

#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/limits.hpp"

#include "support/catch.hpp"

using namespace fendmail;

TEST_CASE("query name: IPv4 octets in reverse order", "[dnsbl]")
{
    // RFC 5782 §2.1
    CHECK(dnsbl::query_name(ip_address::v4({192, 0, 2, 99}), "bad.example.com") ==
          "99.2.0.192.bad.example.com");
    CHECK(dnsbl::query_name(ip_address::v4({0, 10, 255, 1}), "bl.test") == "1.255.10.0.bl.test");
    CHECK(dnsbl::query_name(ip_address{}, "bl.test") == "0.0.0.0.bl.test");
}

TEST_CASE("query name: IPv6 nibbles in reverse order", "[dnsbl]")
{
    // RFC 5782 §2.4: 2001:db8:1:2:3:4:567:89ab
    const auto client = ip_address::v6({0x20, 0x01, 0x0d, 0xb8, 0x00, 0x01, 0x00, 0x02, 0x00, 0x03,
                                        0x00, 0x04, 0x05, 0x67, 0x89, 0xab});
    CHECK(dnsbl::query_name(client, "ugly.example.com") ==
          "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2."
          "ugly.example.com");
}

TEST_CASE("query name: an IPv4-mapped address is asked as IPv4", "[dnsbl]")
{
    const auto client = ip_address::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1});
    CHECK(dnsbl::query_name(client, "bl.test") == "1.2.0.192.bl.test");
}

TEST_CASE("query name: the longest zone that is taken gives the longest name", "[dnsbl]")
{
    const std::string zone =
        std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(61, 'c');
    REQUIRE(dnsbl::parse_site(zone).has_value());
    CHECK(dnsbl::query_name(ip_address::v6({1}), zone).size() == limits::dns_name_octets);
    CHECK_FALSE(dnsbl::parse_site(zone + "c").has_value());
}
