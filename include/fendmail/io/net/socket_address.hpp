// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dns/name_server.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>

/// Our addresses as the sockets know them, and back.
namespace fendmail::io {

[[nodiscard]] boost::asio::ip::address to_asio(const ip_address& address);
[[nodiscard]] boost::asio::ip::tcp::endpoint to_asio(const endpoint& where);
[[nodiscard]] ip_address from_asio(const boost::asio::ip::address& address);
[[nodiscard]] endpoint from_asio(const boost::asio::ip::tcp::endpoint& where);

[[nodiscard]] boost::asio::generic::stream_protocol::endpoint to_generic(const endpoint& where);
/// @param path of a UNIX socket, at most limits::unix_path_octets
[[nodiscard]] boost::asio::generic::stream_protocol::endpoint to_generic(const std::string& path);

using server_address = boost::asio::generic::stream_protocol::endpoint;
/// With the number that the interface of a link-local address has now.
/// @return nothing when there is no such interface, or nothing to be sent to
[[nodiscard]] std::optional<server_address> to_socket(const dns::name_server& server) noexcept;

/// Nothing for anything but an IPv4 or IPv6 socket address.
[[nodiscard]] std::optional<endpoint>
from_generic(const boost::asio::generic::stream_protocol::endpoint& where) noexcept;

/// Of a socket. Nothing when the kernel does not tell, or for a socket of another family.
[[nodiscard]] std::optional<endpoint> local_address(int socket) noexcept;

} // namespace fendmail::io
