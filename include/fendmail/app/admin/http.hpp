// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/io/awaiting.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// The admin's small HTTP server on loopback or a UNIX socket.
///
/// Source: RFC 9112 (through Boost.Beast). Paths: /livez (the process answers), /readyz (it
/// takes mail: 200, or 503 with the reason); /healthz is the same as /readyz.
///
/// Whoever can connect can hold connections, and a probe that then gets no answer has the process
/// killed. So none is kept waiting for another: when one address has too many, or all together
/// have, the oldest has to go before it has said anything. A probe sends its request at once and is
/// answered long before it is the oldest.
///
/// Memory: at most `connections_max` requests of at most `request_octets` at once.
/// Errors: the constructor throws std::runtime_error with what the system says.
/// Threads: the thread of its io_context.
namespace fendmail::app {

class admin_http {
public:
    static constexpr std::size_t connections_max = 64;
    static constexpr std::size_t connections_max_of_one = 16; ///< address, or IPv6 /64
    static constexpr std::size_t request_octets = 4096;

    /// @param address "127.0.0.1:8025", "[::1]:8025" or "unix:/path"
    /// @param unready asked for each /readyz: why it is not, or ""
    admin_http(boost::asio::io_context& context, const std::string& address,
               std::function<std::string()> unready);
    ~admin_http();
    void start();
    void stop() noexcept;

private:
    using socket =
        boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, io::executor>;
    using acceptor =
        boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol, io::executor>;

    struct connection {
        std::weak_ptr<socket> client;
        std::optional<network> source; ///< nothing on a UNIX socket
    };

    void make_room_for(const std::optional<network>& source);
    void close_oldest_of(const std::optional<network>& source);
    io::awaitable<void> accept();
    io::awaitable<void> serve(std::shared_ptr<socket> client);

    acceptor acceptor_;
    std::string unix_path_; ///< removed at the end
    std::function<std::string()> unready_;
    std::vector<connection> clients_; ///< the oldest first
};

/// Asks a running fendmail.
/// @return "" when it is ready, otherwise what is wrong
[[nodiscard]] std::string ask_readiness(const std::string& address);

} // namespace fendmail::app
