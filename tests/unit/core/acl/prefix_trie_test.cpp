// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/acl/prefix_trie.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace fendmail::acl {
namespace {

ip_address address(const char* text)
{
    return parse_address(text).value();
}
network net(const char* text)
{
    return parse_network(text).value();
}

/// The obviously right way: look at every network and keep the longest.
class linear_oracle {
public:
    void insert(const network& added, std::uint32_t value) { nets_.emplace(added, value); }
    [[nodiscard]] std::optional<std::uint32_t> find(const ip_address& client) const
    {
        const std::pair<const network, std::uint32_t>* best = nullptr;
        for (const auto& entry : nets_)
            if (entry.first.contains(client) &&
                (best == nullptr || entry.first.prefix_length > best->first.prefix_length))
                best = &entry;
        if (best == nullptr) return std::nullopt;
        return best->second;
    }
    [[nodiscard]] std::size_t size() const { return nets_.size(); }
    [[nodiscard]] const std::map<network, std::uint32_t>& nets() const { return nets_; }

private:
    std::map<network, std::uint32_t> nets_;
};

ip_address random_address(std::mt19937& random, bool v4)
{
    // Few distinct octets, so that networks nest, repeat and fork all the time.
    static constexpr std::array<std::uint8_t, 6> octets{0x00, 0x01, 0x7f, 0x80, 0xc0, 0xff};
    std::array<std::uint8_t, 16> made{};
    for (auto& octet : made)
        octet = octets[random() % octets.size()];
    if (v4) return ip_address::v4({made[0], made[1], made[2], made[3]});
    made[0] |= 0x20; // never an IPv4-mapped one
    return ip_address::v6(made);
}

network random_net(std::mt19937& random, bool v4)
{
    const auto host = random_address(random, v4);
    const auto length = static_cast<unsigned>(random() % (host.bits() + 1));
    return {host.masked(length), static_cast<std::uint8_t>(length)};
}

/// The last address of a network and the one behind it are where prefix matches go wrong.
ip_address last_of(const network& held)
{
    std::array<std::uint8_t, 16> made{};
    const auto from = held.address.octets();
    for (std::size_t i = 0; i < from.size(); ++i) {
        const int kept =
            std::clamp(static_cast<int>(held.prefix_length) - static_cast<int>(8 * i), 0, 8);
        made[i] = static_cast<std::uint8_t>(from[i] | (0xff >> kept));
    }
    return from.size() == 4 ? ip_address::v4({made[0], made[1], made[2], made[3]})
                            : ip_address::v6(made);
}

} // namespace

TEST_CASE("prefix trie: an empty one finds nothing", "[acl]")
{
    const prefix_trie trie;
    CHECK(trie.size() == 0);
    CHECK(trie.find(address("192.0.2.1")) == std::nullopt);
    CHECK(trie.find(address("::")) == std::nullopt);
    CHECK(trie.nodes_touched(address("192.0.2.1")) == 0);
}

TEST_CASE("prefix trie: the longest network that holds an address decides", "[acl]")
{
    std::vector<std::pair<network, std::uint32_t>> nets{
        {net("0.0.0.0/0"), 1},      {net("192.0.2.0/24"), 2},  {net("192.0.2.128/25"), 3},
        {net("192.0.2.129"), 4},    {net("2001:db8::/32"), 6}, {net("2001:db8::1"), 7},
        {net("198.51.100.0/24"), 5}};
    struct row {
        const char* client;
        std::optional<std::uint32_t> want;
    };
    static const row rows[] = {
        {"192.0.2.129", 4},     {"192.0.2.128", 3}, {"192.0.2.255", 3},
        {"192.0.2.127", 2},     {"192.0.3.0", 1},   {"198.51.100.9", 5},
        {"255.255.255.255", 1}, {"2001:db8::1", 7}, {"2001:db8::2", 6},
        {"2001:db9::", {}},     {"::", {}},         {"::ffff:192.0.2.129", 4}};
    const auto by_value = [](const auto& a, const auto& b) { return a.second < b.second; };
    std::sort(nets.begin(), nets.end(), by_value);
    do {
        prefix_trie trie;
        for (const auto& [added, value] : nets)
            trie.insert(added, value);
        REQUIRE(trie.size() == nets.size());
        for (const row& r : rows) {
            CAPTURE(r.client);
            REQUIRE(trie.find(address(r.client)) == r.want);
        }
    } while (std::next_permutation(nets.begin(), nets.end(), by_value));
}

TEST_CASE("prefix trie: a network that is already there keeps its first value", "[acl]")
{
    prefix_trie trie;
    trie.insert(net("192.0.2.0/24"), 1);
    trie.insert(net("192.0.2.0/24"), 2);
    CHECK(trie.size() == 1);
    CHECK(trie.find(address("192.0.2.9")) == 1);
}

TEST_CASE("prefix trie: a fork is no network until it is inserted", "[acl]")
{
    prefix_trie trie;
    trie.insert(net("10.0.0.0/16"), 1);
    trie.insert(net("10.1.0.0/16"), 2); // makes a fork at 10.0.0.0/15
    CHECK(trie.size() == 2);
    CHECK(trie.find(address("10.2.0.1")) == std::nullopt);
    trie.insert(net("10.0.0.0/15"), 3);
    CHECK(trie.size() == 3);
    CHECK(trie.find(address("10.0.0.1")) == 1);
    trie.insert(net("10.0.0.0/14"), 4);
    CHECK(trie.find(address("10.2.0.1")) == 4);
    CHECK(trie.find(address("10.1.0.1")) == 2);
}

TEST_CASE("prefix trie: all prefix lengths of one address nest", "[acl]")
{
    for (const char* text : {"165.90.165.90", "a5a5:5a5a:a5a5:5a5a:a5a5:5a5a:a5a5:5a5a"}) {
        const auto host = address(text);
        prefix_trie trie;
        for (unsigned length = host.bits() + 1; length-- > 0;)
            trie.insert({host.masked(length), static_cast<std::uint8_t>(length)}, length);
        CHECK(trie.size() == host.bits() + 1);
        CHECK(trie.find(host) == host.bits());
        CHECK(trie.nodes_touched(host) == host.bits() + 1);
        for (unsigned length = 0; length < host.bits(); ++length) {
            // Differs from the host first in the bit behind the prefix.
            std::array<std::uint8_t, 16> octets{};
            std::copy(host.octets().begin(), host.octets().end(), octets.begin());
            octets[length / 8] ^= static_cast<std::uint8_t>(0x80U >> (length % 8));
            const auto other = host.is_v4()
                                   ? ip_address::v4({octets[0], octets[1], octets[2], octets[3]})
                                   : ip_address::v6(octets);
            CAPTURE(text, length);
            REQUIRE(trie.find(other) == length);
        }
    }
}

TEST_CASE("prefix trie: a network alone holds nothing but its own addresses", "[acl]")
{
    std::mt19937 random{7};
    for (const bool v4 : {true, false}) {
        const auto host = random_address(random, v4);
        for (unsigned length = 0; length <= host.bits(); ++length) {
            const network held{host.masked(length), static_cast<std::uint8_t>(length)};
            prefix_trie trie;
            trie.insert(held, 1);
            CHECK(trie.find(last_of(held)) == 1);
            for (int i = 0; i < 100; ++i) {
                const auto client = random_address(random, v4);
                CAPTURE(to_text(held), to_text(client));
                REQUIRE(trie.find(client).has_value() == held.contains(client));
            }
        }
    }
}

TEST_CASE("prefix trie: thousands of random networks match as a linear search does", "[acl]")
{
    const auto seed = GENERATE(1U, 2U, 3U, 4U);
    std::mt19937 random{seed};
    prefix_trie trie;
    linear_oracle oracle;
    const std::size_t count = seed == 1 ? 40 : 3000;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto added = random_net(random, random() % 2 == 0);
        trie.insert(added, i);
        oracle.insert(added, i);
        REQUIRE(trie.size() == oracle.size());
    }
    const auto again = oracle.nets().begin()->first;
    trie.insert(again, 1'000'000);
    oracle.insert(again, 1'000'000);
    CHECK(trie.size() == oracle.size());
    std::size_t found = 0;
    for (int i = 0; i < 1500; ++i) {
        auto client = random_address(random, random() % 2 == 0);
        if (i % 3 == 0) {
            auto held = oracle.nets().begin();
            std::advance(held, static_cast<std::ptrdiff_t>(random() % oracle.size()));
            client = i % 2 == 0 ? held->first.address : last_of(held->first);
        }
        const auto want = oracle.find(client);
        CAPTURE(seed, to_text(client));
        REQUIRE(trie.find(client) == want);
        found += want.has_value();
    }
    CHECK(found > 500);
}

TEST_CASE("prefix trie: with 100,000 networks a look-up touches a few nodes", "[acl]")
{
    std::mt19937 random{100000};
    prefix_trie trie;
    std::vector<network> nets;
    while (trie.size() < 100000) {
        const auto bits = random();
        const auto host = ip_address::v4(
            {static_cast<std::uint8_t>(bits >> 24), static_cast<std::uint8_t>(bits >> 16),
             static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)});
        const auto length = static_cast<unsigned>(16 + random() % 17);
        nets.push_back({host.masked(length), static_cast<std::uint8_t>(length)});
        trie.insert(nets.back(), static_cast<std::uint32_t>(nets.size()));
    }
    std::size_t most = 0;
    std::size_t sum = 0;
    for (const auto& held : nets) {
        REQUIRE(trie.find(held.address).has_value());
        const auto touched = trie.nodes_touched(held.address);
        most = std::max(most, touched);
        sum += touched;
    }
    CHECK(most <= 33);              // one for each prefix length of IPv4
    CHECK(sum / nets.size() <= 20); // log2(100,000) is 17; random networks are near to that
    CHECK(trie.nodes_touched(address("2001:db8::1")) == 0);
}

} // namespace fendmail::acl
