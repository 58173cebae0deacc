// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/bind.hpp"

#include "fendmail/io/net/steering.hpp"
#include "support/catch.hpp"
#include "support/socket_group.hpp"

#include <algorithm>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <utility>
#include <vector>

using namespace fendmail;
using namespace fendmail::io;
using namespace fendmail::test_support;

namespace {

/// What bind_all() says to this address; "" = it has bound it.
std::string complaint_about(const endpoint& where)
{
    try {
        (void)bind_all({where}, 2);
    } catch (const std::runtime_error& e) {
        return e.what();
    }
    return {};
}

} // namespace

TEST_CASE("bind: each address gets a socket for each worker, steered and in their order", "[io]")
{
    const auto bound =
        bind_all({*parse_endpoint("127.0.0.1:0"), *parse_endpoint("127.0.0.2:0")}, 3);
    REQUIRE(bound.size() == 2);
    for (const auto& one : bound) {
        CHECK(one.where.port != 0);
        REQUIRE(one.sockets.size() == 3);
        REQUIRE(one.is_steered);
        for (int number = 1; number <= 20; ++number) {
            const auto client = *parse_address(fmt::format("127.0.9.{}", number));
            CHECK(met_by(client, one.sockets) == worker_of(client, 3));
        }
    }
    CHECK(bound[0].where.address == *parse_address("127.0.0.1"));
    CHECK(bound[1].where.address == *parse_address("127.0.0.2"));
}

TEST_CASE("bind: an address that another socket listens on is refused by name", "[io]")
{
    for (const bool is_shared : {true, false}) {
        const auto taken =
            socket_at(*parse_endpoint("127.0.0.1:0"), true, {.is_shared = is_shared});
        const auto where = *local_address(taken.get());
        CHECK(complaint_about(where) ==
              fmt::format("cannot bind to {}: Address already in use; another program listens "
                          "there (`ss -ltnp` shows which)",
                          to_text(where)));
    }
}

TEST_CASE("bind: an address that this machine does not have is refused by name", "[io]")
{
    CHECK(complaint_about(*parse_endpoint("192.0.2.1:2525")) ==
          "cannot bind to [192.0.2.1]:2525: Cannot assign requested address; this machine has no "
          "such address (`ip address` shows which it has), or not yet");
}

TEST_CASE("bind: IPv4 and IPv6 wildcards can share a port", "[io]")
{
    const auto v4 = bind_all({*parse_endpoint("0.0.0.0:0")}, 1);
    CHECK_NOTHROW(bind_all({{*parse_address("::"), v4.front().where.port}}, 1));
}

TEST_CASE("bind: families that the kernel has are not missing", "[io]")
{
    CHECK_FALSE(is_family_missing(*parse_endpoint("127.0.0.1:0")));
}

namespace {

/// What adopt_all() says to it; "" = it has taken it.
std::string complaint_about_adopted(unique_fd socket)
{
    std::vector<unique_fd> all;
    all.push_back(std::move(socket));
    try {
        (void)adopt_all(std::move(all), 2);
    } catch (const std::runtime_error& e) {
        return e.what();
    }
    return {};
}

unique_fd duplicate(const unique_fd& of)
{
    return unique_fd{::fcntl(of.get(), F_DUPFD_CLOEXEC, 0)};
}

} // namespace

TEST_CASE("bind: workers share a socket that is passed alone, and are not steered", "[io]")
{
    std::vector<unique_fd> passed;
    passed.push_back(socket_at(*parse_endpoint("127.0.0.1:0"), true, {.is_shared = false}));
    passed.push_back(socket_at(*parse_endpoint("127.0.0.2:0"), true, {.is_shared = false}));
    const auto first = *local_address(passed.front().get());
    const auto adopted = adopt_all(std::move(passed), 3);
    REQUIRE(adopted.size() == 2);
    CHECK(adopted[0].where == first);
    for (const auto& one : adopted) {
        CHECK_FALSE(one.is_steered);
        REQUIRE(one.sockets.size() == 3);
        for (const auto& socket : one.sockets) {
            CHECK(local_address(socket.get()) == one.where);
            CHECK((::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC) != 0);
        }
    }
    CHECK(adopt_all({}, 3).empty());
}

TEST_CASE("bind: one worker needs no steering", "[io]")
{
    std::vector<unique_fd> passed;
    passed.push_back(socket_at(*parse_endpoint("127.0.0.1:0"), true, {.is_shared = false}));
    const auto adopted = adopt_all(std::move(passed), 1);
    REQUIRE(adopted.size() == 1);
    CHECK(adopted[0].sockets.size() == 1);
    CHECK(adopted[0].is_steered);
}

TEST_CASE("bind: as many sockets as workers are steered in the order they are passed in", "[io]")
{
    const auto adopted = adopt_all(group_at("127.0.0.1", 3), 3);
    REQUIRE(adopted.size() == 1);
    REQUIRE(adopted[0].is_steered);
    for (int number = 1; number <= 20; ++number) {
        const auto client = *parse_address(fmt::format("127.0.9.{}", number));
        CHECK(met_by(client, adopted[0].sockets) == worker_of(client, 3));
    }
}

TEST_CASE("bind: each socket that is passed is taken, whatever their number", "[io]")
{
    for (const unsigned workers : {1U, 3U, 7U}) {
        const auto adopted = adopt_all(group_at("127.0.0.1", 4), workers);
        REQUIRE(adopted.size() == 1);
        CHECK_FALSE(adopted[0].is_steered);
        CHECK(adopted[0].sockets.size() == std::max(4U, workers));
    }
}

TEST_CASE("bind: what clients could not be served through is refused with what to write", "[io]")
{
    CHECK(complaint_about_adopted(unique_fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)})
              .ends_with("which the service manager passes, is no TCP socket"));
    auto both = socket_at(*parse_endpoint("[::]:0"), true, {.is_v6_only = false});
    const auto port = local_address(both.get())->port;
    CHECK(complaint_about_adopted(duplicate(both)) ==
          fmt::format("the socket for [::]:{} takes IPv4 clients as well: BindIPv6Only=ipv6-only "
                      "in the .socket unit keeps them out, and ListenStream=0.0.0.0:{} is for them",
                      port, port));
    CHECK(complaint_about_adopted(socket_at(*parse_endpoint("[::]:0"))).empty());
    CHECK(
        complaint_about_adopted(socket_at(*parse_endpoint("[::1]:0"), true, {.is_v6_only = false}))
            .empty());
}
