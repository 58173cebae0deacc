// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/throttle/meter.hpp"

#include <algorithm>

namespace fendmail::throttle {

meter::meter(const budget& each, std::size_t places, const seed& secret)
    : each_{each}
    , secret_{secret}
    , places_(each.is_off() ? 0 : std::max(places / group_size, std::size_t{2}) * group_size)
{
}

bool meter::take(const network& of, tick now) noexcept
{
    if (each_.is_off()) return true;
    // A network that is not kept has all of its budget, and is kept as soon as it takes some.
    return place_for(of, now).spent.take(each_, now);
}

bool meter::press(const network& of, tick now) noexcept
{
    if (each_.is_off()) return true;
    return place_for(of, now).spent.press(each_, now);
}

tick meter::free_at(const network& of, tick now) const noexcept
{
    const place* const kept = find(of, now);
    return kept == nullptr ? now : kept->spent.free_at(each_, now);
}

std::size_t meter::busy(tick now) const noexcept
{
    return static_cast<std::size_t>(
        std::ranges::count_if(places_, [now](const place& p) { return !p.spent.is_idle(now); }));
}

std::array<std::size_t, 2> meter::groups_of(const network& of) const noexcept
{
    const std::uint64_t found = sip_hash(of, secret_);
    const std::size_t groups = places_.size() / group_size;
    const std::size_t first = scaled(found, groups);
    std::size_t second = scaled(found >> 32, groups - 1);
    if (second >= first) ++second; // another group than the first
    return {first * group_size, second * group_size};
}

const meter::place* meter::find(const network& of, tick now) const noexcept
{
    if (places_.empty()) return nullptr;
    for (const std::size_t group : groups_of(of))
        for (std::size_t i = group; i < group + group_size; ++i)
            if (!places_[i].spent.is_idle(now) && places_[i].of == of) return &places_[i];
    return nullptr;
}

meter::place& meter::place_for(const network& of, tick now) noexcept
{
    std::array<std::size_t, 2> idle{}; // in either group
    std::array<place*, 2> first{};     // to be idle, of either group
    const auto groups = groups_of(of);
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (std::size_t i = groups[g]; i < groups[g] + group_size; ++i) {
            place& one = places_[i];
            const bool is_idle = one.spent.is_idle(now);
            if (!is_idle && one.of == of) return one;
            if (is_idle) ++idle[g];
            if (first[g] == nullptr || one.spent.idle_at() < first[g]->spent.idle_at())
                first[g] = &one;
        }
    // Into the emptier group: with two to choose from, hardly any is full before most are.
    place* chosen = idle[1] > idle[0] ? first[1] : first[0];
    if (idle[0] == 0 && idle[1] == 0) {
        chosen = first[1]->spent.idle_at() < first[0]->spent.idle_at() ? first[1] : first[0];
        ++evicted_busy_;
    }
    *chosen = {of, {}};
    return *chosen;
}

} // namespace fendmail::throttle
