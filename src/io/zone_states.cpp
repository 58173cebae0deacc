// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/zone_states.hpp"

#include <algorithm>
#include <iterator>

namespace fendmail::io {

zone_states::zone_states(const dnsbl::site_set& sites)
    : zones_(sites.zones.size())
    , resolvers_(sites.zones.size())
{
    for (std::size_t i = 0; i < zones_.size(); ++i) {
        const auto first = std::ranges::find(sites.zones, sites.zones[i].resolvers,
                                             &dnsbl::site_set::zone_entry::resolvers);
        zones_[i].resolver = static_cast<std::size_t>(std::distance(sites.zones.begin(), first));
    }
}

bool zone_states::shared_trouble::leave() noexcept
{
    return workers.fetch_sub(1) == 1 && told.exchange(false);
}

bool zone_states::is_suspended(std::size_t zone) const noexcept
{
    return zones_[zone].trouble.workers.load(std::memory_order_relaxed) != 0;
}

void zone_states::suspend(std::size_t zone) noexcept
{
    zones_[zone].trouble.workers.fetch_add(1);
}

bool zone_states::restore(std::size_t zone) noexcept
{
    return zones_[zone].trouble.leave();
}

bool zone_states::tell(std::size_t zone) noexcept
{
    return !zones_[zone].trouble.told.exchange(true);
}

zone_states::shared_trouble& zone_states::trouble_of(resolver_trouble what,
                                                     std::size_t zone) noexcept
{
    return resolvers_[zones_[zone].resolver][static_cast<std::size_t>(what)];
}

void zone_states::enter(resolver_trouble what, std::size_t zone) noexcept
{
    trouble_of(what, zone).workers.fetch_add(1);
}

bool zone_states::leave(resolver_trouble what, std::size_t zone) noexcept
{
    return trouble_of(what, zone).leave();
}

bool zone_states::tell(resolver_trouble what, std::size_t zone) noexcept
{
    return !trouble_of(what, zone).told.exchange(true);
}

bool zone_states::tell_missing_entry(std::size_t zone) noexcept
{
    return !zones_[zone].told_missing_entry.exchange(true);
}

} // namespace fendmail::io
