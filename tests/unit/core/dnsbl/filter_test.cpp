// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/filter.hpp"

#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <string>

using namespace fendmail;

namespace {

ip_address v4(unsigned a, unsigned b, unsigned c, unsigned d)
{
    const auto octet = [](unsigned n) { return static_cast<std::uint8_t>(n); };
    return ip_address::v4({octet(a), octet(b), octet(c), octet(d)});
}

} // namespace

TEST_CASE("filter: four fields, each a number or a list of numbers and ranges", "[dnsbl]")
{
    struct row {
        const char* text;
        std::array<unsigned, 4> answer;
        bool matches;
    };
    static const row rows[] = {
        {"127.0.0.2", {127, 0, 0, 2}, true},
        {"127.0.0.2", {127, 0, 0, 3}, false},
        {"127.0.0.2", {127, 0, 1, 2}, false},
        {"127.0.0.2", {127, 1, 0, 2}, false},
        {"127.0.0.2", {126, 0, 0, 2}, false},
        {"127.0.0.[2..11;20]", {127, 0, 0, 1}, false},
        {"127.0.0.[2..11;20]", {127, 0, 0, 2}, true},
        {"127.0.0.[2..11;20]", {127, 0, 0, 11}, true},
        {"127.0.0.[2..11;20]", {127, 0, 0, 12}, false},
        {"127.0.0.[2..11;20]", {127, 0, 0, 20}, true},
        {"127.0.0.[2..11;20]", {127, 0, 0, 21}, false},
        {"127.0.[0..255].[1..3]", {127, 0, 0, 1}, true},
        {"127.0.[0..255].[1..3]", {127, 0, 255, 3}, true},
        {"127.0.[0..255].[1..3]", {127, 0, 255, 0}, false},
        {"127.0.[0..255].[1..3]", {127, 1, 7, 3}, false},
        {"127.0.0.[7]", {127, 0, 0, 7}, true},
        {"127.0.0.[7..7]", {127, 0, 0, 7}, true},
        {"127.0.0.[3;1]", {127, 0, 0, 1}, true},
        {"127.0.0.[0..255]", {127, 0, 0, 255}, true},
        {"[126..127].0.0.0", {127, 0, 0, 0}, true},
        {"127.0.0.002", {127, 0, 0, 2}, true},
        {"127.0.0.010", {127, 0, 0, 10}, true},
    };
    for (const row& r : rows) {
        CAPTURE(r.text, r.answer);
        const auto parsed = dnsbl::parse_filter(r.text);
        REQUIRE(parsed.has_value());
        const auto [a, b, c, d] = r.answer;
        CHECK(parsed->matches(v4(a, b, c, d)) == r.matches);
    }
}

TEST_CASE("filter: one range allows exactly its numbers", "[dnsbl]")
{
    for (unsigned first = 0; first <= 255; first += 17)
        for (unsigned last = first; last <= 255; last += 17) {
            const auto text =
                "127.0.0.[" + std::to_string(first) + ".." + std::to_string(last) + "]";
            const auto parsed = dnsbl::parse_filter(text);
            REQUIRE(parsed.has_value());
            for (unsigned n = 0; n <= 255; ++n)
                if (parsed->matches(v4(127, 0, 0, n)) != (first <= n && n <= last))
                    FAIL(text << " is wrong about " << n);
        }
}

TEST_CASE("filter: anything else is an error", "[dnsbl]")
{
    static const char* const texts[] = {
        "",
        "127",
        "127.0.0",
        "127.0.0.",
        "127.0.0.2.",
        "127.0.0.2.3",
        ".127.0.0",
        "127..0.2",
        "127.0.0.256",
        "127.0.0.1000",
        "127.0.0.99999999999999999999",
        "127.0.0.-1",
        "127.0.0.+1",
        "127.0.0.0x2",
        "127.0.0.2 ",
        " 127.0.0.2",
        "127.0.0.2..11",
        "127.0.0.2;3",
        "127.0.0.[]",
        "127.0.0.[2",
        "127.0.0.2]",
        "127.0.0.[2]]",
        "127.0.0.[[2]]",
        "127.0.0.[2;]",
        "127.0.0.[;2]",
        "127.0.0.[2..]",
        "127.0.0.[..2]",
        "127.0.0.[2...3]",
        "127.0.0.[2.3]",
        "127.0.0.[2,3]",
        "127.0.0.[11..2]",
        "127.0.0.[2..256]",
        "127.0.0.0/8",
        "127.0.0.*",
        "::1",
    };
    for (const auto* text : texts) {
        CAPTURE(text);
        const auto parsed = dnsbl::parse_filter(text);
        REQUIRE_FALSE(parsed.has_value());
        CHECK((parsed.error() == error::bad_filter));
    }
}

TEST_CASE("filter: a field has at most 32 ranges", "[dnsbl]")
{
    std::string list = "[0";
    for (int n = 1; n < 32; ++n)
        list += ";" + std::to_string(n);
    CHECK(dnsbl::parse_filter("127.0.0." + list + "]").has_value());
    CHECK_FALSE(dnsbl::parse_filter("127.0.0." + list + ";32]").has_value());
}

TEST_CASE("filter: none at all matches every IPv4 address and no IPv6 address", "[dnsbl]")
{
    const dnsbl::filter any;
    CHECK(any.matches(v4(0, 0, 0, 0)));
    CHECK(any.matches(v4(127, 0, 0, 2)));
    CHECK(any.matches(v4(255, 255, 255, 255)));
    CHECK_FALSE(any.matches(ip_address::v6({0x20, 0x01})));
    CHECK((any == *dnsbl::parse_filter("[0..255].[0..255].[0..255].[0..255]")));
    CHECK_FALSE((any == *dnsbl::parse_filter("127.0.0.2")));
}
