// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/connect.hpp"

#include "support/catch.hpp"

#include <string>

using namespace fendmail;
using namespace fendmail::screen;

namespace Catch {
template <>
struct StringMaker<connect_refusal> {
    static std::string convert(connect_refusal r) { return std::string(to_string(r)); }
};
} // namespace Catch

namespace {

using refusal = std::optional<connect_refusal>;

ip_address address(std::string_view text)
{
    return *parse_address(text);
}

} // namespace

TEST_CASE("connect: a limit is the greatest number that is served, and 0 is none", "[screen]")
{
    struct row {
        connect_limits limits;
        connect_load load;
        refusal at_connect;
        refusal to_screen;
    };
    constexpr auto many = connect_refusal::too_many_connections;
    constexpr auto screening = connect_refusal::all_screening_ports_busy;
    constexpr auto servers = connect_refusal::all_server_ports_busy;
    const row rows[] = {
        {{0, 0, 0}, {9999, 9999, 9999}, std::nullopt, std::nullopt},
        {{3, 0, 0}, {3, 0, 0}, std::nullopt, std::nullopt},
        {{3, 0, 0}, {4, 0, 0}, many, std::nullopt},
        {{0, 5, 0}, {1, 5, 0}, std::nullopt, std::nullopt},
        {{0, 5, 0}, {1, 6, 0}, std::nullopt, screening},
        // The one that is asked about is not in transit yet.
        {{0, 0, 2}, {1, 1, 1}, std::nullopt, std::nullopt},
        {{0, 0, 2}, {1, 1, 2}, servers, std::nullopt},
        // The fault of the client's own comes first.
        {{3, 5, 2}, {4, 6, 2}, many, screening},
    };
    for (const row& r : rows) {
        CAPTURE(r.load.of_client, r.load.screening, r.load.handing_off);
        CHECK(refused_at_connect(r.limits, r.load) == r.at_connect);
        CHECK(refused_to_screen(r.limits, r.load) == r.to_screen);
    }
}

TEST_CASE("connect: a socket waits in transit only while half of the places are free", "[screen]")
{
    const auto may = [](std::size_t limit, std::size_t in_transit) {
        return may_wait_in_transit({0, 0, limit}, {1, 1, in_transit});
    };
    CHECK(may(0, 9999));
    CHECK(may(10, 4));
    CHECK_FALSE(may(10, 5));
    CHECK_FALSE(may(10, 10));
    CHECK_FALSE(may(1, 1));
}

TEST_CASE("connect: whoever is sent away is told to come again", "[screen]")
{
    struct row {
        connect_refusal why;
        std::string reply;
    };
    const row rows[] = {
        {connect_refusal::too_many_connections, "421 4.7.0 Error: too many connections"},
        {connect_refusal::all_screening_ports_busy, "421 4.3.2 All screening ports are busy"},
        {connect_refusal::all_server_ports_busy, "421 4.3.2 All server ports are busy"},
        {connect_refusal::network_asked_too_much,
         "421 4.7.0 Error: too many new clients from your network"},
    };
    for (const row& r : rows)
        CHECK(smtp::to_log(reply_to(r.why)) == r.reply);
    CHECK(smtp::to_log(reply_at_stop()) == "421 4.3.2 Service shutting down");
}

TEST_CASE("connect: a pass is earned where the first interface rule permits it", "[screen]")
{
    acl::access_list all;
    CHECK(can_earn_pass(all, address("192.0.2.9")));

    acl::access_list some;
    some.add(acl::decision::reject, "!192.0.2.9", {*parse_network("192.0.2.9")});
    some.add(acl::decision::permit, "0.0.0.0/0", {*parse_network("0.0.0.0/0")});
    CHECK_FALSE(can_earn_pass(some, address("192.0.2.9")));
    CHECK(can_earn_pass(some, address("192.0.2.8")));
    // No rule matches.
    CHECK_FALSE(can_earn_pass(some, address("2001:db8::1")));
}

TEST_CASE("connect: neighbours share a /24, or what counts as one IPv6 client", "[screen]")
{
    CHECK(to_text(neighbours_of(address("192.0.2.77"), 48)) == "192.0.2.0/24");
    CHECK(to_text(neighbours_of(address("2001:db8:1:2:3::4"), 48)) == "2001:db8:1::/48");
    CHECK(to_text(neighbours_of(address("2001:db8:1:2:3::4"), 64)) == "2001:db8:1:2::/64");
    // One host has a /64 of its own.
    CHECK(to_text(neighbours_of(address("2001:db8:1:2:3::4"), 128)) == "2001:db8:1:2::/64");
}
