// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/feed/origin_database.hpp"

#include "fendmail/io/feed/checksum.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

using namespace fendmail;
using io::origin_database;

namespace {

/// The one that tests/support/fendmail_test/mmdb.py makes of
/// {"128.0.0.0/1": {"country": {"iso_code": "XX"}, "autonomous_system_number": 64500}}.
std::string small_database()
{
    constexpr unsigned nodes = 97;
    std::string out;
    const auto number = [&out](unsigned value) {
        out += static_cast<char>(value >> 16 & 0xff);
        out += static_cast<char>(value >> 8 & 0xff);
        out += static_cast<char>(value & 0xff);
    };
    // ::/96 is all zeros: to the left, 96 times; then the first bit of IPv4.
    for (unsigned i = 0; i < nodes - 1; ++i) {
        number(i + 1);
        number(nodes);
    }
    number(nodes);
    number(nodes + 16);
    out.append(16, '\0');
    out += "\xe2\x47"
           "country\xe1\x48iso_code\x42XX\x58"
           "autonomous_system_number\xc2\xfb\xf4";
    // The length of a text of 24 octets stands in its control octet.
    out += "\xab\xcd\xefMaxMind.com\xe9\x5b"
           "binary_format_major_version\xa1\x02\x5b"
           "binary_format_minor_version\xa0\x4b"
           "build_epoch";
    out += std::string{"\x04\x02\x65\x53\xf1\x00", 6};
    out += "\x4d"
           "database_type\x44Test\x4b"
           "description\xe0\x4a"
           "ip_version\xa1\x06\x49"
           "languages";
    out += std::string{"\x00\x04", 2};
    out += "\x4a"
           "node_count\xc1\x61\x4b"
           "record_size\xa1\x18";
    return out;
}

ip_address address(std::string_view text)
{
    return parse_address(text).value();
}

} // namespace

TEST_CASE("origin database: it says country and AS of an address", "[feed]")
{
    std::string why;
    const auto database = origin_database::open(small_database(), why);
    CAPTURE(why);
    REQUIRE(database);
    CHECK(database->nodes() == 97);
    CHECK(database->type() == "Test");
    CHECK(database->find(address("200.0.0.1")) == acl::client_origin{{'X', 'X'}, 64500});
    CHECK(database->find(address("100.0.0.1")) == acl::client_origin{});
    CHECK(database->find(address("2001:db8::1")) == acl::client_origin{});
}

TEST_CASE("origin database: what is none is refused with a reason", "[feed]")
{
    for (const std::string_view text : {"", "<html>", "\xab\xcd\xefMaxMind.com"}) {
        std::string why;
        CHECK_FALSE(origin_database::open(text, why));
        CHECK(why.starts_with("it is no database in MaxMind's format"));
    }
}

TEST_CASE("origin database: one that is damaged or cut answers or is refused, and no more",
          "[feed]")
{
    const auto whole = small_database();
    const auto try_it = [](const std::string& text) {
        std::string why;
        const auto database = origin_database::open(text, why);
        if (database) (void)database->find(address("200.0.0.1"));
        CHECK((database != nullptr) == why.empty());
    };
    for (std::size_t end = 0; end < whole.size(); ++end)
        try_it(whole.substr(0, end));
    std::mt19937 random{3};
    for (int i = 0; i < 2000; ++i) {
        auto text = whole;
        text[random() % text.size()] = static_cast<char>(random());
        try_it(text);
    }
}

TEST_CASE("checksum: it is that of RFC 1952", "[feed]")
{
    CHECK(io::checksum("") == 0);
    CHECK(io::checksum("123456789") == 0xcbf43926);
}
