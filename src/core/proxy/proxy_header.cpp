// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/proxy/proxy_header.hpp"

#include <cstddef>
#include <cstdint>
#include <fmt/format.h>
#include <span>
#include <string_view>

namespace fendmail::proxy {

namespace {

constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr char version_2_proxy = 0x21;
constexpr char tcp_over_ipv4 = 0x11;
constexpr char tcp_over_ipv6 = 0x21;
constexpr std::string_view mapped_prefix{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12};

void append(std::string& out, std::span<const std::uint8_t> octets)
{
    for (const auto octet : octets)
        out += static_cast<char>(octet);
}

void append(std::string& out, std::uint16_t number)
{
    out += static_cast<char>(number >> 8);
    out += static_cast<char>(number & 0xff);
}

} // namespace

std::string write_v1(const endpoint& client, const endpoint& local)
{
    const bool v4 = client.address.is_v4();
    std::string local_text = to_text(local.address);
    if (v4 && local.address.is_v6()) local_text = to_text(ip_address{});
    if (!v4 && local.address.is_v4()) local_text.insert(0, "::ffff:");
    return fmt::format("PROXY {} {} {} {} {}\r\n", v4 ? "TCP4" : "TCP6", to_text(client.address),
                       local_text, client.port, local.port);
}

std::string write_v2(const endpoint& client, const endpoint& local)
{
    const bool v4 = client.address.is_v4();
    std::string addresses;
    append(addresses, client.address.octets());
    if (v4 && local.address.is_v6()) {
        append(addresses, ip_address{}.octets());
    } else {
        if (!v4 && local.address.is_v4()) addresses += mapped_prefix;
        append(addresses, local.address.octets());
    }
    append(addresses, client.port);
    append(addresses, local.port);

    std::string header{signature};
    header += version_2_proxy;
    header += v4 ? tcp_over_ipv4 : tcp_over_ipv6;
    append(header, static_cast<std::uint16_t>(addresses.size()));
    return header + addresses;
}

} // namespace fendmail::proxy
