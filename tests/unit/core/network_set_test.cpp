// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/network_set.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

namespace fendmail {
namespace {

using texts = std::vector<std::string>;

network net(const char* text)
{
    return parse_network(text).value();
}

network_set set_of(std::initializer_list<const char*> nets)
{
    network_set out;
    for (const char* text : nets)
        out.add(net(text));
    return out;
}

texts to_texts(const std::vector<network>& nets)
{
    texts out;
    for (const network& one : nets)
        out.push_back(to_text(one));
    return out;
}

/// Networks within 192.0.2.0/28, so that every address can be looked at.
network random_net(std::mt19937& random)
{
    const auto length = static_cast<unsigned>(28 + random() % 5);
    const auto host = ip_address::v4({192, 0, 2, static_cast<std::uint8_t>(random() % 16)});
    return {host.masked(length), static_cast<std::uint8_t>(length)};
}

bool any_contains(const std::vector<network>& nets, const ip_address& address)
{
    return std::ranges::any_of(nets, [&](const network& one) { return one.contains(address); });
}

} // namespace

TEST_CASE("network set: keeps no network that lies within another", "[network_set]")
{
    CHECK(to_texts(set_of({"10.1.0.0/16", "10.0.0.0/8", "10.2.0.0/16"}).networks()) ==
          texts{"10.0.0.0/8"});
    CHECK(to_texts(set_of({"::/0", "2001:db8::/32", "192.0.2.1"}).networks()) ==
          texts{"192.0.2.1/32", "::/0"});
    CHECK(set_of({}).empty());
    CHECK(network_set::everything().size() == 2);
}

TEST_CASE("network set: the rest of a network is what the set does not hold", "[network_set]")
{
    const auto set = set_of({"192.0.2.64/26", "2001:db8::/32"});
    CHECK(to_texts(set.rest_of(net("192.0.2.0/24"))) == texts{"192.0.2.0/26", "192.0.2.128/25"});
    CHECK(to_texts(set.rest_of(net("192.0.2.65"))).empty());
    CHECK(to_texts(set.rest_of(net("198.51.100.0/24"))) == texts{"198.51.100.0/24"});
    CHECK(to_texts(set.rest_of(net("2001:db8::/31"))) == texts{"2001:db9::/32"});
    CHECK(set_of({"192.0.2.1"}).rest_of(all_v4()).size() == 32);
    CHECK(set_of({"2001:db8::1"}).rest_of(all_v6()).size() == 128);
}

TEST_CASE("network set: what is IPv4 to us never comes out of an IPv6 network", "[network_set]")
{
    // The sibling of ::fffe:0:0/96 is ::ffff:0:0/96, the mapped IPv4 addresses.
    const auto rest = set_of({"::fffe:0:0/96"}).rest_of(net("::fffc:0:0/94"));
    CHECK(to_texts(rest) == texts{"::fffc:0:0/95"});
}

TEST_CASE("network set: what it has in common with a network", "[network_set]")
{
    const auto set = set_of({"192.0.2.64/26", "192.0.2.9", "10.0.0.0/8"});
    CHECK(to_texts(set.common_with(net("192.0.2.0/24"))) == texts{"192.0.2.9/32", "192.0.2.64/26"});
    CHECK(to_texts(set.common_with(net("10.1.2.0/24"))) == texts{"10.1.2.0/24"});
    CHECK(set.common_with(net("2001:db8::/32")).empty());
}

TEST_CASE("network set: agrees address by address with a list of networks", "[network_set]")
{
    std::mt19937 random{2821};
    for (int round = 0; round < 300; ++round) {
        network_set set;
        std::vector<network> list;
        for (auto count = random() % 5; count > 0; --count) {
            list.push_back(random_net(random));
            set.add(list.back());
        }
        const network wanted = random_net(random);
        const auto rest = set.rest_of(wanted);
        const auto common = set.common_with(wanted);
        bool overlaps = false;
        for (std::uint8_t last = 0; last < 16; ++last) {
            const auto address = ip_address::v4({192, 0, 2, last});
            const bool in_set = any_contains(list, address);
            CHECK(any_contains(set.networks(), address) == in_set);
            CHECK(any_contains(rest, address) == (wanted.contains(address) && !in_set));
            CHECK(any_contains(common, address) == (wanted.contains(address) && in_set));
            overlaps = overlaps || (wanted.contains(address) && in_set);
        }
        CHECK(set.overlaps(wanted) == overlaps);
    }
}

} // namespace fendmail
