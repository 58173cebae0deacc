// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/proxy/header_reader.hpp"

#include "fendmail/core/proxy/proxy_header.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace fendmail::proxy {
namespace {

using namespace std::string_literals;

const std::string after = "EHLO client.example.org\r\n";
const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string v4 = "\xcb\x00\x71\x4d\xc0\x00\x02\x19\xa0\x29\x00\x19"s;
const std::string v6 = "\x20\x01\x0d\xb8\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x77"
                       "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x25"
                       "\xa0\x2a\x00\x19"s;
const origin v4_origin{*parse_endpoint("203.0.113.77:41001"), *parse_endpoint("192.0.2.25:25")};
const origin v6_origin{*parse_endpoint("[2001:db8:5::77]:41002"),
                       *parse_endpoint("[2001:db8::25]:25")};

std::string length(std::size_t octets)
{
    return {static_cast<char>(octets >> 8), static_cast<char>(octets & 0xff)};
}

std::string v2(char command, char family, const std::string& rest)
{
    return signature + command + family + length(rest.size()) + rest;
}

std::string tlv(char type, const std::string& value)
{
    return type + length(value.size()) + value;
}

/// The checksum bit by bit, from its definition (RFC 3720 §B.4), not with the library under test.
std::uint32_t crc32c(const std::string& octets)
{
    std::uint32_t crc = 0xffffffff;
    for (const char c : octets) {
        crc ^= static_cast<std::uint8_t>(c);
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (crc % 2 != 0 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

/// TCP over IPv4 with `before`, the checksum and `behind` as TLVs.
std::string with_checksum(const std::string& before, const std::string& behind,
                          std::uint32_t change = 0)
{
    auto header = v2('\x21', '\x11', v4 + before + tlv('\x03', "\0\0\0\0"s) + behind);
    const auto crc = crc32c(header) ^ change;
    const auto at = 16 + v4.size() + before.size() + 3;
    for (std::size_t i = 0; i < 4; ++i)
        header[at + i] = static_cast<char>(crc >> (24 - 8 * i) & 0xff);
    return header;
}

/// Gives the reader exactly these octets, in memory of their own: a sanitizer sees a look behind.
header_reader::fed feed(header_reader& reader, std::string_view octets)
{
    const std::vector<char> own(octets.begin(), octets.end());
    return reader.feed({own.data(), own.size()});
}

struct good_row {
    const char* title;
    std::string header;
    std::optional<proxy::origin> want; // none: LOCAL
};

const std::vector<good_row>& good_headers()
{
    static const std::string long_tlv = tlv('\xe0', std::string(4000, 'x'));
    static const std::vector<good_row> rows{
        {"v1 IPv4", "PROXY TCP4 203.0.113.77 192.0.2.25 41001 25\r\n", v4_origin},
        {"v1 with LF alone", "PROXY TCP4 203.0.113.77 192.0.2.25 41001 25\n", v4_origin},
        {"v1 IPv6", "PROXY TCP6 2001:db8:5::77 2001:db8::25 41002 25\r\n", v6_origin},
        {"v1 IPv6, not in its shortest form",
         "PROXY TCP6 2001:DB8:5:0:0:0:0:77 2001:0db8::0025 41002 25\r\n", v6_origin},
        {"v1 mapped addresses are IPv4",
         "PROXY TCP6 ::ffff:203.0.113.77 ::ffff:c000:219 41001 25\r\n", v4_origin},
        {"v1 one address mapped, the other not",
         "PROXY TCP6 ::ffff:203.0.113.77 2001:db8::25 41001 25\r\n",
         origin{v4_origin.client, v6_origin.local}},
        {"v1 lowest and highest port", "PROXY TCP4 203.0.113.77 192.0.2.25 0 65535\r\n",
         origin{{v4_origin.client.address, 0}, {v4_origin.local.address, 65535}}},
        {"v2 IPv4", v2('\x21', '\x11', v4), v4_origin},
        {"v2 IPv6", v2('\x21', '\x21', v6), v6_origin},
        {"v2 mapped address is IPv4",
         v2('\x21', '\x21', "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\x00\x71\x4d"s + v6.substr(16)),
         origin{{v4_origin.client.address, 41002}, v6_origin.local}},
        {"v2 TLVs are skipped",
         v2('\x21', '\x21', v6 + tlv('\x01', "smtp") + tlv('\x04', "") + tlv('\xe0', "xyz")),
         v6_origin},
        {"v2 a TLV of many octets", v2('\x21', '\x11', v4 + long_tlv), v4_origin},
        {"v2 with a checksum", with_checksum("", ""), v4_origin},
        {"v2 with a checksum between other TLVs",
         with_checksum(tlv('\x05', "id-0815"), tlv('\x20', std::string(300, '\x03'))), v4_origin},
        {"v2 a value that looks like a checksum TLV",
         v2('\x21', '\x11', v4 + tlv('\x04', "\x03\x00\x04zzzz"s)), v4_origin},
        {"LOCAL", v2('\x20', '\x00', ""), std::nullopt},
        {"LOCAL with addresses, which do not count", v2('\x20', '\x11', v4), std::nullopt},
        {"LOCAL with TLVs", v2('\x20', '\x00', tlv('\x03', "oops")), std::nullopt},
        {"LOCAL with anything", v2('\x20', '\x7f', "\x01\xff\xff"), std::nullopt},
    };
    return rows;
}

} // namespace

TEST_CASE("header reader: says who connected and leaves the session's octets alone", "[proxy]")
{
    CHECK(crc32c("123456789") == 0xe3069283);
    for (const good_row& r : good_headers()) {
        DYNAMIC_SECTION(r.title)
        {
            for (const auto& tail : {""s, after, r.header}) {
                header_reader reader;
                const auto got = feed(reader, r.header + tail);
                CHECK(got.taken == r.header.size());
                REQUIRE(got.progress == progress::complete);
                CHECK((reader.origin() == r.want));
                CHECK(reader.octets() == r.header.size());
                CHECK(reader.text() == r.header.substr(0, limits::proxy_v1_octets));
                CHECK(feed(reader, after).taken == 0);
            }
        }
    }
}

TEST_CASE("header reader: it does not matter how a header is split", "[proxy]")
{
    for (const good_row& r : good_headers()) {
        CAPTURE(r.title);
        const auto& header = r.header;
        for (std::size_t at = 0; at <= header.size(); ++at) {
            header_reader reader;
            const auto first = feed(reader, header.substr(0, at));
            const auto second = feed(reader, header.substr(at) + after);
            if (first.taken != at || second.taken != header.size() - at ||
                reader.progress() != progress::complete || reader.origin() != r.want)
                FAIL("split at " << at);
        }
        header_reader reader;
        for (const char octet : header) {
            REQUIRE(reader.progress() == progress::needs_more);
            CHECK(feed(reader, {&octet, 1}).taken == 1);
        }
        CHECK(reader.progress() == progress::complete);
        CHECK((reader.origin() == r.want));
    }
}

TEST_CASE("header reader: a header that is cut short needs more", "[proxy]")
{
    for (const good_row& r : good_headers()) {
        CAPTURE(r.title);
        for (std::size_t size = 0; size < r.header.size(); ++size) {
            header_reader reader;
            const auto got = feed(reader, r.header.substr(0, size));
            if (got.taken != size || got.progress != progress::needs_more) FAIL("cut to " << size);
        }
    }
}

TEST_CASE("header reader: no change of one octet is read too far or turns a client into another",
          "[proxy]")
{
    const auto checked = with_checksum(tlv('\x05', "id-0815"), tlv('\x04', ""));
    for (const good_row& r : good_headers()) {
        if (r.header.size() > 1000) continue;
        CAPTURE(r.title);
        for (std::size_t at = 0; at < r.header.size(); ++at) {
            for (int value = 0; value < 256; ++value) {
                auto header = r.header;
                header[at] = static_cast<char>(value);
                header_reader reader;
                const auto got = feed(reader, header);
                if (got.taken > header.size() || got.progress != reader.progress())
                    FAIL("octet " << at << " as " << value);
                // Whatever more it asks for, there is an end to it.
                if (got.progress == progress::needs_more) {
                    (void)feed(reader, std::string(limits::proxy_v2_octets, '\0'));
                    CHECK(reader.progress() != progress::needs_more);
                }
            }
        }
    }
    for (std::size_t at = 0; at < checked.size(); ++at) {
        for (int value = 0; value < 256; ++value) {
            auto header = checked;
            header[at] = static_cast<char>(value);
            header_reader reader;
            // LOCAL is taken without a look at the rest, and names no client.
            if (feed(reader, header).progress == progress::complete && reader.origin())
                CHECK((reader.origin() == v4_origin));
        }
    }
}

TEST_CASE("header reader: UNKNOWN and UNSPEC name nobody, whatever stands behind them", "[proxy]")
{
    const std::string headers[] = {
        "PROXY UNKNOWN\r\n",
        "PROXY UNKNOWN\n",
        "PROXY UNKNOWN 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY UNKNOWN TCP4 203.0.113.77 192.0.2.25 41001 25\r\n",
        "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n",
        v2('\x21', '\x00', ""),
        v2('\x21', '\x01', "\x01\xff\xff"),
        v2('\x21', '\x00', v4),
    };
    for (const auto& header : headers) {
        for (std::size_t split = 0; split < header.size(); ++split) {
            header_reader reader;
            feed(reader, header.substr(0, split));
            const auto fed = feed(reader, header.substr(split) + "EHLO x\r\n");
            REQUIRE(fed.progress == progress::complete);
            CHECK(fed.taken == header.size() - split);
            CHECK(reader.is_unknown());
            CHECK_FALSE(reader.origin());
        }
    }
    header_reader local;
    feed(local, v2('\x20', '\x00', ""));
    CHECK_FALSE(local.is_unknown());
}

TEST_CASE("header reader: what is no header is refused at its first wrong octet", "[proxy]")
{
    struct row {
        const char* title;
        std::string octets;
        error want;
        std::size_t want_taken = 0; // 0: all
    };
    const auto v1 = [](const char* rest) { return "PROXY "s + rest + "\r\n"; };
    const row rows[] = {
        {"SMTP", after, error::bad_proxy_header, 1},
        {"TLS", "\x16\x03\x01\x02", error::bad_proxy_header, 1},
        {"nearly v1", "PROXZ TCP4", error::bad_proxy_header, 5},
        {"v1 in lower case", "proxy TCP4", error::bad_proxy_header, 1},
        {"v1 without a space", "PROXY\r\n", error::bad_proxy_header, 6},
        {"nearly v2", "\r\n\r\n\r", error::bad_proxy_header, 5},
        {"line ends alone", "\r\n\r\n\r\n", error::bad_proxy_header, 5},
        {"nearly UNKNOWN", v1("UNKNOWNS"), error::bad_proxy_header},
        {"UNKNOWN in lower case", v1("unknown"), error::bad_proxy_header},
        {"UNKNOWN without end", "PROXY UNKNOWN " + std::string(200, 'x'), error::proxy_too_long,
         107},
        {"v1 family of UDP", v1("UDP4 203.0.113.77 192.0.2.25 41001 25"), error::bad_proxy_header},
        {"v1 family in lower case", v1("tcp4 203.0.113.77 192.0.2.25 41001 25"),
         error::bad_proxy_header},
        {"v1 nothing behind PROXY", v1(""), error::bad_proxy_header},
        {"v1 a word is missing", v1("TCP4 203.0.113.77 192.0.2.25 41001"), error::bad_proxy_header},
        {"v1 a word too many", v1("TCP4 203.0.113.77 192.0.2.25 41001 25 x"),
         error::bad_proxy_header},
        {"v1 two spaces", v1("TCP4  203.0.113.77 192.0.2.25 41001 25"), error::bad_proxy_header},
        {"v1 a space at the end", v1("TCP4 203.0.113.77 192.0.2.25 41001 25 "),
         error::bad_proxy_header},
        {"v1 a tab", v1("TCP4\t203.0.113.77 192.0.2.25 41001 25"), error::bad_proxy_header},
        {"v1 IPv6 under TCP4", v1("TCP4 2001:db8::1 192.0.2.25 41001 25"),
         error::bad_proxy_address},
        {"v1 mapped under TCP4", v1("TCP4 203.0.113.77 ::ffff:192.0.2.25 41001 25"),
         error::bad_proxy_address},
        {"v1 IPv4 under TCP6", v1("TCP6 203.0.113.77 2001:db8::25 41001 25"),
         error::bad_proxy_address},
        {"v1 no address", v1("TCP4 mx.example.org 192.0.2.25 41001 25"), error::bad_proxy_address},
        {"v1 leading zeros in an address", v1("TCP4 203.000.113.77 192.0.2.25 41001 25"),
         error::bad_proxy_address},
        {"v1 with a zone index", v1("TCP6 fe80::1%eth0 2001:db8::25 41001 25"),
         error::bad_proxy_address},
        {"v1 NUL in an address",
         v1("TCP4 203.0.113.77 192.0.2.25 41001 25").replace(13, 1, 1, '\0'),
         error::bad_proxy_address},
        {"v1 port too big", v1("TCP4 203.0.113.77 192.0.2.25 41001 65536"), error::bad_proxy_port},
        {"v1 leading zero in a port", v1("TCP4 203.0.113.77 192.0.2.25 041001 25"),
         error::bad_proxy_port},
        {"v1 negative port", v1("TCP4 203.0.113.77 192.0.2.25 -1 25"), error::bad_proxy_port},
        {"v1 two CR", v1("TCP4 203.0.113.77 192.0.2.25 41001 25\r"), error::bad_proxy_port},
        {"v1 without end", "PROXY " + std::string(200, 'x'), error::proxy_too_long, 107},
        {"version 1 in binary", v2('\x11', '\x11', v4), error::bad_proxy_header, 13},
        {"version 3", v2('\x31', '\x11', v4), error::bad_proxy_header, 13},
        {"a command that is none", v2('\x22', '\x11', v4), error::bad_proxy_header, 13},
        {"UDP over IPv4", v2('\x21', '\x12', v4), error::unsupported_proxy, 16},
        {"UDP over IPv6", v2('\x21', '\x22', v6), error::unsupported_proxy, 16},
        {"UNIX", v2('\x21', '\x31', std::string(216, 'x')), error::unsupported_proxy, 16},
        {"a family that is none", v2('\x21', '\x41', v4), error::unsupported_proxy, 16},
        {"a length without room for the addresses", v2('\x21', '\x21', v4), error::bad_proxy_length,
         16},
        {"half a TLV", v2('\x21', '\x11', v4 + "\x04\x00"s), error::bad_proxy_length},
        {"one octet for a TLV", v2('\x21', '\x11', v4 + "\x04"), error::bad_proxy_length},
        {"a TLV beyond the end", v2('\x21', '\x11', v4 + "\x04\x00\x02x"s), error::bad_proxy_length,
         31},
        {"a checksum of three octets", v2('\x21', '\x11', v4 + tlv('\x03', "xyz")),
         error::bad_proxy_length, 31},
        {"two checksums", with_checksum("", tlv('\x03', "\0\0\0\0"s)), error::bad_proxy_length, 38},
        {"a wrong checksum", with_checksum("", "", 1), error::bad_proxy_crc},
        {"a checksum that is wrong in its first octet", with_checksum("", "", 0x80000000),
         error::bad_proxy_crc},
    };
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.title)
        {
            for (const bool in_pieces : {false, true}) {
                header_reader reader;
                std::size_t taken = 0;
                if (!in_pieces) taken = feed(reader, r.octets).taken;
                for (std::size_t i = 0; in_pieces && i < r.octets.size(); ++i)
                    taken += feed(reader, r.octets.substr(i, 1)).taken;
                REQUIRE(reader.progress() == progress::failed);
                CHECK(message(reader.fault()) == message(r.want));
                CHECK(taken == (r.want_taken == 0 ? r.octets.size() : r.want_taken));
                CHECK(reader.octets() == taken);
            }
        }
    }
}

TEST_CASE("header reader: the longest headers are taken, longer ones refused", "[proxy]")
{
    const auto v1_of = [](std::size_t octets) {
        const auto begin = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"s;
        return begin + std::string(octets - begin.size() - 2, ' ') + "\r\n";
    };
    // The longest that names addresses has 104 octets; 107 allow for "UNKNOWN" with them.
    header_reader longest;
    CHECK(feed(longest, v1_of(104)).progress == progress::complete);

    const auto v2_of = [](std::size_t octets) {
        return v2('\x21', '\x11', v4 + tlv('\x04', std::string(octets - 16 - v4.size() - 3, 'x')));
    };
    header_reader most;
    const auto fits = feed(most, v2_of(limits::proxy_v2_octets) + after);
    CHECK(fits.progress == progress::complete);
    CHECK(fits.taken == limits::proxy_v2_octets);
    for (const auto& header :
         {v2_of(limits::proxy_v2_octets + 1), v2('\x20', '\x00', std::string(0xffff, 'x'))}) {
        header_reader too_long;
        const auto got = feed(too_long, header);
        REQUIRE(got.progress == progress::failed);
        CHECK(got.taken == 16);
        CHECK(message(too_long.fault()) == message(error::proxy_too_long));
    }
}

TEST_CASE("header reader: reads what we write", "[proxy]")
{
    struct row {
        const char* client;
        const char* local;
        const char* want_local; // as far as a header can say it
    };
    const row rows[] = {
        {"203.0.113.77:41001", "192.0.2.25:25", "192.0.2.25:25"},
        {"[2001:db8:5::77]:41002", "[2001:db8::25]:25", "[2001:db8::25]:25"},
        {"[2001:db8:5::77]:41002", "192.0.2.25:25", "192.0.2.25:25"},
        {"203.0.113.77:41001", "[2001:db8::25]:25", "0.0.0.0:25"},
        {"[::ffff:203.0.113.77]:0", "192.0.2.25:65535", "192.0.2.25:65535"},
        {"[::1]:1", "[::]:2", "[::]:2"},
    };
    for (const row& r : rows) {
        CAPTURE(r.client, r.local);
        const auto client = *parse_endpoint(r.client);
        const auto local = *parse_endpoint(r.local);
        for (const auto& header : {write_v1(client, local), write_v2(client, local)}) {
            header_reader reader;
            REQUIRE(feed(reader, header).progress == progress::complete);
            CHECK((reader.origin() == origin{client, *parse_endpoint(r.want_local)}));
        }
    }
}

} // namespace fendmail::proxy
