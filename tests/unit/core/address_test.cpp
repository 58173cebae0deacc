// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/address.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>

namespace fendmail {
namespace {

using v6_octets = std::array<std::uint8_t, 16>;

constexpr const char* name_of(error e)
{
    switch (e) {
    case error::bad_address: return "bad_address";
    case error::bad_port: return "bad_port";
    case error::missing_port: return "missing_port";
    case error::bad_prefix_length: return "bad_prefix_length";
    case error::host_bits_set: return "host_bits_set";
    case error::bad_duration:
    case error::bad_size:
    case error::bad_budget:
    case error::bad_access_rule:
    case error::bad_origin:
    case error::empty_zone:
    case error::bad_zone:
    case error::bad_weight:
    case error::bad_filter:
    case error::bad_pattern:
    case error::bad_xtext:
    case error::bad_reply:
    case error::line_too_long:
    case error::truncated:
    case error::bad_proxy_header:
    case error::unsupported_proxy:
    case error::proxy_too_long:
    case error::bad_proxy_address:
    case error::bad_proxy_port:
    case error::bad_proxy_length:
    case error::bad_proxy_crc:
    case error::bad_record:
    case error::bad_domain:
    case error::bad_interface:
    case error::bad_host:
    case error::bad_resolver:
    case error::unusable_port:
    case error::bad_spf_term:
    case error::bad_spf_macro:
    case error::repeated_spf_term:
    case error::bad_dns_message: return "an error of another parser";
    }
    return "?";
}

/// The canonical text of what was parsed, or the name of the error: one string to compare.
template <class T>
std::string text_or_error(const result<T>& got)
{
    return got ? to_text(*got) : name_of(got.error());
}

/// Random octets with many zero groups, so that "::" is printed in all places.
v6_octets random_v6(std::mt19937& random)
{
    v6_octets octets{};
    const auto kept = random();
    for (std::size_t i = 0; i < octets.size(); ++i)
        if ((kept >> (i / 2)) & 1U)
            octets[i] = static_cast<std::uint8_t>(random() >> (random() % 8));
    return octets;
}

bool high_bits_are_zero(const v6_octets& octets)
{
    return std::all_of(octets.begin(), octets.begin() + 12, [](auto octet) { return octet == 0; });
}

/// What glibc makes of a text, folded as ours.
std::optional<ip_address> oracle_parse(const std::string& text)
{
    std::array<std::uint8_t, 4> v4{};
    v6_octets v6{};
    if (inet_pton(AF_INET, text.c_str(), v4.data()) == 1) return ip_address::v4(v4);
    if (inet_pton(AF_INET6, text.c_str(), v6.data()) == 1) return ip_address::v6(v6);
    return std::nullopt;
}

} // namespace

TEST_CASE("address: text is parsed to an address or refused", "[address]")
{
    struct row {
        const char* text;
        const char* want;
    };
    static const row rows[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"192.0.2.1", "192.0.2.1"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8::1", "2001:db8::1"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"1:0:0:4:0:0:7:8", "1::4:0:0:7:8"},
        {"1:0:0:4:0:0:0:8", "1:0:0:4::8"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"::1.2.3.4", "::102:304"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:c000:201", "192.0.2.1"},
        {"0:0:0:0:0:ffff:0:0", "0.0.0.0"},
        {"", "bad_address"},
        {"1.2.3", "bad_address"},
        {"1.2.3.", "bad_address"},
        {"1.2.3.4.5", "bad_address"},
        {"1.2.3.4.", "bad_address"},
        {".1.2.3.4", "bad_address"},
        {"1..2.3", "bad_address"},
        {"1.2.3.256", "bad_address"},
        {"1.2.3.99999999999", "bad_address"},
        {"01.2.3.4", "bad_address"},
        {"1.2.3.00", "bad_address"},
        {"+1.2.3.4", "bad_address"},
        {"1.2.3.-4", "bad_address"},
        {" 1.2.3.4", "bad_address"},
        {"1.2.3.4 ", "bad_address"},
        {"0x1.2.3.4", "bad_address"},
        {"3232235777", "bad_address"},
        {"example.com", "bad_address"},
        {":", "bad_address"},
        {":::", "bad_address"},
        {"1:2:3:4:5:6:7", "bad_address"},
        {"1:2:3:4:5:6:7:8:9", "bad_address"},
        {"1:2:3:4:5:6:7:8::", "bad_address"},
        {"1:2:3:4::5:6:7:8", "bad_address"},
        {"1::2::3", "bad_address"},
        {":1:2:3:4:5:6:7", "bad_address"},
        {"1:2:3:4:5:6:7:", "bad_address"},
        {"1::2:", "bad_address"},
        {"12345::", "bad_address"},
        {"-1::", "bad_address"},
        {"0x1::", "bad_address"},
        {"g::", "bad_address"},
        {"1:2:3:4:5:6:7:1.2.3.4", "bad_address"},
        {"1.2.3.4::", "bad_address"},
        {"::1.2.3.4:5", "bad_address"},
        {"::1.2.3", "bad_address"},
        {"::01.2.3.4", "bad_address"},
        {"fe80::1%eth0", "bad_address"},
        {"[::1]", "bad_address"},
        {"::1/128", "bad_address"},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        CHECK(text_or_error(parse_address(r.text)) == r.want);
    }
}

TEST_CASE("address: a text is not read beyond its end and may hold NUL", "[address]")
{
    const std::string_view longer = "192.0.2.123";
    CHECK(text_or_error(parse_address(longer.substr(0, 9))) == "192.0.2.1");
    CHECK(text_or_error(parse_address({"192.0.2.1\0", 10})) == "bad_address");
    CHECK(text_or_error(parse_address({"::1\0", 4})) == "bad_address");
}

TEST_CASE("address: text is that of inet_ntop for many addresses and parses back", "[address]")
{
    std::mt19937 random{20260801};
    for (int i = 0; i < 20000; ++i) {
        const auto octets = random_v6(random);
        const auto address = ip_address::v6(octets);
        const auto text = to_text(address);
        CAPTURE(text);
        REQUIRE(parse_address(text).value() == address);
        // glibc prints ::/96 as the IPv4-compatible form, which RFC 4291 §2.5.5.1 deprecates.
        if (high_bits_are_zero(octets) || address.is_v4()) continue;
        std::array<char, INET6_ADDRSTRLEN> want{};
        inet_ntop(AF_INET6, octets.data(), want.data(), want.size());
        REQUIRE(text == want.data());
    }
    for (int i = 0; i < 2000; ++i) {
        const auto bits = random();
        const auto address = ip_address::v4(
            {static_cast<std::uint8_t>(bits >> 24), static_cast<std::uint8_t>(bits >> 16),
             static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)});
        std::array<char, INET_ADDRSTRLEN> want{};
        inet_ntop(AF_INET, address.octets().data(), want.data(), want.size());
        REQUIRE(to_text(address) == want.data());
        REQUIRE(parse_address(want.data()).value() == address);
    }
}

TEST_CASE("address: damaged texts are taken and refused as by inet_pton", "[address]")
{
    std::mt19937 random{4291};
    static const std::string alphabet = "0123456789abcdfF:::..x ";
    std::size_t taken = 0;
    for (int i = 0; i < 50000; ++i) {
        auto text =
            random() % 4 == 0 ? "::ffff:192.0.2.1" : to_text(ip_address::v6(random_v6(random)));
        for (auto changes = random() % 3; changes > 0 && !text.empty(); --changes) {
            const auto at = random() % text.size();
            const char c = alphabet[random() % alphabet.size()];
            switch (random() % 3) {
            case 0: text[at] = c; break;
            case 1: text.insert(at, 1, c); break;
            default: text.erase(at, 1); break;
            }
        }
        CAPTURE(text);
        const auto want = oracle_parse(text);
        const auto got = parse_address(text);
        REQUIRE(got.has_value() == want.has_value());
        if (want) REQUIRE(*got == *want);
        taken += want.has_value();
    }
    // Neither side may win by accident of the generator.
    CHECK(taken > 10000);
    CHECK(taken < 49000);
}

TEST_CASE("address: an IPv4-mapped address is the IPv4 address in every way", "[address]")
{
    const auto folded = ip_address::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1});
    const auto plain = ip_address::v4({192, 0, 2, 1});
    CHECK(folded == plain);
    CHECK(folded.is_v4());
    CHECK_FALSE(folded.is_v6());
    CHECK(folded.bits() == 32);
    CHECK(folded.octets().size() == 4);
    CHECK(std::hash<ip_address>{}(folded) == std::hash<ip_address>{}(plain));
    CHECK(ip_address{} == ip_address::v4({0, 0, 0, 0}));
    CHECK(ip_address{} != ip_address::v6({}));
    CHECK(ip_address::v6({}).bits() == 128);
}

TEST_CASE("address: loopback is 127.0.0.0/8 and ::1", "[address]")
{
    struct row {
        const char* text;
        bool want;
    };
    static const row rows[] = {{"127.0.0.1", true},
                               {"127.255.255.255", true},
                               {"126.255.255.255", false},
                               {"128.0.0.0", false},
                               {"::1", true},
                               {"::ffff:127.9.9.9", true},
                               {"::", false},
                               {"::2", false},
                               {"8000::1", false},
                               {"7f00::1", false}};
    for (const row& r : rows) {
        CAPTURE(r.text);
        CHECK(parse_address(r.text).value().is_loopback() == r.want);
    }
}

TEST_CASE("address: masking clears exactly the bits behind the prefix", "[address]")
{
    const std::string ones4 = "255.255.255.255";
    const std::string ones6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    for (const auto& text : {ones4, ones6}) {
        const auto ones = parse_address(text).value();
        for (unsigned length = 0; length <= ones.bits(); ++length) {
            const auto got = ones.masked(length);
            CAPTURE(text, length);
            REQUIRE(got.is_v4() == ones.is_v4());
            for (unsigned bit = 0; bit < ones.bits(); ++bit)
                REQUIRE(((got.octets()[bit / 8] >> (7 - bit % 8)) & 1) == (bit < length));
        }
    }
}

TEST_CASE("address: a network is CIDR without host bits, or one address", "[address]")
{
    struct row {
        const char* text;
        const char* want;
    };
    static const row rows[] = {
        {"192.0.2.0/24", "192.0.2.0/24"},
        {"192.0.2.1", "192.0.2.1/32"},
        {"192.0.2.1/32", "192.0.2.1/32"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"128.0.0.0/1", "128.0.0.0/1"},
        {"2001:db8::/32", "2001:db8::/32"},
        {"2001:db8::1", "2001:db8::1/128"},
        {"::/0", "::/0"},
        {"::1/128", "::1/128"},
        {"::ffff:192.0.2.0/120", "192.0.2.0/24"},
        {"::ffff:192.0.2.1", "192.0.2.1/32"},
        {"::ffff:0:0/96", "0.0.0.0/0"},
        {"::ffff:0:0/95", "host_bits_set"},
        {"::ffff:0:0/24", "host_bits_set"},
        {"192.0.2.1/24", "host_bits_set"},
        {"192.0.2.1/31", "host_bits_set"},
        {"0.0.0.1/0", "host_bits_set"},
        {"2001:db8::1/127", "host_bits_set"},
        {"::ffff:192.0.2.1/120", "host_bits_set"},
        {"192.0.2.0/33", "bad_prefix_length"},
        {"2001:db8::/129", "bad_prefix_length"},
        {"192.0.2.0/", "bad_prefix_length"},
        {"192.0.2.0/024", "bad_prefix_length"},
        {"192.0.2.0/+24", "bad_prefix_length"},
        {"192.0.2.0/-1", "bad_prefix_length"},
        {"192.0.2.0/24 ", "bad_prefix_length"},
        {"192.0.2.0/24/24", "bad_prefix_length"},
        {"192.0.2.0/255.255.255.0", "bad_prefix_length"},
        {"192.0.2.0/99999999999999999999", "bad_prefix_length"},
        {"", "bad_address"},
        {"/24", "bad_address"},
        {"192.0.2/24", "bad_address"},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        CHECK(text_or_error(parse_network(r.text)) == r.want);
    }
}

TEST_CASE("address: a network contains the addresses of its family with its prefix", "[address]")
{
    struct row {
        const char* net;
        const char* address;
        bool want;
    };
    static const row rows[] = {{"192.0.2.0/24", "192.0.2.0", true},
                               {"192.0.2.0/24", "192.0.2.255", true},
                               {"192.0.2.0/24", "192.0.3.0", false},
                               {"192.0.2.0/24", "192.0.1.255", false},
                               {"192.0.2.128/25", "192.0.2.127", false},
                               {"192.0.2.128/25", "192.0.2.128", true},
                               {"192.0.2.1/32", "192.0.2.1", true},
                               {"192.0.2.1/32", "192.0.2.0", false},
                               {"0.0.0.0/0", "255.1.2.3", true},
                               {"0.0.0.0/0", "::1", false},
                               {"::/0", "2001:db8::1", true},
                               {"::/0", "192.0.2.1", false},
                               {"0.0.0.0/0", "::ffff:192.0.2.1", true},
                               {"2001:db8::/33", "2001:db8:7fff::", true},
                               {"2001:db8::/33", "2001:db8:8000::", false},
                               {"2001:db8::/64", "192.0.2.1", false}};
    for (const row& r : rows) {
        CAPTURE(r.net, r.address);
        CHECK(parse_network(r.net).value().contains(parse_address(r.address).value()) == r.want);
    }
}

TEST_CASE("address: an endpoint is address and port, IPv6 in brackets", "[address]")
{
    struct row {
        const char* text;
        const char* want;
    };
    static const row rows[] = {
        {"192.0.2.1:25", "[192.0.2.1]:25"},
        {"[192.0.2.1]:25", "[192.0.2.1]:25"},
        {"[2001:db8::1]:25", "[2001:db8::1]:25"},
        {"[::ffff:192.0.2.1]:25", "[192.0.2.1]:25"},
        {"0.0.0.0:0", "[0.0.0.0]:0"},
        {"[::]:65535", "[::]:65535"},
        {"192.0.2.1", "missing_port"},
        {"2001:db8::1", "missing_port"},
        {"2001:db8::1:25", "missing_port"},
        {"[2001:db8::1]", "missing_port"},
        {"[2001:db8::1]25", "missing_port"},
        {"192.0.2.1:", "bad_port"},
        {"192.0.2.1:65536", "bad_port"},
        {"192.0.2.1:025", "bad_port"},
        {"192.0.2.1:+25", "bad_port"},
        {"192.0.2.1:25:25", "bad_port"},
        {"[::1]:", "bad_port"},
        {"[::1]:smtp", "bad_port"},
        {"", "bad_address"},
        {":25", "bad_address"},
        {"[]:25", "bad_address"},
        {"[::1:25", "bad_address"},
        {"[[::1]]:25", "bad_address"},
        {"1:2:3:4:5:6:7:8:25", "bad_address"},
        {"mx.example.com:25", "bad_address"},
        {"localhost", "bad_address"},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        CHECK(text_or_error(parse_endpoint(r.text)) == r.want);
    }
}

TEST_CASE("address: every port has one text", "[address]")
{
    for (unsigned port = 0; port <= 65535; ++port)
        REQUIRE(parse_port(std::to_string(port)).value() == port);
    for (const char* text : {"", "-1", "65536", "4294967321", "00", "025", " 25", "25 ", "0x19"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_port(text).has_value());
    }
}

TEST_CASE("address: addresses order by value and hash apart", "[address]")
{
    const auto low = parse_address("10.0.0.1").value();
    const auto high = parse_address("10.0.1.0").value();
    CHECK(low < high);
    CHECK((endpoint{low, 25} < endpoint{low, 26}));
    CHECK((network{low, 8} < network{low, 9}));
    std::unordered_set<std::size_t> hashes;
    for (unsigned i = 0; i < 65536; ++i)
        hashes.insert(std::hash<ip_address>{}(ip_address::v4(
            {10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)})));
    CHECK(hashes.size() == 65536);
}

} // namespace fendmail
