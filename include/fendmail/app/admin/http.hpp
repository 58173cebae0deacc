// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/awaiting.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// The admin's small HTTP server on loopback or a UNIX socket.
///
/// Source: RFC 9112 (through Boost.Beast). Paths: /livez (the process answers), /readyz (it
/// takes mail: 200, or 503 with the reason); /healthz is the same as /readyz.
/// Memory: at most `connections_max` requests of at most `request_octets` at once.
/// Errors: the constructor throws std::runtime_error with what the system says.
/// Threads: the thread of its io_context.
namespace fendmail::app {

class admin_http {
public:
    static constexpr std::size_t connections_max = 16;
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

    io::awaitable<void> accept();
    io::awaitable<void> serve(std::shared_ptr<socket> client);

    acceptor acceptor_;
    std::string unix_path_; ///< removed at the end
    std::function<std::string()> unready_;
    std::vector<std::weak_ptr<socket>> clients_;
};

/// Asks a running fendmail.
/// @return "" when it is ready, otherwise what is wrong
[[nodiscard]] std::string ask_readiness(const std::string& address);

} // namespace fendmail::app
