// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/network_set.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace fendmail {

namespace {

/// The half of a network whose next bit is one.
/// @pre the network is no single address
network upper_half(const network& net)
{
    std::array<std::uint8_t, 16> octets{};
    std::ranges::copy(net.address.octets(), octets.begin());
    octets[net.prefix_length / 8] |= static_cast<std::uint8_t>(0x80 >> (net.prefix_length % 8));
    const auto length = static_cast<std::uint8_t>(net.prefix_length + 1);
    if (net.address.is_v4())
        return {ip_address::v4({octets[0], octets[1], octets[2], octets[3]}), length};
    return {ip_address::v6(octets), length};
}

network lower_half(const network& net)
{
    return {net.address, static_cast<std::uint8_t>(net.prefix_length + 1)};
}

} // namespace

network all_v4() noexcept
{
    return {ip_address::v4({}), 0};
}

network all_v6() noexcept
{
    return {ip_address::v6({}), 0};
}

bool holds(const network& outer, const network& inner) noexcept
{
    return outer.prefix_length <= inner.prefix_length && outer.contains(inner.address);
}

network_set network_set::everything()
{
    network_set out;
    out.add(all_v4());
    out.add(all_v6());
    return out;
}

void network_set::add(const network& net)
{
    if (covers(net)) return;
    ordered& nets = of(net);
    auto at = nets.lower_bound(net);
    while (at != nets.end() && holds(net, *at))
        at = nets.erase(at);
    nets.insert(at, net);
}

void network_set::add(const network_set& others)
{
    for (const network& net : others.networks())
        add(net);
}

bool network_set::covers(const network& net) const
{
    // None lies within another, so only the last one that begins at or before `net` can hold it.
    const ordered& nets = of(net);
    const auto behind = nets.upper_bound(net);
    return behind != nets.begin() && holds(*std::prev(behind), net);
}

bool network_set::overlaps(const network& net) const
{
    if (covers(net)) return true;
    const ordered& nets = of(net);
    const auto at = nets.lower_bound(net);
    return at != nets.end() && holds(net, *at);
}

std::vector<network> network_set::rest_of(const network& net) const
{
    std::vector<network> out;
    append_rest(net, out);
    return out;
}

// At most 128 deep: each call has a longer prefix.
void network_set::append_rest(const network& net, std::vector<network>& out) const
{
    if (covers(net)) return;
    if (!overlaps(net)) {
        out.push_back(net);
        return;
    }
    append_rest(lower_half(net), out);
    // ::ffff:0:0/96 is IPv4 to us and no part of the IPv6 addresses.
    const network upper = upper_half(net);
    if (upper.address.is_v4() == net.address.is_v4()) append_rest(upper, out);
}

std::vector<network> network_set::common_with(const network& net) const
{
    if (covers(net)) return {net};
    std::vector<network> out;
    const ordered& nets = of(net);
    for (auto at = nets.lower_bound(net); at != nets.end() && holds(net, *at); ++at)
        out.push_back(*at);
    return out;
}

std::vector<network> network_set::networks() const
{
    std::vector<network> out{v4_.begin(), v4_.end()};
    out.insert(out.end(), v6_.begin(), v6_.end());
    return out;
}

} // namespace fendmail
