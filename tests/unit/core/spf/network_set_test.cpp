// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/spf/network_set.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace fendmail;
using spf::network_set;

namespace {

network_set set_of(const std::vector<std::string>& texts)
{
    std::vector<network> nets;
    for (const auto& text : texts)
        nets.push_back(*parse_network(text));
    return network_set{nets};
}

std::vector<std::string> texts(const network_set& set)
{
    std::vector<std::string> all;
    for (const auto& net : set.networks())
        all.push_back(to_text(net));
    return all;
}

using list = std::vector<std::string>;

/// Every network within 192.0.2.0/29.
std::vector<network> small_networks()
{
    std::vector<network> all;
    for (unsigned length = 29; length <= 32; ++length)
        for (unsigned last = 0; last < 8; last += 1U << (32 - length))
            all.push_back({ip_address::v4({192, 0, 2, static_cast<std::uint8_t>(last)}),
                           static_cast<std::uint8_t>(length)});
    return all;
}

bool holds(const std::vector<network>& nets, const ip_address& address)
{
    return std::ranges::any_of(nets, [&](const network& n) { return n.contains(address); });
}

} // namespace

TEST_CASE("network set: what overlaps or touches becomes the fewest networks", "[spf]")
{
    CHECK(texts(set_of({})).empty());
    CHECK(texts(set_of({"192.0.2.128/25", "192.0.2.0/25"})) == list{"192.0.2.0/24"});
    CHECK(texts(set_of({"192.0.2.0/24", "192.0.2.77"})) == list{"192.0.2.0/24"});
    CHECK(texts(set_of({"192.0.2.1", "192.0.2.2", "192.0.2.3"})) ==
          list{"192.0.2.1/32", "192.0.2.2/31"});
    CHECK(texts(set_of({"2001:db8::/33", "2001:db8:8000::/33", "192.0.2.1"})) ==
          list{"192.0.2.1/32", "2001:db8::/32"});
    CHECK(texts(set_of({"0.0.0.0/0", "255.255.255.255", "::/0", "ffff::/16"})) ==
          list{"0.0.0.0/0", "::/0"});
}

TEST_CASE("network set: subtraction leaves just the rest, at both ends of the world too", "[spf]")
{
    struct row {
        list from;
        list take;
        list want;
    };
    const row rows[] = {
        {{"192.0.2.0/30"}, {"192.0.2.1"}, {"192.0.2.0/32", "192.0.2.2/31"}},
        {{"192.0.2.0/24"}, {"192.0.2.0/23"}, {}},
        {{"192.0.2.0/24"}, {"2001:db8::/32"}, {"192.0.2.0/24"}},
        {{"::/0"}, {"8000::/1"}, {"::/1"}},
        {{"::/0"}, {"::/1"}, {"8000::/1"}},
        {{"2001:db8::/127", "2001:db8::ffff:0:0:0/80"},
         {"2001:db8::"},
         {"2001:db8::1/128", "2001:db8:0:0:ffff::/80"}},
        {{"2001:db8::/126"}, {"2001:db8::2"}, {"2001:db8::/127", "2001:db8::3/128"}},
    };
    for (const row& r : rows) {
        auto set = set_of(r.from);
        CAPTURE(r.from, r.take);
        set.subtract(set_of(r.take));
        CHECK(texts(set) == r.want);
    }
}

TEST_CASE("network set: the ends of the world and the middle of an IPv6 address", "[spf]")
{
    auto all = set_of({"0.0.0.0/0", "::/0"});
    all.subtract(set_of({"255.255.255.255", "0.0.0.0", "::", "8000::/1"}));
    const auto nets = all.networks();
    CHECK(std::ranges::count_if(nets, [](const auto& n) { return n.address.is_v4(); }) == 62);
    CHECK_FALSE(holds(nets, *parse_address("::")));
    CHECK(holds(nets, *parse_address("::1")));
    CHECK(holds(nets, *parse_address("7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
    CHECK_FALSE(holds(nets, *parse_address("8000::")));

    const auto both =
        set_of({"2001:db8:0:0:ffff:ffff:ffff:ffff", "2001:db8:0:1::", "2001:db8:0:1::1"});
    CHECK(texts(both) == list{"2001:db8::ffff:ffff:ffff:ffff/128", "2001:db8:0:1::/127"});
}

TEST_CASE("network set: no IPv6 network turns into an IPv4 one", "[spf]")
{
    auto set = set_of({"::/16"});
    set.subtract(set_of({"::fffe:0:0/96"}));
    const auto nets = set.networks();
    CHECK_FALSE(nets.empty());
    CHECK(std::ranges::all_of(nets, [](const network& n) { return n.address.is_v6(); }));
}

TEST_CASE("network set: sums and differences hold what they should, for all small sets", "[spf]")
{
    const auto all = small_networks();
    REQUIRE(all.size() == 15);
    std::size_t wrong = 0;
    for (const network& a : all)
        for (const network& b : all)
            for (const network& c : all)
                for (const network& d : all) {
                    const std::vector<network> left{a, b};
                    const std::vector<network> right{c, d};
                    network_set sum{left};
                    sum.add(network_set{right});
                    network_set rest{left};
                    rest.subtract(network_set{right});
                    const auto sum_nets = sum.networks();
                    const auto rest_nets = rest.networks();
                    for (std::uint8_t last = 0; last < 8; ++last) {
                        const auto address = ip_address::v4({192, 0, 2, last});
                        const bool in_left = holds(left, address);
                        const bool in_right = holds(right, address);
                        wrong += holds(sum_nets, address) != (in_left || in_right);
                        wrong += holds(rest_nets, address) != (in_left && !in_right);
                    }
                }
    CHECK(wrong == 0);
}
