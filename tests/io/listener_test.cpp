// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/listener.hpp"
#include "fendmail/io/socket_address.hpp"
#include "support/catch.hpp"
#include "support/event_recorder.hpp"
#include "support/run_until.hpp"

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>

using namespace fendmail;
using namespace fendmail::io;
using boost::asio::ip::tcp;
using fendmail::test::run_until;

namespace {

/// Listeners of several workers on one address; notes which worker met which client.
struct listening {
    boost::asio::io_context context;
    test_support::event_recorder events;
    gatherer gathering{context.get_executor()};
    std::vector<std::unique_ptr<listener>> listeners;
    endpoint where;
    bool steered = false;
    std::size_t accepted = 0;
    bool has_room = true;
    std::map<ip_address, std::set<unsigned>> workers_of;
    endpoint last_local;

    listening(const char* address, unsigned workers)
    {
        auto bound = bind_all({*parse_endpoint(address)}, workers);
        where = bound.front().where;
        steered = bound.front().is_steered;
        for (unsigned i = 0; i < workers; ++i) {
            listeners.push_back(std::make_unique<listener>(
                context, std::move(bound.front().sockets[i]), where, events, gathering,
                [this] { return has_room; },
                [this, i](unique_fd, const endpoint& client, const endpoint& local) {
                    ++accepted;
                    workers_of[client.address].insert(i);
                    last_local = local;
                }));
            listeners.back()->start();
        }
    }
    void connect_from(const char* client)
    {
        tcp::socket socket{context};
        const auto from = tcp::endpoint{to_asio(*parse_address(client)), 0};
        socket.open(from.protocol());
        socket.bind(from);
        socket.connect(to_asio(where));
        const std::size_t want = accepted + 1;
        REQUIRE(run_until(context, [&] { return accepted == want; }));
    }
};

} // namespace

TEST_CASE("listener: one client always meets the same worker, many clients meet all", "[io]")
{
    listening l{"127.0.0.1:0", 3};
    REQUIRE(l.steered);
    std::set<unsigned> used;
    for (int client = 1; client <= 40; ++client) {
        const auto address = "127.0." + std::to_string(client % 3) + "." + std::to_string(client);
        for (int i = 0; i < 3; ++i)
            l.connect_from(address.c_str());
        const auto& met = l.workers_of[*parse_address(address)];
        CHECK(met.size() == 1);
        CHECK(*met.begin() == worker_of(*parse_address(address), 3));
        used.insert(met.begin(), met.end());
    }
    CHECK(used.size() == 3);
}

TEST_CASE("listener: an IPv6 client is accepted and steered too", "[io]")
{
    for (const unsigned workers : {2U, 3U, 5U, 7U}) {
        listening l{"[::1]:0", workers};
        REQUIRE(l.steered);
        for (int i = 0; i < 8; ++i)
            l.connect_from("::1");
        const auto client = *parse_address("::1");
        CHECK(l.workers_of[client] == std::set{worker_of(client, workers)});
        CHECK(l.last_local == l.where);
    }
}

TEST_CASE("listener: one worker has all clients, of many none is left out", "[io]")
{
    std::set<unsigned> used;
    for (unsigned n = 0; n < 256; ++n) {
        const auto v4 = *parse_address("192.0.2." + std::to_string(n));
        const auto v6 = *parse_address("2001:db8:" + std::to_string(n) + "::1");
        CHECK(worker_of(v4, 1) == 0);
        CHECK(worker_of(v6, 1) == 0);
        used.insert(worker_of(v4, 16));
        used.insert(worker_of(v6, 16));
    }
    CHECK(used.size() == 16);
    CHECK(*used.rbegin() == 15);
}

TEST_CASE("listener: addresses of one IPv6 network meet one worker", "[io]")
{
    const auto worker = worker_of(*parse_address("2001:db8:1::1"), 16);
    CHECK(worker_of(*parse_address("2001:db8:1::2"), 16) == worker);
    CHECK(worker_of(*parse_address("2001:db8:1:ffff:ffff:ffff:ffff:ffff"), 16) == worker);
    CHECK(worker_of(*parse_address("2001:db8:2::1"), 16) != worker);
}

TEST_CASE("listener: the local address is the one the client connected to", "[io]")
{
    listening l{"0.0.0.0:0", 1};
    const auto port = l.where.port;
    l.where = {*parse_address("127.0.0.9"), port};
    l.connect_from("127.0.0.5");
    CHECK(l.last_local == l.where);
}

TEST_CASE("listener: an address that somebody listens on is refused by name", "[io]")
{
    const listening first{"127.0.0.1:0", 2};
    std::string said;
    try {
        (void)bind_all({first.where}, 2);
    } catch (const std::runtime_error& e) {
        said = e.what();
    }
    CHECK(said == "cannot bind to " + to_text(first.where) +
                      ": Address already in use; another program listens there (`ss -ltnp` "
                      "shows which)");
}

TEST_CASE("listener: IPv4 and IPv6 wildcards can share a port", "[io]")
{
    const auto v4 = bind_all({*parse_endpoint("0.0.0.0:0")}, 1);
    const endpoint v6{*parse_address("::"), v4.front().where.port};
    CHECK_NOTHROW(bind_all({v6}, 1));
}

TEST_CASE("listener: without room clients wait in the kernel's queue, and are told about", "[io]")
{
    listening l{"127.0.0.1:0", 1};
    l.connect_from("127.0.0.5");
    l.connect_from("127.0.0.5");
    l.has_room = false;
    tcp::socket waiting{l.context};
    waiting.connect(to_asio(l.where));
    REQUIRE(run_until(l.context, [&] { return l.events.count<event::accept_failed>() == 1; }));
    CHECK(l.accepted == 2);
    l.has_room = true;
    REQUIRE(run_until(l.context, [&] { return l.accepted == 3; }));
}

TEST_CASE("listener: clients are accepted while many come, when it is over, and not when it stops",
          "[io]")
{
    listening l{"127.0.0.1:0", 1};
    const auto many_come = [&l] {
        for (std::size_t n = 0; n < 2 * gatherer::clients_fast; ++n)
            l.gathering.on_unknown_client();
    };
    l.connect_from("127.0.0.5");
    many_come();
    l.connect_from("127.0.0.5"); // from here on the socket is not watched
    many_come();
    REQUIRE(l.gathering.is_on());
    l.connect_from("127.0.0.5");
    REQUIRE(run_until(l.context, [&] { return !l.gathering.is_on(); }));
    l.connect_from("127.0.0.5");
    l.connect_from("127.0.0.5");
    CHECK(l.accepted == 5);

    many_come();
    l.connect_from("127.0.0.5");
    many_come();
    l.listeners.front()->stop();
    tcp::socket refused{l.context};
    boost::system::error_code error;
    refused.connect(to_asio(l.where), error);
    CHECK(error == boost::asio::error::connection_refused);
    l.context.run(); // ends, since nothing waits any more
}
