// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/spf/network_set.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace fendmail::spf {

namespace {

constexpr unsigned half = 64;

constexpr std::uint64_t low_bits(unsigned count) noexcept
{
    return count >= half ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

} // namespace

network_set::number network_set::to_number(const ip_address& address) noexcept
{
    number n;
    for (const auto octet : address.octets()) {
        n.high = n.high << 8 | n.low >> (half - 8);
        n.low = n.low << 8 | octet;
    }
    return n;
}

ip_address network_set::to_address(number n, bool is_v4) noexcept
{
    if (is_v4) {
        std::array<std::uint8_t, 4> octets{};
        for (auto at = octets.rbegin(); at != octets.rend(); ++at, n.low >>= 8)
            *at = static_cast<std::uint8_t>(n.low);
        return ip_address::v4(octets);
    }
    std::array<std::uint8_t, 16> octets{};
    for (auto at = octets.rbegin(); at != octets.rend(); ++at) {
        *at = static_cast<std::uint8_t>(n.low);
        n.low = n.low >> 8 | n.high << (half - 8);
        n.high >>= 8;
    }
    return ip_address::v6(octets);
}

network_set::number network_set::next(number n) noexcept
{
    return {n.high + (n.low == ~std::uint64_t{0} ? 1 : 0), n.low + 1};
}

network_set::number network_set::previous(number n) noexcept
{
    return {n.high - (n.low == 0 ? 1 : 0), n.low - 1};
}

network_set::number network_set::end_of_block(number first, unsigned host_bits) noexcept
{
    const unsigned high_bits = host_bits > half ? host_bits - half : 0;
    return {first.high | low_bits(high_bits), first.low | low_bits(host_bits)};
}

bool network_set::is_aligned(number n, unsigned host_bits) noexcept
{
    const unsigned high_bits = host_bits > half ? host_bits - half : 0;
    return (n.high & low_bits(high_bits)) == 0 && (n.low & low_bits(host_bits)) == 0;
}

/// Closes what overlaps or touches. @param all ascending by their first addresses
network_set::ranges network_set::joined(ranges all)
{
    ranges out;
    for (const range& each : all) {
        const bool touches =
            !out.empty() && (each.first <= out.back().last || each.first == next(out.back().last));
        if (touches)
            out.back().last = std::max(out.back().last, each.last);
        else
            out.push_back(each);
    }
    return out;
}

network_set::ranges network_set::sum(const ranges& a, const ranges& b)
{
    ranges all;
    all.reserve(a.size() + b.size());
    std::ranges::merge(a, b, std::back_inserter(all), {}, &range::first, &range::first);
    return joined(std::move(all));
}

network_set::ranges network_set::difference(const ranges& a, const ranges& b)
{
    ranges out;
    auto cut = b.begin();
    for (range left : a) {
        while (cut != b.end() && cut->last < left.first)
            ++cut;
        bool any_left = true;
        for (auto at = cut; at != b.end() && at->first <= left.last; ++at) {
            if (at->first > left.first) out.push_back({left.first, previous(at->first)});
            any_left = at->last < left.last;
            if (!any_left) break;
            left.first = next(at->last);
        }
        if (any_left) out.push_back(left);
    }
    return out;
}

network_set::network_set(std::span<const network> nets)
{
    for (const network& net : nets) {
        const number first = to_number(net.address);
        const unsigned host_bits = net.address.bits() - net.prefix_length;
        (net.address.is_v4() ? v4_ : v6_).push_back({first, end_of_block(first, host_bits)});
    }
    for (ranges* each : {&v4_, &v6_}) {
        std::ranges::sort(*each, {}, &range::first);
        *each = joined(std::move(*each));
    }
}

void network_set::add(const network_set& other)
{
    v4_ = sum(v4_, other.v4_);
    v6_ = sum(v6_, other.v6_);
}

void network_set::subtract(const network_set& other)
{
    v4_ = difference(v4_, other.v4_);
    v6_ = difference(v6_, other.v6_);
}

void network_set::append_networks(const ranges& from, bool is_v4, std::vector<network>& to)
{
    const unsigned width = is_v4 ? 32 : 128;
    for (const range& each : from) {
        for (number first = each.first;;) {
            unsigned host_bits = 0;
            while (host_bits < width && is_aligned(first, host_bits + 1) &&
                   end_of_block(first, host_bits + 1) <= each.last)
                ++host_bits;
            const auto address = to_address(first, is_v4);
            // A piece of ::ffff:0:0/96: clients from there are IPv4 to us and to SPF.
            if (address.is_v4() == is_v4)
                to.push_back({address, static_cast<std::uint8_t>(width - host_bits)});
            const number last = end_of_block(first, host_bits);
            if (last == each.last) break;
            first = next(last);
        }
    }
}

std::vector<network> network_set::networks() const
{
    std::vector<network> all;
    append_networks(v4_, true, all);
    append_networks(v6_, false, all);
    return all;
}

} // namespace fendmail::spf
