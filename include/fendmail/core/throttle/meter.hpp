// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/throttle/budget.hpp"
#include "fendmail/core/throttle/sip_hash.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

/// One budget for each of many networks, in a table that never grows.
///
/// Each network may stand in one of two groups of eight places, which a hash with a secret seed
/// picks (SipHash-1-3, Aumasson and Bernstein 2012), so that no client can choose addresses that
/// meet in one group. A place whose spending is idle is free. Where both groups are full, the one
/// that will be idle first gives way.
///
/// What an attacker can do: with more networks than places he makes others give way, and one
/// that gave way has its whole budget again. So a network gets at most its budget and one burst
/// more for each time it gave way, and evicted_busy() counts these. But what gives way is the one
/// with the least still spent: a flood of networks that take one each pushes out its own kind, and
/// one that has spent everything stays until less than one of it is left. To free one busy
/// network he needs sixteen that are busier, and not to know where.
/// Units: steady time.
/// Memory: 32 octets for each place, all of them at the start.
/// Errors: none.
/// Threads: one owner.
namespace fendmail::throttle {

class meter {
public:
    using seed = hash_seed;

    /// @param each the budget of every network; one that is off allows everything and keeps nothing
    /// @param places how many networks are kept at most; at least 16, rounded down to a multiple
    /// of 8
    /// @param secret random, and never told
    meter(const budget& each, std::size_t places, const seed& secret);

    /// Takes one of the network's budget if there is one. What is refused costs nothing.
    [[nodiscard]] bool take(const network& of, tick now) noexcept;
    /// The same, and what is refused counts as well: see spending::press().
    [[nodiscard]] bool press(const network& of, tick now) noexcept;
    /// When take() will succeed again; `now` when it would now.
    [[nodiscard]] tick free_at(const network& of, tick now) const noexcept;

    [[nodiscard]] const budget& each() const noexcept { return each_; }
    [[nodiscard]] std::size_t places() const noexcept { return places_.size(); }
    /// Networks that are not idle. Looks at every place.
    [[nodiscard]] std::size_t busy(tick now) const noexcept;
    /// How often a network gave way before its budget was free again.
    [[nodiscard]] std::uint64_t evicted_busy() const noexcept { return evicted_busy_; }

private:
    static constexpr std::size_t group_size = 8;
    struct place {
        network of;
        spending spent;
    };
    static_assert(sizeof(place) <= 32);

    /// The first places of both groups of a network.
    [[nodiscard]] std::array<std::size_t, 2> groups_of(const network& of) const noexcept;
    [[nodiscard]] const place* find(const network& of, tick now) const noexcept;
    [[nodiscard]] place& place_for(const network& of, tick now) noexcept;

    budget each_;
    seed secret_;
    std::vector<place> places_;
    std::uint64_t evicted_busy_ = 0;
};

} // namespace fendmail::throttle
