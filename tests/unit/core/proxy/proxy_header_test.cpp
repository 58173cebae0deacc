// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/proxy/proxy_header.hpp"

#include "fendmail/core/limits.hpp"
#include "support/catch.hpp"

#include <fmt/format.h>
#include <string>

namespace fendmail::proxy {
namespace {

std::string hex(const std::string& octets)
{
    std::string made;
    for (const char octet : octets)
        made += fmt::format("{:02X}", static_cast<unsigned char>(octet));
    return made;
}

const std::string signature = "0D0A0D0A000D0A515549540A";

} // namespace

TEST_CASE("proxy header: version 1 and 2 have the octets of the specification", "[proxy]")
{
    struct row {
        const char* title;
        const char* client;
        const char* local;
        const char* want_v1;
        std::string want_v2; // behind the signature
    };
    const row rows[] = {
        {"IPv4", "203.0.113.77:41001", "192.0.2.25:25",
         "PROXY TCP4 203.0.113.77 192.0.2.25 41001 25\r\n", "2111000CCB00714DC0000219A0290019"},
        {"IPv6", "[2001:db8:5::77]:41002", "[2001:db8::25]:25",
         "PROXY TCP6 2001:db8:5::77 2001:db8::25 41002 25\r\n",
         "21210024"
         "20010DB8000500000000000000000077"
         "20010DB8000000000000000000000025"
         "A02A0019"},
        {"IPv4 client, IPv6 local address: the client's text stays", "203.0.113.77:41001",
         "[2001:db8::25]:25", "PROXY TCP4 203.0.113.77 0.0.0.0 41001 25\r\n",
         "2111000CCB00714D00000000A0290019"},
        {"IPv6 client, IPv4 local address: the local one is mapped", "[2001:db8:5::77]:41002",
         "192.0.2.25:25", "PROXY TCP6 2001:db8:5::77 ::ffff:192.0.2.25 41002 25\r\n",
         "21210024"
         "20010DB8000500000000000000000077"
         "00000000000000000000FFFFC0000219"
         "A02A0019"},
        {"a mapped client is an IPv4 client", "[::ffff:203.0.113.77]:41001", "192.0.2.25:25",
         "PROXY TCP4 203.0.113.77 192.0.2.25 41001 25\r\n", "2111000CCB00714DC0000219A0290019"},
        {"lowest and highest ports", "203.0.113.77:0", "192.0.2.25:65535",
         "PROXY TCP4 203.0.113.77 192.0.2.25 0 65535\r\n", "2111000CCB00714DC00002190000FFFF"},
    };
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.title)
        {
            const auto client = parse_endpoint(r.client).value();
            const auto local = parse_endpoint(r.local).value();
            CHECK(write_v1(client, local) == r.want_v1);
            CHECK(hex(write_v2(client, local)) == signature + r.want_v2);
        }
    }
}

TEST_CASE("proxy header: the longest ones stay within what backends read", "[proxy]")
{
    const auto longest = parse_endpoint("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535").value();
    CHECK(write_v1(longest, longest).size() <= limits::proxy_v1_octets);
    CHECK(write_v2(longest, longest).size() == 52);
    CHECK(write_v2(longest, longest).size() <= limits::proxy_header_octets);
    const auto v4 = parse_endpoint("255.255.255.255:65535").value();
    CHECK(write_v1(longest, v4).size() <= limits::proxy_v1_octets);
    CHECK(write_v2(v4, v4).size() == 28);
    CHECK(write_v2(v4, longest).size() == 28);
    CHECK(write_v2(longest, v4).size() == 52);
}

} // namespace fendmail::proxy
