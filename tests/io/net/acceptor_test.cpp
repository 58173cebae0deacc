// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/acceptor.hpp"

#include "fendmail/io/net/socket_address.hpp"
#include "support/catch.hpp"
#include "support/event_recorder.hpp"
#include "support/run_until.hpp"
#include "support/socket_group.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace fendmail;
using namespace fendmail::io;
using boost::asio::ip::tcp;
using fendmail::test::run_until;
using fendmail::test_support::socket_at;

namespace {

/// An acceptor of one socket, which nothing else has prepared for it.
struct listening {
    boost::asio::io_context context;
    test_support::event_recorder events;
    wake_coalescer wakes{context.get_executor()};
    bool has_room = true;
    std::vector<unique_fd> clients;
    endpoint last_client;
    endpoint last_local;
    unique_fd socket;
    int listening_descriptor;
    endpoint where;
    acceptor accepts;

    explicit listening(const char* address)
        : socket{socket_at(*parse_endpoint(address), true,
                           {.is_shared = false, .is_blocking = true})}
        , listening_descriptor{socket.get()}
        , where{*local_address(socket.get())}
        , accepts{context,
                  std::move(socket),
                  events,
                  wakes,
                  [this] { return has_room; },
                  [this](unique_fd connected, const endpoint& client, const endpoint& local) {
                      clients.push_back(std::move(connected));
                      last_client = client;
                      last_local = local;
                  }}
    {
        accepts.start();
    }
    /// @return where it came from
    endpoint connect_from(const char* client)
    {
        tcp::socket connected{context};
        const auto from = tcp::endpoint{to_asio(*parse_address(client)), 0};
        connected.open(from.protocol());
        connected.bind(from);
        connected.connect(to_asio(where));
        const std::size_t want = clients.size() + 1;
        REQUIRE(run_until(context, [&] { return clients.size() == want; }));
        return from_asio(connected.local_endpoint());
    }
};

/// @throws std::runtime_error as acceptor does
void accept_from(unique_fd socket)
{
    boost::asio::io_context context;
    test_support::event_recorder events;
    wake_coalescer wakes{context.get_executor()};
    const acceptor made{context, std::move(socket), events, wakes, [] { return true; }, {}};
}

/// How many descriptors epoll watches, of all of this process: proc(5).
std::size_t watched_descriptors()
{
    std::size_t count = 0;
    for (const auto& one : std::filesystem::directory_iterator{"/proc/self/fdinfo"}) {
        std::ifstream about{one.path()};
        for (std::string line; std::getline(about, line);)
            if (line.starts_with("tfd:")) ++count;
    }
    return count;
}

} // namespace

TEST_CASE("acceptor: a socket from elsewhere is accepted from, both addresses are told", "[io]")
{
    for (const char* const address : {"127.0.0.1", "::1"}) {
        const endpoint any{*parse_address(address), 0};
        listening l{to_text(any).c_str()};
        const auto client = l.connect_from(address);
        CHECK(l.last_client == client);
        CHECK(l.last_local == l.where);
        CHECK((::fcntl(l.clients.front().get(), F_GETFL) & O_NONBLOCK) != 0);
        CHECK((::fcntl(l.clients.front().get(), F_GETFD) & FD_CLOEXEC) != 0);
        int no_delay = 0;
        socklen_t size = sizeof(no_delay);
        REQUIRE(::getsockopt(l.clients.front().get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size) ==
                0);
        CHECK(no_delay != 0);
    }
}

TEST_CASE("acceptor: what is no listening TCP socket is refused", "[io]")
{
    const endpoint any{*parse_address("127.0.0.1"), 0};
    CHECK_NOTHROW(accept_from(socket_at(any)));
    CHECK_THROWS_AS(accept_from(socket_at(any, false)), std::runtime_error);
    CHECK_THROWS_AS(accept_from(unique_fd{::socket(AF_INET, SOCK_DGRAM, 0)}), std::runtime_error);
    CHECK_THROWS_AS(accept_from(unique_fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}),
                    std::runtime_error);
    CHECK_THROWS_AS(accept_from(unique_fd{}), std::runtime_error);
}

TEST_CASE("acceptor: the local address is the one the client connected to", "[io]")
{
    listening l{"0.0.0.0:0"};
    const auto port = l.where.port;
    l.where = {*parse_address("127.0.0.9"), port};
    l.connect_from("127.0.0.5");
    CHECK(l.last_local == l.where);
}

TEST_CASE("acceptor: without room clients wait in the kernel's queue, and are told about", "[io]")
{
    listening l{"127.0.0.1:0"};
    l.connect_from("127.0.0.5");
    l.connect_from("127.0.0.5");
    l.has_room = false;
    tcp::socket waiting{l.context};
    waiting.connect(to_asio(l.where));
    REQUIRE(run_until(l.context, [&] { return l.events.count<event::accept_failed>() == 1; }));
    CHECK(l.clients.size() == 2);
    l.has_room = true;
    REQUIRE(run_until(l.context, [&] { return l.clients.size() == 3; }));
}

TEST_CASE("acceptor: clients are accepted while many come, when it is over, and not when it stops",
          "[io]")
{
    listening l{"127.0.0.1:0"};
    const auto many_come = [&l] {
        for (std::size_t n = 0; n < 2 * wake_coalescer::clients_fast; ++n)
            l.wakes.on_unknown_client();
    };
    l.connect_from("127.0.0.5");
    many_come();
    l.connect_from("127.0.0.5"); // from here on the socket is not watched
    many_come();
    REQUIRE(l.wakes.is_on());
    l.connect_from("127.0.0.5");
    REQUIRE(run_until(l.context, [&] { return !l.wakes.is_on(); }));
    l.connect_from("127.0.0.5");
    l.connect_from("127.0.0.5");
    CHECK(l.clients.size() == 5);

    many_come();
    l.connect_from("127.0.0.5");
    many_come();
    l.accepts.stop();
    tcp::socket refused{l.context};
    boost::system::error_code error;
    refused.connect(to_asio(l.where), error);
    CHECK(error == boost::asio::error::connection_refused);
    l.context.run(); // ends, since nothing waits any more
}

TEST_CASE("acceptor: a socket that others have as well is watched no more once it stops", "[io]")
{
    listening l{"127.0.0.1:0"};
    l.connect_from("127.0.0.5");
    const auto before = watched_descriptors();
    // As a service manager keeps one, or the process that takes over.
    const unique_fd other{::fcntl(l.listening_descriptor, F_DUPFD_CLOEXEC, 0)};
    REQUIRE(other);
    l.accepts.stop();
    CHECK(watched_descriptors() == before - 1);
    tcp::socket queued{l.context};
    queued.connect(to_asio(l.where)); // to the other's queue
    l.context.run();
    CHECK(l.clients.size() == 1);
}
