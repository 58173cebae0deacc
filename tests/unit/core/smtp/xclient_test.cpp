// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/xclient.hpp"

#include "fendmail/core/address.hpp"
#include "support/catch.hpp"

#include <optional>
#include <string>

using namespace fendmail;
using namespace std::string_literals;

namespace {

endpoint at(std::string_view address, std::uint16_t port)
{
    return {.address = parse_address(address).value(), .port = port};
}

smtp::extensions offering(std::string line)
{
    return smtp::extensions{
        {.code = 250, .enhanced = {}, .lines = {"mx.example", std::move(line)}}};
}

const std::string all_attributes =
    "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT";

} // namespace

TEST_CASE("xtext: everything but visible ASCII, plus and equals is encoded", "[smtp]")
{
    CHECK(smtp::to_xtext("") == "");
    CHECK(smtp::to_xtext("mx-1.example_[a]:b~!") == "mx-1.example_[a]:b~!");
    CHECK(smtp::to_xtext("a+b=c") == "a+2Bb+3Dc");
    CHECK(smtp::to_xtext("a b\r\n\0\x7f\xff"s) == "a+20b+0D+0A+00+7F+FF");
    for (int octet = 0; octet < 256; ++octet) {
        CAPTURE(octet);
        const std::string text(1, static_cast<char>(octet));
        const bool plain = octet >= 33 && octet <= 126 && octet != '+' && octet != '=';
        CHECK((smtp::to_xtext(text) == text) == plain);
        CHECK(smtp::to_xtext(text).size() == (plain ? 1 : 3));
    }
}

TEST_CASE("xclient: a backend is told who the client is, with what it offers and nothing else",
          "[smtp]")
{
    struct row {
        const char* title;
        std::string offered;
        endpoint client;
        endpoint local;
        std::optional<std::string> want;
    };
    const endpoint client4 = at("203.0.113.9", 4444);
    const endpoint local4 = at("192.0.2.25", 25);
    const row rows[] = {
        {"all of Postfix's attributes", all_attributes, client4, local4,
         "XCLIENT NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE] ADDR=203.0.113.9 PORT=4444 "
         "DESTADDR=192.0.2.25 DESTPORT=25"},
        {"IPv6 has its prefix", all_attributes, at("2001:db8::9", 65535), at("2001:db8::1", 25),
         "XCLIENT NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::9 PORT=65535 "
         "DESTADDR=IPV6:2001:db8::1 DESTPORT=25"},
        {"an IPv4-mapped address is IPv4", "XCLIENT ADDR", at("::ffff:203.0.113.9", 1), local4,
         "XCLIENT ADDR=203.0.113.9"},
        {"an old Postfix", "XCLIENT NAME ADDR PROTO HELO", client4, local4,
         "XCLIENT NAME=[UNAVAILABLE] ADDR=203.0.113.9"},
        {"in any case", "xclient addr port", client4, local4, "XCLIENT ADDR=203.0.113.9 PORT=4444"},
        {"only where the client connected to", "XCLIENT ADDR DESTADDR", client4, local4,
         "XCLIENT ADDR=203.0.113.9 DESTADDR=192.0.2.25"},
        {"only its port", "XCLIENT ADDR DESTPORT", client4, local4,
         "XCLIENT ADDR=203.0.113.9 DESTPORT=25"},
        {"no ADDR", "XCLIENT NAME PORT DESTADDR", client4, local4, std::nullopt},
        {"no attributes", "XCLIENT", client4, local4, std::nullopt},
        {"no XCLIENT", "XFORWARD NAME ADDR", client4, local4, std::nullopt},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        CHECK(smtp::xclient_command(offering(r.offered), r.client, r.local) == r.want);
    }
}

TEST_CASE("xclient: the longest command fits a line", "[smtp]")
{
    const endpoint longest = at("2001:db8:1111:2222:3333:4444:5555:6666", 65535);
    const auto got = smtp::xclient_command(offering(all_attributes), longest, longest);
    REQUIRE(got);
    CHECK(got->size() + 2 <= 512);
}
