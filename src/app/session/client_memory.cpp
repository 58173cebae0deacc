// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/session/client_memory.hpp"

namespace fendmail::app {

namespace {

constexpr unsigned whole_ipv4 = 32;

} // namespace

client_memory::client_memory(io::allowlist_store& store, const runtime_config& config,
                             const ip_address& client) noexcept
    : store_{&store}
    , own_{client, whole_ipv4, config.store.ipv6_prefix}
    , longest_passes_{config.screening.longest_passes()}
{
    if (client.is_v4() && config.deep.ipv4_prefix < whole_ipv4)
        neighbours_.emplace(client, config.deep.ipv4_prefix);
}

std::optional<screen::client_record> client_memory::load(const screen::client_key& key,
                                                         instant now) const noexcept
{
    auto found = store_->get(key);
    if (found) *found = screen::without_impossible(*found, longest_passes_, now);
    return found;
}

std::optional<screen::client_record> client_memory::get(instant now) const noexcept
{
    const auto own = load(own_, now);
    if (!neighbours_) return own;
    const auto shared = load(*neighbours_, now);
    if (!shared) return own;
    return screen::with_deep_passes(own.value_or(screen::client_record{}), *shared);
}

void client_memory::put(const screen::client_record& record, instant now) const noexcept
{
    store_->put(own_, record);
    if (!neighbours_) return;
    const auto before = load(*neighbours_, now);
    const auto after = screen::with_deep_passes(before.value_or(screen::client_record{}), record);
    if (after != before.value_or(screen::client_record{})) store_->put(*neighbours_, after);
}

void client_memory::forget() const noexcept
{
    // A record of which nothing is known; the next sweep removes it.
    store_->put(own_, screen::client_record{});
    if (neighbours_ && store_->get(*neighbours_))
        store_->put(*neighbours_, screen::client_record{});
}

} // namespace fendmail::app
