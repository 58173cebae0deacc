// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/throttle/meter.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <optional>
#include <unordered_map>

/// How many lookups the clients of one network may have, and which one stands for the others.
///
/// A /24 has 256 addresses, so no sender needs more than `lookups_of_network` at once, and what was
/// found is kept for the TTL of the lists' answers; one that needs as many again every minute
/// changes its addresses without end. One IPv6 /64 is one host, and lists know whole /64s: beyond
/// the budget its clients share the lookup of one of them. IPv4 neighbours are not each other: they
/// wait.
///
/// Units: lookups; steady time.
/// Memory: 32 octets for each of `networks_max` networks, and some 60 for each of those beyond
/// their budget, of which there are at most `shared_max`. Errors: none. Threads: one worker. An
/// IPv4 /24 is spread over all workers, each with a budget of its own.
namespace fendmail::io {

class network_budgets {
public:
    static constexpr budget lookups_of_network{256, milliseconds{60'000}};
    static constexpr std::size_t networks_max = 16'384;
    static constexpr std::size_t shared_max = 4'096;
    /// So long at least a lookup is shared, however it ended.
    static constexpr seconds shared_spacing{5};

    struct representative_client {
        ip_address who;
        tick until{}; ///< no other one before
    };

    network_budgets();

    /// One more lookup may begin.
    [[nodiscard]] bool take(const network& of, tick now) noexcept { return meter_.take(of, now); }
    /// When that will be so.
    [[nodiscard]] tick free_at(const network& of, tick now) const noexcept
    {
        return meter_.free_at(of, now);
    }

    /// The client that stands for all clients of a network that are beyond its budget.
    [[nodiscard]] std::optional<representative_client> representative(const network& of) const;
    void name_representative(const network& of, const ip_address& who, tick now);

private:
    struct network_hash {
        std::size_t operator()(const network& of) const noexcept
        {
            return std::hash<ip_address>{}(of.address) ^ of.prefix_length;
        }
    };

    throttle::meter meter_;
    std::unordered_map<network, representative_client, network_hash> shared_;
};

} // namespace fendmail::io
