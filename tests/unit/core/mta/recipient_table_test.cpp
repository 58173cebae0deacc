// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/mta/recipient_table.hpp"

#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <string>

using namespace fendmail;
using mta::recipient_table;

namespace {

constexpr instant at(std::int64_t since_1970)
{
    return instant{seconds{since_1970}};
}

ip_address a(const char* text)
{
    return *parse_address(text);
}

} // namespace

TEST_CASE("recipients: a host is known from its first mail until the time is over", "[mta]")
{
    recipient_table table;
    CHECK(table.note(a("192.0.2.1"), "mx.example", at(1000)));
    CHECK_FALSE(table.note(a("192.0.2.1"), "other.example", at(1500)));
    CHECK(table.note(a("2001:db8::1"), "", at(1200)));
    CHECK_FALSE(table.expire(at(2199), seconds{1000}));
    CHECK(table.expire(at(2200), seconds{1000}));
    CHECK(table.all() == std::vector<mta::known_host>{{a("192.0.2.1"), at(1500), "mx.example"}});
    CHECK(table.expire(at(2500), seconds{1000}));
    CHECK(table.size() == 0);
}

TEST_CASE("recipients: a clock that was ahead makes none known for ever", "[mta]")
{
    recipient_table table;
    table.note(a("192.0.2.1"), "", at(1'000'000));
    CHECK_FALSE(table.expire(at(1000), seconds{100}));
    CHECK(table.expire(at(1100), seconds{100}));
}

TEST_CASE("recipients: when there are too many the one goes that took mail the longest ago",
          "[mta]")
{
    recipient_table table;
    const auto nth = [](std::uint32_t n) {
        return ip_address::v4({198, static_cast<std::uint8_t>(n >> 16),
                               static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)});
    };
    for (std::uint32_t n = 0; n < recipient_table::hosts_max; ++n)
        table.note(nth(n), "", at(n));
    table.note(nth(0), "", at(recipient_table::hosts_max));
    CHECK(table.note(nth(recipient_table::hosts_max), "", at(recipient_table::hosts_max)));
    CHECK(table.size() == recipient_table::hosts_max);
    CHECK(table.note(nth(1), "", at(recipient_table::hosts_max)));
    CHECK_FALSE(table.note(nth(0), "", at(recipient_table::hosts_max)));
}

TEST_CASE("recipients: the file gives back what was written", "[mta]")
{
    recipient_table table;
    table.note(a("198.51.100.7"), "mx.example", at(2000));
    table.note(a("2001:db8::1"), "", at(1000));
    recipient_table again;
    CHECK(again.read_file(table.to_file()) == 0);
    CHECK(again.all() == table.all());
    CHECK(again.to_file() == "2001:db8::1 1000 \n198.51.100.7 2000 mx.example\n");
}

TEST_CASE("recipients: lines that are not understood are left out", "[mta]")
{
    recipient_table table;
    CHECK(table.read_file("192.0.2.1 10 mx.example\nnonsense\n192.0.2.2 x y\n192.0.2.3 -1 y\n"
                          "127.0.0.1 10 x\n192.0.2.4 10 a b\n192.0.2.5 10 tr") == 5);
    CHECK(table.size() == 2);
}

TEST_CASE("recipients: what stands for this host or for many can not be known", "[mta]")
{
    for (const char* text : {"127.0.0.1", "10.1.2.3", "192.168.1.1", "172.17.0.1", "100.64.0.1",
                             "169.254.1.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1",
                             "::", "fe80::1", "fd00::1", "ff02::1"}) {
        CAPTURE(text);
        CHECK_FALSE(mta::can_be_known(a(text)));
    }
    for (const char* text : {"192.0.2.1", "8.8.8.8", "2001:db8::1", "2a00::1"}) {
        CAPTURE(text);
        CHECK(mta::can_be_known(a(text)));
    }
}

TEST_CASE("recipients: a set finds exactly its hosts", "[mta]")
{
    recipient_table table;
    table.note(a("192.0.2.9"), "nine.example", at(1));
    table.note(a("192.0.2.1"), "", at(2));
    const mta::recipient_set set{table.all()};
    CHECK(set.size() == 2);
    CHECK(set.find(a("192.0.2.9")) == "nine.example");
    CHECK(set.find(a("192.0.2.1")) == "");
    CHECK_FALSE(set.find(a("192.0.2.2")));
    CHECK_FALSE(mta::recipient_set{{}}.find(a("192.0.2.1")));
}
