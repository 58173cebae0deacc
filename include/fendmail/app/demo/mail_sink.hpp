// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/awaiting.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>

/// The demo's mail server: takes every mail, prints who sent it to whom, keeps nothing. It wants a
/// PROXY v1 header, so that it knows the true client.
///
/// Source: RFC 5321 §4.1 as far as a sender needs it; PROXY protocol §2.1.
/// Memory: one line of a client.
/// Threads: the demo's own.
namespace fendmail::app {

class mail_sink {
public:
    explicit mail_sink(boost::asio::io_context& context);
    [[nodiscard]] std::uint16_t port() const;
    void start();

private:
    io::awaitable<void> accept();

    boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, io::executor> acceptor_;
};

} // namespace fendmail::app
