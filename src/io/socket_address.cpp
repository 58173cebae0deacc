// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/socket_address.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstring>
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

} // namespace fendmail::io
