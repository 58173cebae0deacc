// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/ban_table.hpp"
#include "fendmail/core/abuse/recent_clients.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>

using namespace fendmail;
using namespace fendmail::abuse;
using namespace std::chrono_literals;

namespace {

constexpr instant now{1'800'000'000s};

ip_address address(const char* text)
{
    return *parse_address(text);
}

} // namespace

TEST_CASE("ban table: the client's own ban, else that of the narrowest network", "[bans]")
{
    ban_table all;
    CHECK_FALSE(all.find(address("192.0.2.1"), now));
    all.put(*parse_network("192.0.2.0/24"), {now + 1h, 1, true, "network"});
    all.put(*parse_network("192.0.2.16/28"), {now + 1h, 1, false, "part"});
    all.put(*parse_network("192.0.2.17"), {now + 1h, 3, false, "client"});
    all.put(*parse_network("2001:db8::/48"), {now + 1h, 1, true, "network6"});
    struct row {
        const char* client;
        const char* want;
    };
    for (const auto& r : {row{"192.0.2.17", "client"}, row{"192.0.2.18", "part"},
                          row{"192.0.2.1", "network"}, row{"192.0.3.1", nullptr},
                          row{"2001:db8:0:ffff::1", "network6"}, row{"2001:db8:1::1", nullptr}}) {
        CAPTURE(r.client);
        const auto got = all.find(address(r.client), now);
        REQUIRE(got.has_value() == (r.want != nullptr));
        if (got) CHECK(got->what->why == r.want);
    }
    all.remove(*parse_network("192.0.2.17"));
    all.remove(*parse_network("192.0.2.99")); // there is none
    CHECK(all.find(address("192.0.2.17"), now)->what->why == "part");
    CHECK(all.size() == 3);
}

TEST_CASE("ban table: one that has ended is none, and a wider one counts then", "[bans]")
{
    ban_table all;
    all.put(*parse_network("192.0.2.1"), {now, 1, false, "client"});
    CHECK_FALSE(all.find(address("192.0.2.1"), now));
    all.put(*parse_network("192.0.0.0/16"), {now + 1s, 1, true, "network"});
    CHECK(all.find(address("192.0.2.1"), now)->what->why == "network");
    all.put(*parse_network("192.0.2.1"), {now + 1h, 2, false, "again"});
    CHECK(all.find(address("192.0.2.1"), now)->what->why == "again");
    CHECK(all.size() == 2);
}

TEST_CASE("recent clients: the last mail of each, and what is worth a line", "[bans]")
{
    recent_clients all{3};
    const auto one = *parse_network("192.0.2.1");
    CHECK(all.note(one, now));
    CHECK_FALSE(all.note(one, now + 1h));
    CHECK(all.note(one, now + 13h));
    CHECK(all.note(one, now)); // the clock was set back
    CHECK(*all.last(one) == now);
    for (int i = 2; i < 5; ++i)
        CHECK(all.note(*parse_network(fmt::format("192.0.2.{}", i)), now + 1h));
    CHECK_FALSE(all.last(one)); // the oldest has gone
    CHECK(all.size() == 3);
    all.forget_before(now + 2h);
    CHECK(all.size() == 0);
}

TEST_CASE("recent clients: lines and back", "[bans]")
{
    const accepted_line one{*parse_network("2001:db8::/64"), now};
    const auto back = parse_accepted(write_line(one));
    REQUIRE(back);
    CHECK(back->who == one.who);
    CHECK(back->when == one.when);
    for (const char* bad : {"", "accepted", "accepted ", "accepted 192.0.2.1", "accepted x 1",
                            "accepted 192.0.2.1 ", "accepted 192.0.2.1 -1", "accepted 192.0.2.1 1x",
                            "accepted 192.0.2.1 99999999999999999999"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_accepted(bad));
    }
}
