// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/feed/range_set.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <random>
#include <string_view>
#include <vector>

namespace fendmail::feed {
namespace {

std::vector<network> nets(std::initializer_list<std::string_view> texts)
{
    std::vector<network> out;
    for (const auto text : texts)
        out.push_back(parse_network(text).value());
    return out;
}

bool has(const range_set& set, std::string_view address)
{
    return set.contains(parse_address(address).value());
}

bool touches(const range_set& set, std::string_view net)
{
    return set.overlaps(parse_network(net).value());
}

} // namespace

TEST_CASE("range set: an address is in it when a network holds it", "[feed]")
{
    const range_set set{nets({"192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "0.0.0.0/32",
                              "255.255.255.255", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128"})};
    for (const auto* const in : {"192.0.2.0", "192.0.2.255", "198.51.100.7", "0.0.0.0",
                                 "255.255.255.255", "2001:db8::", "2001:db8:1::1",
                                 "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:192.0.2.9"}) {
        CAPTURE(in);
        CHECK(has(set, in));
    }
    for (const auto* const out :
         {"192.0.1.255", "192.0.3.0", "198.51.100.6", "198.51.100.8", "0.0.0.1", "255.255.255.254",
          "2001:db9::", "2001:db7:ffff::", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
        CAPTURE(out);
        CHECK_FALSE(has(set, out));
    }
    CHECK_FALSE(range_set{}.contains(ip_address{}));
    CHECK(range_set{}.empty());
    CHECK_FALSE(set.empty());
}

TEST_CASE("range set: networks that overlap or follow each other are one range", "[feed]")
{
    CHECK(range_set{nets({"192.0.2.0/25", "192.0.2.128/25"})}.size() == 1);
    CHECK(range_set{nets({"192.0.2.0/24", "192.0.2.7", "192.0.2.0/25"})}.size() == 1);
    CHECK(range_set{nets({"192.0.2.0/25", "192.0.2.129"})}.size() == 2);
    CHECK(range_set{nets({"2001:db8::/33", "2001:db8:8000::/33"})}.size() == 1);
    CHECK(range_set{nets({"2001:db8::/65", "2001:db8:0:0:8000::/65"})}.size() == 1);
    CHECK(range_set{nets({"0.0.0.0/1", "128.0.0.0/1", "::/0"})}.size() == 2);
    CHECK(has(range_set{nets({"0.0.0.0/0", "::/0"})}, "203.0.113.1"));
    CHECK(has(range_set{nets({"::/0"})}, "2001:db8::1"));
}

TEST_CASE("range set: a network touches it when any address is in both", "[feed]")
{
    const range_set set{nets({"192.0.2.64/26", "2001:db8:1::/48"})};
    for (const auto* const net : {"192.0.2.0/24", "192.0.2.65", "192.0.2.64/26", "0.0.0.0/0",
                                  "2001:db8::/32", "2001:db8:1:2::/64", "::/0"}) {
        CAPTURE(net);
        CHECK(touches(set, net));
    }
    for (const auto* const net : {"192.0.2.0/26", "192.0.2.128/25", "2001:db8:2::/48"}) {
        CAPTURE(net);
        CHECK_FALSE(touches(set, net));
    }
}

TEST_CASE("range set: it says what looking at each network says", "[feed]")
{
    std::mt19937 random{7};
    for (int round = 0; round < 50; ++round) {
        std::vector<network> all;
        for (int i = 0; i < 40; ++i) {
            const auto length = static_cast<unsigned>(20 + random() % 13);
            const auto low = static_cast<std::uint8_t>(random());
            all.push_back(network_of(
                ip_address::v4({192, 0, static_cast<std::uint8_t>(random() % 16), low}), length));
        }
        const range_set set{all};
        for (int i = 0; i < 400; ++i) {
            const auto address = ip_address::v4({192, 0, static_cast<std::uint8_t>(random() % 18),
                                                 static_cast<std::uint8_t>(random())});
            CHECK(set.contains(address) == std::ranges::any_of(all, [&](const network& net) {
                      return net.contains(address);
                  }));
        }
    }
}

} // namespace fendmail::feed
