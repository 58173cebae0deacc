// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/net/stream.hpp"

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

/// Plain blocking sockets for tests: what the other side of a stream would do.
namespace fendmail::test_support {

/// One end of a socket pair that a test works by hand.
class far_end {
public:
    explicit far_end(int descriptor)
        : descriptor_{descriptor}
    {
    }
    far_end(far_end&& other) noexcept
        : descriptor_{std::exchange(other.descriptor_, -1)}
    {
    }
    far_end(const far_end&) = delete;
    far_end& operator=(const far_end&) = delete;
    far_end& operator=(far_end&& other) noexcept
    {
        if (this != &other) {
            close();
            descriptor_ = std::exchange(other.descriptor_, -1);
        }
        return *this;
    }
    ~far_end() { close(); }

    [[nodiscard]] int get() const noexcept { return descriptor_; }
    void send(std::string_view octets) const
    {
        while (!octets.empty()) {
            const ssize_t sent = ::send(descriptor_, octets.data(), octets.size(), MSG_NOSIGNAL);
            if (sent < 0) throw std::runtime_error("send failed");
            octets.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    /// What is there now, without waiting.
    [[nodiscard]] std::string take() const
    {
        std::string all;
        char buffer[4096];
        for (;;) {
            const ssize_t got = ::recv(descriptor_, buffer, sizeof(buffer), MSG_DONTWAIT);
            if (got <= 0) return all;
            all.append(buffer, static_cast<std::size_t>(got));
        }
    }
    /// True when the other side has ended its direction and everything was taken.
    [[nodiscard]] bool at_end() const
    {
        char octet = 0;
        return ::recv(descriptor_, &octet, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
    }
    void end_writing() const { ::shutdown(descriptor_, SHUT_WR); }
    void close() noexcept
    {
        if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    }

private:
    int descriptor_;
};

/// A stream under test and the other end of its connection.
struct connected_pair {
    io::stream near;
    far_end far;

    explicit connected_pair(boost::asio::io_context& context)
        : connected_pair{context, make()}
    {
    }

private:
    static std::pair<int, int> make()
    {
        int both[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) != 0 ||
            ::fcntl(both[0], F_SETFL, O_NONBLOCK) != 0)
            throw std::runtime_error("socketpair failed");
        return {both[0], both[1]};
    }
    connected_pair(boost::asio::io_context& context, std::pair<int, int> both)
        : near{context.get_executor(), io::unique_fd{both.first}}
        , far{both.second}
    {
    }
};

} // namespace fendmail::test_support
