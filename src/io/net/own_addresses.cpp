// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/own_addresses.hpp"

#include <array>
#include <cstring>
#include <ifaddrs.h>
#include <memory>
#include <netinet/in.h>

namespace fendmail::io {

std::vector<ip_address> own_addresses()
{
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) return {};
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{first, &::freeifaddrs};
    std::vector<ip_address> found;
    for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr) continue;
        if (each->ifa_addr->sa_family == AF_INET) {
            sockaddr_in where{};
            std::memcpy(&where, each->ifa_addr, sizeof where);
            std::array<std::uint8_t, 4> octets{};
            std::memcpy(octets.data(), &where.sin_addr, octets.size());
            found.push_back(ip_address::v4(octets));
        } else if (each->ifa_addr->sa_family == AF_INET6) {
            sockaddr_in6 where{};
            std::memcpy(&where, each->ifa_addr, sizeof where);
            std::array<std::uint8_t, 16> octets{};
            std::memcpy(octets.data(), &where.sin6_addr, octets.size());
            found.push_back(ip_address::v6(octets));
        }
    }
    return found;
}

} // namespace fendmail::io
