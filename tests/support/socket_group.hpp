// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/io/net/socket_address.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <vector>

/// Listening sockets of one address, by hand.
namespace fendmail::test_support {

struct socket_kind {
    bool is_shared = true;    ///< SO_REUSEPORT
    bool is_v6_only = true;   ///< of an IPv6 address
    bool is_blocking = false; ///< as a service manager passes them
};

/// A socket that is bound, as another program would make it, and listens if so wanted.
inline io::unique_fd socket_at(const endpoint& where, bool listens = true,
                               const socket_kind& kind = {})
{
    const auto address = io::to_generic(where);
    const int family = address.data()->sa_family;
    const int flags = SOCK_STREAM | SOCK_CLOEXEC | (kind.is_blocking ? 0 : SOCK_NONBLOCK);
    io::unique_fd socket{::socket(family, flags, 0)};
    const int on = 1;
    const int only = kind.is_v6_only ? 1 : 0;
    if (kind.is_shared) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (where.address.is_v6())
        ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
    if (::bind(socket.get(), address.data(), static_cast<socklen_t>(address.size())) != 0 ||
        (listens && ::listen(socket.get(), 16) != 0))
        throw std::runtime_error("cannot listen on " + to_text(where));
    return socket;
}

/// So many sockets that listen on one address and on a port that the kernel chooses, in the order
/// in which they began to.
inline std::vector<io::unique_fd> group_at(const char* address, std::size_t count)
{
    endpoint where{*parse_address(address), 0};
    std::vector<io::unique_fd> group;
    while (group.size() < count) {
        group.push_back(socket_at(where));
        where = *io::local_address(group.front().get());
    }
    return group;
}

/// Connects from this address. @return the index of the socket that got it
inline std::size_t met_by(const ip_address& client, const std::vector<io::unique_fd>& group)
{
    using boost::asio::ip::tcp;
    boost::asio::io_context context;
    tcp::socket socket{context};
    const tcp::endpoint from{io::to_asio(client), 0};
    socket.open(from.protocol());
    socket.bind(from);
    socket.connect(io::to_asio(*io::local_address(group.front().get())));
    std::vector<pollfd> waiting;
    for (const auto& one : group)
        waiting.push_back({one.get(), POLLIN, 0});
    constexpr int patience_ms = 20'000;
    if (::poll(waiting.data(), waiting.size(), patience_ms) != 1)
        throw std::runtime_error("not one socket got the client");
    std::size_t index = 0;
    while (waiting[index].revents == 0)
        ++index;
    const io::unique_fd accepted{::accept(group[index].get(), nullptr, nullptr)};
    return index;
}

} // namespace fendmail::test_support
