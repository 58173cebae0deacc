// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/ban_table.hpp"

#include <utility>

namespace fendmail::abuse {

void ban_table::put(const network& who, ban what)
{
    const auto [at, is_new] = bans_.try_emplace(who);
    at->second = std::move(what);
    if (is_new) ++used(who.address)[who.prefix_length];
}

void ban_table::remove(const network& who) noexcept
{
    if (bans_.erase(who) != 0) --used(who.address)[who.prefix_length];
}

std::optional<ban_table::found> ban_table::find(const ip_address& client,
                                                instant now) const noexcept
{
    if (bans_.empty()) return std::nullopt;
    const auto& lengths_used = client.is_v4() ? used_v4_ : used_v6_;
    for (unsigned bits = client.bits() + 1; bits-- > 0;) {
        if (lengths_used[bits] == 0) continue;
        const network who = network_of(client, bits);
        const auto at = bans_.find(who);
        if (at != bans_.end() && at->second.until > now) return found{who, &at->second};
    }
    return std::nullopt;
}

} // namespace fendmail::abuse
