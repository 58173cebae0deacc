// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/feed/range_set.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace fendmail::feed {

namespace {

using v6_number = std::array<std::uint64_t, 2>;

constexpr unsigned half_bits = 64;
constexpr std::uint64_t all_ones = std::numeric_limits<std::uint64_t>::max();

std::uint64_t number_of(std::span<const std::uint8_t> octets) noexcept
{
    std::uint64_t number = 0;
    for (const auto octet : octets)
        number = number << 8 | octet;
    return number;
}

std::uint32_t v4_of(const ip_address& address) noexcept
{
    return static_cast<std::uint32_t>(number_of(address.octets()));
}

v6_number v6_of(const ip_address& address) noexcept
{
    const auto octets = address.octets();
    return {number_of(octets.first(8)), number_of(octets.subspan(8))};
}

/// The bits behind a prefix, of a number that has so many.
std::uint64_t bits_behind(unsigned prefix, unsigned width) noexcept
{
    if (prefix >= width) return 0;
    const unsigned behind = width - prefix;
    return behind >= half_bits ? all_ones : (std::uint64_t{1} << behind) - 1;
}

std::uint32_t last_v4(const network& net) noexcept
{
    return v4_of(net.address) | static_cast<std::uint32_t>(bits_behind(net.prefix_length, 32));
}

v6_number last_v6(const network& net) noexcept
{
    const auto first = v6_of(net.address);
    const unsigned low = net.prefix_length > half_bits ? net.prefix_length - half_bits : 0;
    return {first[0] | bits_behind(net.prefix_length, half_bits),
            first[1] | bits_behind(low, half_bits)};
}

std::uint32_t before(std::uint32_t number) noexcept
{
    return number == 0 ? 0 : number - 1;
}

v6_number before(const v6_number& number) noexcept
{
    if (number[1] != 0) return {number[0], number[1] - 1};
    return number[0] == 0 ? v6_number{} : v6_number{number[0] - 1, all_ones};
}

/// Sorts them, and makes one of those that overlap or follow each other.
template <class Range>
void join(std::vector<Range>& all)
{
    std::ranges::sort(all, {}, &Range::first);
    std::size_t kept = 0;
    for (std::size_t i = 1; i < all.size(); ++i) {
        if (before(all[i].first) <= all[kept].last)
            all[kept].last = std::max(all[kept].last, all[i].last);
        else
            all[++kept] = all[i];
    }
    if (!all.empty()) all.resize(kept + 1);
    all.shrink_to_fit();
}

/// Whether a range has any number from `first` to `last`.
template <class Range, class Number>
bool meets(const std::vector<Range>& all, const Number& first, const Number& last) noexcept
{
    const auto behind = std::ranges::upper_bound(all, last, {}, &Range::first);
    return behind != all.begin() && std::prev(behind)->last >= first;
}

} // namespace

range_set::range_set(std::span<const network> nets)
{
    const auto of_v4 = static_cast<std::size_t>(
        std::ranges::count_if(nets, [](const network& net) { return net.address.is_v4(); }));
    v4_.reserve(of_v4);
    v6_.reserve(nets.size() - of_v4);
    for (const network& net : nets)
        if (net.address.is_v4())
            v4_.push_back({v4_of(net.address), last_v4(net)});
        else
            v6_.push_back({v6_of(net.address), last_v6(net)});
    join(v4_);
    join(v6_);
}

bool range_set::contains(const ip_address& address) const noexcept
{
    if (address.is_v4()) {
        const auto number = v4_of(address);
        return meets(v4_, number, number);
    }
    const auto number = v6_of(address);
    return meets(v6_, number, number);
}

bool range_set::overlaps(const network& net) const noexcept
{
    if (net.address.is_v4()) return meets(v4_, v4_of(net.address), last_v4(net));
    return meets(v6_, v6_of(net.address), last_v6(net));
}

} // namespace fendmail::feed
