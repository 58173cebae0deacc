// SPDX-License-Identifier: Apache-2.0
#include "network_budgets.hpp"

#include <cstdlib>

namespace fendmail::io {
namespace {

throttle::meter::seed secret()
{
    throttle::meter::seed seed{};
    arc4random_buf(seed.data(), sizeof seed);
    return seed;
}

} // namespace

network_budgets::network_budgets()
    : meter_{lookups_of_network, networks_max, secret()}
{
}

std::optional<network_budgets::representative_client>
network_budgets::representative(const network& of) const
{
    const auto found = shared_.find(of);
    if (found == shared_.end()) return std::nullopt;
    return found->second;
}

void network_budgets::name_representative(const network& of, const ip_address& who, tick now)
{
    // An attacker that makes so many networks spend all they have gains one lookup for each.
    if (shared_.size() >= shared_max && !shared_.contains(of)) shared_.erase(shared_.begin());
    shared_[of] = {who, now + shared_spacing};
}

} // namespace fendmail::io
