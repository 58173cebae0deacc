// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/screen/client_key.hpp"
#include "fendmail/core/screen/client_record.hpp"
#include "fendmail/io/store/allowlist_store.hpp"

#include <optional>

/// What is remembered of one client, under the network that stands for it: its address, for IPv6
/// `store.ipv6_prefix` bits of it. With `deep.ipv4_prefix` IPv4 neighbours also share what they
/// passed of the deep tests, in a record of their network.
///
/// Memory: two keys.
/// Errors: as those of the store, which tells them itself; then nothing is known.
/// Threads: one session's.
namespace fendmail::app {

class client_memory {
public:
    /// @param store outlives this
    client_memory(io::allowlist_store& store, const runtime_config& config,
                  const ip_address& client) noexcept;

    /// Passes that last longer from `now` on than any can are left out, here and of neighbours.
    [[nodiscard]] std::optional<screen::client_record> get(instant now) const noexcept;
    void put(const screen::client_record& record, instant now) const noexcept;
    /// It is new from now on, and what neighbours share with it is forgotten as well.
    void forget() const noexcept;

private:
    [[nodiscard]] std::optional<screen::client_record> load(const screen::client_key& key,
                                                            instant now) const noexcept;

    io::allowlist_store* store_;
    screen::client_key own_;
    std::optional<screen::client_key> neighbours_;
    screen::by_test<seconds> longest_passes_;
};

} // namespace fendmail::app
