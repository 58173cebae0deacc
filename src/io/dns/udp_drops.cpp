// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dns/udp_drops.hpp"

#include "fendmail/io/os/whole_file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ifaddrs.h>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>

namespace fendmail::io {

namespace {

constexpr std::size_t word_digits = 8;

/// The words of a line that has as many as the kernel writes today: "sl local_address rem_address
/// st tx_queue:rx_queue tr:when retrnsmt uid timeout inode ref pointer drops".
constexpr std::size_t words = 13;
constexpr std::size_t local_word = 1;
constexpr std::size_t remote_word = 2;
constexpr std::size_t drops_word = 12;

std::string_view next_word(std::string_view& line)
{
    const auto begin = std::min(line.find_first_not_of(" \t"), line.size());
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    const auto word = line.substr(0, end);
    line.remove_prefix(end);
    return word;
}

template <class Number>
std::optional<Number> number_of(std::string_view text, int base)
{
    Number out{};
    const char* const end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, out, base);
    if (fault != std::errc{} || stop != end) return std::nullopt;
    return out;
}

/// Each 32 bits of the address are printed as a number of this machine's, whatever its octet order.
template <std::size_t Size>
std::optional<std::array<std::uint8_t, Size>> octets_of(std::string_view digits)
{
    std::array<std::uint8_t, Size> out{};
    for (std::size_t at = 0; at < Size; at += sizeof(std::uint32_t)) {
        const auto word = number_of<std::uint32_t>(digits.substr(at * 2, word_digits), 16);
        if (!word) return std::nullopt;
        std::memcpy(out.data() + at, &*word, sizeof *word);
    }
    return out;
}

/// "0100007F:0035"
std::optional<endpoint> parse_hex_endpoint(std::string_view text)
{
    const auto colon = std::min(text.find(':'), text.size());
    const auto digits = text.substr(0, colon);
    const auto port = number_of<std::uint16_t>(text.substr(std::min(colon + 1, text.size())), 16);
    if (!port) return std::nullopt;
    if (digits.size() == word_digits) {
        const auto octets = octets_of<4>(digits);
        if (octets) return endpoint{ip_address::v4(*octets), *port};
    } else if (digits.size() == 4 * word_digits) {
        const auto octets = octets_of<16>(digits);
        if (octets) return endpoint{ip_address::v6(*octets), *port};
    }
    return std::nullopt;
}

std::optional<udp_receiver> parse_line(std::string_view line)
{
    std::array<std::string_view, words> parts;
    for (auto& part : parts)
        part = next_word(line);
    const auto local = parse_hex_endpoint(parts[local_word]);
    const auto remote = parse_hex_endpoint(parts[remote_word]);
    const auto drops = number_of<std::uint64_t>(parts[drops_word], 10);
    if (!local || !remote || !drops || remote->port != 0) return std::nullopt;
    return udp_receiver{*local, *drops};
}

bool is_every_address(const ip_address& address) noexcept
{
    return std::ranges::all_of(address.octets(), [](std::uint8_t octet) { return octet == 0; });
}

/// A socket for every IPv6 address mostly takes IPv4 as well.
bool takes(const udp_receiver& by, const endpoint& where) noexcept
{
    if (by.local.port != where.port) return false;
    if (by.local.address == where.address) return true;
    return is_every_address(by.local.address) &&
           (by.local.address.is_v6() || where.address.is_v4());
}

bool is_of_this_machine(const ip_address& address)
{
    if (address.is_loopback()) return true;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return false;
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{list, &::freeifaddrs};
    for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
        if (at->ifa_addr == nullptr) continue;
        const void* const raw = at->ifa_addr;
        const void* own = nullptr;
        if (at->ifa_addr->sa_family == AF_INET && address.is_v4())
            own = &static_cast<const sockaddr_in*>(raw)->sin_addr;
        else if (at->ifa_addr->sa_family == AF_INET6 && address.is_v6())
            own = &static_cast<const sockaddr_in6*>(raw)->sin6_addr;
        const auto octets = address.octets();
        if (own != nullptr && std::memcmp(own, octets.data(), octets.size()) == 0) return true;
    }
    return false;
}

} // namespace

std::vector<udp_receiver> parse_udp_receivers(std::string_view text)
{
    std::vector<udp_receiver> out;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        if (const auto parsed = parse_line(text.substr(0, end))) out.push_back(*parsed);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

std::optional<std::uint64_t> drops_at(std::span<const udp_receiver> receivers,
                                      const endpoint& where) noexcept
{
    std::optional<std::uint64_t> sum;
    for (const udp_receiver& one : receivers)
        if (takes(one, where)) sum = sum.value_or(0) + one.drops;
    return sum;
}

std::optional<std::uint64_t> drops_here(const endpoint& where)
{
    if (!is_of_this_machine(where.address)) return std::nullopt;
    std::vector<udp_receiver> receivers;
    for (const char* const file : {"/proc/net/udp", "/proc/net/udp6"}) {
        const auto more = parse_udp_receivers(read_whole_file(file).text.value_or(""));
        receivers.insert(receivers.end(), more.begin(), more.end());
    }
    return drops_at(receivers, where);
}

} // namespace fendmail::io
