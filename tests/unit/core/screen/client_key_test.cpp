// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/client_key.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

namespace fendmail::screen {
namespace {

ip_address address(const char* text)
{
    return parse_address(text).value();
}

std::string octets_of(const client_key& key)
{
    std::string made;
    for (const auto octet : key.octets())
        made += static_cast<char>(octet);
    return made;
}

} // namespace

TEST_CASE("client key: octets are family, prefix length and network address", "[screen]")
{
    using namespace std::string_literals;
    struct row {
        const char* address;
        unsigned ipv4_prefix;
        unsigned ipv6_prefix;
        std::string want;
        const char* want_net;
    };
    const row rows[] = {
        {"192.0.2.129", 32, 128, "4\x20\xc0\x00\x02\x81"s, "192.0.2.129/32"},
        {"192.0.2.129", 24, 64, "4\x18\xc0\x00\x02\x00"s, "192.0.2.0/24"},
        {"192.0.2.129", 0, 64, "4\0\0\0\0\0"s, "0.0.0.0/0"},
        {"::ffff:192.0.2.129", 24, 64, "4\x18\xc0\x00\x02\x00"s, "192.0.2.0/24"},
        {"2001:db8::1", 32, 128, "6\x80\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s,
         "2001:db8::1/128"},
        {"2001:db8:ffff:ffff:ffff::1", 24, 49,
         "6\x31\x20\x01\x0d\xb8\xff\xff\x80\0\0\0\0\0\0\0\0\0"s, "2001:db8:ffff:8000::/49"},
        {"2001:db8::1", 24, 0, "6\0"s + std::string(16, '\0'), "::/0"},
    };
    for (const row& r : rows) {
        CAPTURE(r.address, r.ipv4_prefix, r.ipv6_prefix);
        const client_key key{address(r.address), r.ipv4_prefix, r.ipv6_prefix};
        CHECK(octets_of(key) == r.want);
        CHECK(to_text(key.net()) == r.want_net);
    }
}

TEST_CASE("client key: without prefix lengths every address is a client of its own", "[screen]")
{
    CHECK(client_key{address("192.0.2.1")} == client_key{address("192.0.2.1"), 32, 128});
    CHECK(client_key{address("192.0.2.1")} != client_key{address("192.0.2.2")});
    CHECK(client_key{address("2001:db8::1")} != client_key{address("2001:db8::2")});
}

TEST_CASE("client key: addresses of one network share a key, others do not", "[screen]")
{
    const client_key key{address("192.0.2.1"), 24};
    CHECK(key == client_key{address("192.0.2.254"), 24});
    CHECK(key != client_key{address("192.0.3.1"), 24});
    CHECK(key != client_key{address("192.0.2.0"), 25});
    CHECK(client_key{address("2001:db8::1"), 32, 64} ==
          client_key{address("2001:db8::ffff"), 32, 64});
    CHECK(octets_of(client_key{address("0.0.0.0"), 0, 0}) !=
          octets_of(client_key{address("::"), 0, 0}));
    CHECK(client_key{address("0.0.0.0"), 0, 0} != client_key{address("::"), 0, 0});
}

TEST_CASE("client key: equal keys have equal octets and hashes, and only those", "[screen]")
{
    std::vector<client_key> keys;
    for (const char* text : {"0.0.0.0", "10.0.0.1", "10.0.0.2", "10.1.0.1", "::", "::1",
                             "a00::", "2001:db8::1", "2001:db8:0:1::1"})
        for (const unsigned prefix : {0U, 8U, 24U, 32U})
            keys.emplace_back(address(text), prefix, prefix * 2);
    for (const auto& a : keys)
        for (const auto& b : keys) {
            CAPTURE(to_text(a.net()), to_text(b.net()));
            REQUIRE((a == b) == (octets_of(a) == octets_of(b)));
            REQUIRE((a == b) == ((a <=> b) == 0));
            if (a == b) REQUIRE(std::hash<client_key>{}(a) == std::hash<client_key>{}(b));
        }
    const std::unordered_set<client_key> distinct{keys.begin(), keys.end()};
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    CHECK(distinct.size() == keys.size());
}

} // namespace fendmail::screen
