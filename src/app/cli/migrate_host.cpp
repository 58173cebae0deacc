// SPDX-License-Identifier: Apache-2.0
#include "migrate_parts.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <ifaddrs.h>
#include <memory>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <span>
#include <sys/socket.h>
#include <unistd.h>

namespace fendmail::app {

namespace {

using postscreen::host_facts;

unsigned prefix_of(std::span<const std::uint8_t> mask)
{
    unsigned bits = 0;
    for (const std::uint8_t octet : mask)
        bits += static_cast<unsigned>(std::popcount(octet));
    return bits;
}

template <std::size_t Size>
std::array<std::uint8_t, Size> octets_of(const void* from)
{
    std::array<std::uint8_t, Size> out{};
    std::copy_n(static_cast<const std::uint8_t*>(from), Size, out.begin());
    return out;
}

/// As Postfix asks for the names in inet_interfaces.
std::vector<ip_address> resolve(const std::string& name)
{
    std::vector<ip_address> out;
    // RFC 6761 §6.4: no server needs to be asked for these.
    if (name.ends_with(".invalid")) return out;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (::getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return out;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{list, &::freeaddrinfo};
    for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
        const void* address = at->ai_addr;
        std::optional<ip_address> found;
        if (at->ai_family == AF_INET)
            found =
                ip_address::v4(octets_of<4>(&static_cast<const sockaddr_in*>(address)->sin_addr));
        if (at->ai_family == AF_INET6)
            found = ip_address::v6(
                octets_of<16>(&static_cast<const sockaddr_in6*>(address)->sin6_addr));
        if (found && std::ranges::find(out, *found) == out.end()) out.push_back(*found);
    }
    return out;
}

} // namespace

host_facts ask_host()
{
    host_facts out;
    std::array<char, 256> name{};
    out.resolve = resolve;
    if (::gethostname(name.data(), name.size() - 1) == 0) out.hostname = name.data();
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return out;
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{list, &::freeifaddrs};
    for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
        if (at->ifa_addr == nullptr || at->ifa_netmask == nullptr) continue;
        if ((at->ifa_flags & IFF_UP) == 0) continue;
        const void* address = at->ifa_addr;
        const void* mask = at->ifa_netmask;
        if (at->ifa_addr->sa_family == AF_INET) {
            const auto octets = octets_of<4>(&static_cast<const sockaddr_in*>(address)->sin_addr);
            const auto bits = octets_of<4>(&static_cast<const sockaddr_in*>(mask)->sin_addr);
            out.interfaces.push_back(
                {ip_address::v4(octets), static_cast<std::uint8_t>(prefix_of(bits))});
        } else if (at->ifa_addr->sa_family == AF_INET6) {
            const auto octets =
                octets_of<16>(&static_cast<const sockaddr_in6*>(address)->sin6_addr);
            const auto bits = octets_of<16>(&static_cast<const sockaddr_in6*>(mask)->sin6_addr);
            out.interfaces.push_back(
                {ip_address::v6(octets), static_cast<std::uint8_t>(prefix_of(bits))});
        }
    }
    return out;
}

} // namespace fendmail::app
