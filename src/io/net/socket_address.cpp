// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/socket_address.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <charconv>
#include <cstring>
#include <net/if.h>
#include <netinet/in.h>

namespace fendmail::io {

namespace asio = boost::asio;

asio::ip::address to_asio(const ip_address& address)
{
    const auto octets = address.octets();
    if (address.is_v4()) {
        asio::ip::address_v4::bytes_type bytes{};
        std::copy(octets.begin(), octets.end(), bytes.begin());
        return asio::ip::address_v4{bytes};
    }
    asio::ip::address_v6::bytes_type bytes{};
    std::copy(octets.begin(), octets.end(), bytes.begin());
    return asio::ip::address_v6{bytes};
}

asio::ip::tcp::endpoint to_asio(const endpoint& where)
{
    return {to_asio(where.address), where.port};
}

ip_address from_asio(const asio::ip::address& address)
{
    if (address.is_v4()) return ip_address::v4(address.to_v4().to_bytes());
    return ip_address::v6(address.to_v6().to_bytes());
}

endpoint from_asio(const asio::ip::tcp::endpoint& where)
{
    return {from_asio(where.address()), where.port()};
}

asio::generic::stream_protocol::endpoint to_generic(const endpoint& where)
{
    return to_asio(where);
}

asio::generic::stream_protocol::endpoint to_generic(const std::string& path)
{
    return asio::local::stream_protocol::endpoint{path};
}

std::optional<server_address> to_socket(const dns::name_server& server) noexcept
{
    if (server.where.port == 0) return std::nullopt;
    server_address found = to_generic(server.where);
    if (server.interface.empty()) return found;
    // RFC 4007 §11.2: digits are the number itself.
    const auto& text = server.interface;
    std::uint32_t number = 0;
    const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc{} || stop != text.data() + text.size())
        number = ::if_nametoindex(text.c_str());
    if (number == 0) return std::nullopt;
    sockaddr_in6 scoped{};
    std::memcpy(&scoped, found.data(), sizeof(scoped));
    scoped.sin6_scope_id = number;
    std::memcpy(found.data(), &scoped, sizeof(scoped));
    return found;
}

std::optional<endpoint> from_generic(const asio::generic::stream_protocol::endpoint& where) noexcept
{
    if (where.size() >= sizeof(sockaddr_in) && where.data()->sa_family == AF_INET) {
        sockaddr_in found{};
        std::memcpy(&found, where.data(), sizeof(found));
        std::array<std::uint8_t, 4> octets{};
        std::memcpy(octets.data(), &found.sin_addr, octets.size());
        return endpoint{ip_address::v4(octets), ntohs(found.sin_port)};
    }
    if (where.size() >= sizeof(sockaddr_in6) && where.data()->sa_family == AF_INET6) {
        sockaddr_in6 found{};
        std::memcpy(&found, where.data(), sizeof(found));
        std::array<std::uint8_t, 16> octets{};
        std::memcpy(octets.data(), &found.sin6_addr, octets.size());
        return endpoint{ip_address::v6(octets), ntohs(found.sin6_port)};
    }
    return std::nullopt;
}

std::optional<endpoint> local_address(int socket) noexcept
{
    asio::generic::stream_protocol::endpoint found;
    auto size = static_cast<socklen_t>(found.capacity());
    if (::getsockname(socket, found.data(), &size) != 0) return std::nullopt;
    found.resize(size);
    return from_generic(found);
}

} // namespace fendmail::io
