// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/own_addresses.hpp"

#include "fendmail/io/os/unique_fd.hpp"
#include "fendmail/io/os/whole_file.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <ifaddrs.h>
#include <memory>
#include <net/if.h>
#include <netinet/in.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace fendmail::io {

namespace {

/// The kernel tells no more than fit: a host with more IPv4 addresses than this has to be asked
/// by netlink.
constexpr std::size_t ipv4_max = 1024;
constexpr std::size_t table_octets_max = std::size_t{1} << 20;

/// @param what a sockaddr of any family, which need not be aligned
void append(std::vector<ip_address>& to, const sockaddr* what)
{
    sa_family_t family = AF_UNSPEC;
    std::memcpy(&family, &what->sa_family, sizeof family);
    if (family == AF_INET) {
        sockaddr_in where{};
        std::memcpy(&where, what, sizeof where);
        std::array<std::uint8_t, 4> octets{};
        std::memcpy(octets.data(), &where.sin_addr, octets.size());
        to.push_back(ip_address::v4(octets));
    } else if (family == AF_INET6) {
        sockaddr_in6 where{};
        std::memcpy(&where, what, sizeof where);
        std::array<std::uint8_t, 16> octets{};
        std::memcpy(octets.data(), &where.sin6_addr, octets.size());
        to.push_back(ip_address::v6(octets));
    }
}

void append_ipv4(std::vector<ip_address>& to)
{
    const unique_fd asking{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    std::vector<ifreq> found(ipv4_max);
    ifconf all{};
    all.ifc_len = static_cast<int>(found.size() * sizeof(ifreq));
    all.ifc_req = found.data();
    if (!asking || ::ioctl(asking.get(), SIOCGIFCONF, &all) != 0) return;
    found.resize(static_cast<std::size_t>(all.ifc_len) / sizeof(ifreq));
    for (const auto& one : found)
        append(to, &one.ifr_addr);
}

/// Lines of 32 hexadecimal digits, and what we do not need.
void append_ipv6(std::vector<ip_address>& to)
{
    const auto table = read_whole_file("/proc/self/net/if_inet6", table_octets_max);
    if (!table.text) return;
    std::string_view rest{*table.text};
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
        const auto line = rest.substr(0, end);
        std::array<std::uint8_t, 16> octets{};
        bool is_good = line.size() > 2 * octets.size();
        for (std::size_t i = 0; is_good && i < octets.size(); ++i) {
            const auto* const at = line.data() + 2 * i;
            is_good = std::from_chars(at, at + 2, octets[i], 16).ptr == at + 2;
        }
        if (is_good) to.push_back(ip_address::v6(octets));
        rest.remove_prefix(end + 1);
    }
}

} // namespace

std::vector<ip_address> own_addresses()
{
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) return own_addresses_without_netlink();
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{first, &::freeifaddrs};
    std::vector<ip_address> found;
    for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next)
        if (each->ifa_addr != nullptr) append(found, each->ifa_addr);
    return found;
}

std::vector<ip_address> own_addresses_without_netlink()
{
    std::vector<ip_address> found;
    append_ipv4(found);
    append_ipv6(found);
    return found;
}

} // namespace fendmail::io
