// SPDX-License-Identifier: Apache-2.0
#include "system_resolvers.hpp"

#include "fendmail/io/resolver.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <type_traits>

#include <ares.h>
#include <netinet/in.h>

namespace fendmail::io {
namespace {

struct channel_deleter {
    void operator()(ares_channel channel) const noexcept { ares_destroy(channel); }
};
using channel_ptr = std::unique_ptr<std::remove_pointer_t<ares_channel>, channel_deleter>;

void check(int status)
{
    if (status != ARES_SUCCESS)
        throw std::runtime_error(fmt::format("c-ares cannot start: {}", ares_strerror(status)));
}

#if ARES_VERSION >= 0x011800 // 1.24; the call below is deprecated later

std::vector<endpoint> servers_of(ares_channel channel)
{
    const std::unique_ptr<char, decltype(&ares_free_string)> text{ares_get_servers_csv(channel),
                                                                  &ares_free_string};
    std::vector<endpoint> all;
    std::string_view left = text ? std::string_view{text.get()} : std::string_view{};
    while (!left.empty()) {
        const auto end = std::min(left.find(','), left.size());
        if (const auto one = parse_resolver(left.substr(0, end))) all.push_back(*one);
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    return all;
}

#else

endpoint to_endpoint(const ares_addr_port_node& node) noexcept
{
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(&node.addr);
    const auto port = static_cast<std::uint16_t>(node.udp_port == 0 ? 53 : node.udp_port);
    if (node.family == AF_INET) {
        std::array<std::uint8_t, 4> v4{};
        std::copy_n(octets, v4.size(), v4.begin());
        return {ip_address::v4(v4), port};
    }
    std::array<std::uint8_t, 16> v6{};
    std::copy_n(octets, v6.size(), v6.begin());
    return {ip_address::v6(v6), port};
}

std::vector<endpoint> servers_of(ares_channel channel)
{
    ares_addr_port_node* first = nullptr;
    check(ares_get_servers_ports(channel, &first));
    const std::unique_ptr<ares_addr_port_node, decltype(&ares_free_data)> owner{first,
                                                                                &ares_free_data};
    std::vector<endpoint> all;
    for (const auto* node = first; node != nullptr; node = node->next)
        all.push_back(to_endpoint(*node));
    return all;
}

#endif

} // namespace

std::vector<endpoint> system_resolvers()
{
    static const int started = ares_library_init(ARES_LIB_INIT_ALL);
    check(started);
    ares_channel made = nullptr;
    check(ares_init_options(&made, nullptr, 0));
    const channel_ptr channel{made};
    auto all = servers_of(made);
    if (all.empty()) all.push_back({ip_address::v4({127, 0, 0, 1}), 53});
    return all;
}

} // namespace fendmail::io
