// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <string>

/// Where sessions come from: TCP, TCP behind a PROXY header, or sockets passed as to Postfix's
/// `pass` services.
///
/// Source: the PROXY protocol; for passed sockets what postscreen does: one octet that carries the
/// descriptor, then names and values, each ended by NUL, and an empty name.
/// Memory: as many descriptors as sessions.
/// Errors: a failed accept is tried again with the next connection; constructing throws.
/// Threads: one for the whole process.
namespace fendmail::sink {

class tcp_listener {
public:
    tcp_listener(boost::asio::io_context& context, const boost::asio::ip::tcp::endpoint& where,
                 bool has_header);
    void accept();

private:
    boost::asio::ip::tcp::acceptor acceptor_;
    bool has_header_;
};

class pass_listener {
public:
    using protocol = boost::asio::local::stream_protocol;

    /// Replaces what is at `path`; every user may connect.
    pass_listener(boost::asio::io_context& context, const std::string& path);
    void accept();

private:
    void receive(const std::shared_ptr<protocol::socket>& channel);

    protocol::acceptor acceptor_;
};

} // namespace fendmail::sink
