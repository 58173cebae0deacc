// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "support/sockets.hpp"

#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>

/// Servers as far as the socket goes: a test accepts, reads and writes by hand.
namespace fendmail::test_support {

class listening {
public:
    /// On a UNIX socket.
    listening(const std::string& path, int backlog)
        : socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
        bind_and_listen(reinterpret_cast<const sockaddr*>(&address), sizeof(address), backlog);
    }
    /// On a free port of 127.0.0.1, or on `port` where that is not 0.
    explicit listening(std::uint16_t port = 0)
        : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}
    {
        const int on = 1;
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        bind_and_listen(reinterpret_cast<const sockaddr*>(&address), sizeof(address), 8);
    }

    /// @pre on a port
    [[nodiscard]] endpoint where() const
    {
        sockaddr_in address{};
        socklen_t size = sizeof(address);
        if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
            throw std::runtime_error("getsockname failed");
        return {ip_address::v4({127, 0, 0, 1}), ntohs(address.sin_port)};
    }
    [[nodiscard]] std::optional<far_end> accept() const
    {
        const int got = ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (got < 0) return std::nullopt;
        return far_end{got};
    }
    void close() { socket_.close(); }

private:
    void bind_and_listen(const sockaddr* address, socklen_t size, int backlog) const
    {
        if (::bind(socket_.get(), address, size) != 0 || ::listen(socket_.get(), backlog) != 0)
            throw std::runtime_error("bind or listen failed");
    }

    far_end socket_;
};

} // namespace fendmail::test_support
