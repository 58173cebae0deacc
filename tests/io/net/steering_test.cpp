// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/steering.hpp"

#include "support/catch.hpp"
#include "support/socket_group.hpp"

#include <fmt/format.h>
#include <set>
#include <span>
#include <utility>
#include <vector>

using namespace fendmail;
using namespace fendmail::io;
using namespace fendmail::test_support;

namespace {

ip_address v4_client(int number)
{
    return *parse_address(fmt::format("127.0.{}.{}", number % 3, number));
}

/// All of these clients meet the socket that worker_of() names.
bool is_steered(const std::vector<unique_fd>& group)
{
    const auto count = static_cast<unsigned>(group.size());
    for (int client = 1; client <= 30; ++client)
        if (met_by(v4_client(client), group) != worker_of(v4_client(client), count)) return false;
    return true;
}

} // namespace

TEST_CASE("steering: one client always meets the same socket, many clients meet all", "[io]")
{
    const auto group = group_at("127.0.0.1", 3);
    REQUIRE(steer(group));
    std::set<std::size_t> used;
    for (int number = 1; number <= 40; ++number) {
        const auto client = v4_client(number);
        for (int i = 0; i < 3; ++i)
            CHECK(met_by(client, group) == worker_of(client, 3));
        used.insert(worker_of(client, 3));
    }
    CHECK(used.size() == 3);
}

TEST_CASE("steering: IPv6 clients are brought to the socket that worker_of() names", "[io]")
{
    for (const std::size_t count : {2U, 3U, 5U, 7U}) {
        const auto group = group_at("::1", count);
        REQUIRE(steer(group));
        const auto client = *parse_address("::1");
        for (int i = 0; i < 4; ++i)
            CHECK(met_by(client, group) == worker_of(client, static_cast<unsigned>(count)));
    }
}

TEST_CASE("steering: a group is numbered as its sockets began to listen, however they were bound",
          "[io]")
{
    const endpoint any{*parse_address("127.0.0.1"), 0};
    std::vector<unique_fd> group;
    group.push_back(socket_at(any, false));
    const auto where = *local_address(group.front().get());
    group.push_back(socket_at(where, false));
    group.push_back(socket_at(where, false));
    std::swap(group[0], group[2]);
    CHECK_FALSE(steer(group)); // they do not listen yet
    for (const auto& one : group)
        REQUIRE(::listen(one.get(), 16) == 0);
    REQUIRE(steer(group));
    CHECK(is_steered(group));
}

TEST_CASE("steering: when one is closed the last one takes its place", "[io]")
{
    auto group = group_at("127.0.0.1", 4);
    REQUIRE(steer(group));
    std::swap(group[1], group[3]);
    group.pop_back();
    REQUIRE(steer(group));
    CHECK(is_steered(group));
}

TEST_CASE("steering: one socket needs no program", "[io]")
{
    const auto alone = group_at("127.0.0.1", 1);
    CHECK(steer(alone));
    CHECK(met_by(v4_client(7), alone) == 0);
}

TEST_CASE("steering: what is no group of one address and family is refused", "[io]")
{
    CHECK_FALSE(steer({}));
    auto two = group_at("127.0.0.1", 2);
    auto other = group_at("127.0.0.1", 1);
    SECTION("sockets of several ports")
    {
        two.push_back(std::move(other.front()));
        CHECK_FALSE(steer(two));
    }
    SECTION("a descriptor that is none")
    {
        two.emplace_back();
        CHECK_FALSE(steer(two));
    }
    SECTION("sockets that take IPv4 clients at an IPv6 address")
    {
        const socket_kind both{.is_v6_only = false};
        std::vector<unique_fd> group;
        group.push_back(socket_at({*parse_address("::"), 0}, true, both));
        group.push_back(socket_at(*local_address(group.front().get()), true, both));
        CHECK_FALSE(steer(group));
    }
}

TEST_CASE("steering: one worker has all clients, of many none is left out", "[io]")
{
    std::set<unsigned> used;
    for (unsigned n = 0; n < 256; ++n) {
        const auto v4 = *parse_address(fmt::format("192.0.2.{}", n));
        const auto v6 = *parse_address(fmt::format("2001:db8:{}::1", n));
        CHECK(worker_of(v4, 1) == 0);
        CHECK(worker_of(v6, 1) == 0);
        used.insert(worker_of(v4, 16));
        used.insert(worker_of(v6, 16));
    }
    CHECK(used.size() == 16);
    CHECK(*used.rbegin() == 15);
}

TEST_CASE("steering: addresses of one IPv6 network meet one worker", "[io]")
{
    const auto worker = worker_of(*parse_address("2001:db8:1::1"), 16);
    CHECK(worker_of(*parse_address("2001:db8:1::2"), 16) == worker);
    CHECK(worker_of(*parse_address("2001:db8:1:ffff:ffff:ffff:ffff:ffff"), 16) == worker);
    CHECK(worker_of(*parse_address("2001:db8:2::1"), 16) != worker);
}
