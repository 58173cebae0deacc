// SPDX-License-Identifier: Apache-2.0
#include "list_watch.hpp"

#include <algorithm>
#include <utility>

namespace fendmail::io {

list_monitors::list_monitors(const list_monitor::surroundings& with,
                             std::shared_ptr<const dnsbl::site_set> sites,
                             std::shared_ptr<list_states> states)
    : sites_{std::move(sites)}
    , states_{std::move(states)}
{
    auto around = with;
    around.states = states_.get();
    for (std::size_t zone = 0; zone < sites_->zones.size(); ++zone)
        keepers_.push_back(std::make_unique<list_monitor>(around, *sites_, zone));
}

bool list_monitors::is_new(const ip_address& client) noexcept
{
    if (std::ranges::find(latest_, client) != latest_.end()) return false;
    latest_[next_latest_] = client;
    next_latest_ = (next_latest_ + 1) % latest_.size();
    return true;
}

} // namespace fendmail::io
