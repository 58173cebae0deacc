// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/throttle/budget.hpp"
#include "fendmail/core/throttle/sip_hash.hpp"
#include "fendmail/core/time.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

/// One budget for each of many networks, counted by all workers together: the clients of a network
/// meet different workers (io/net/steering), and each of them sees only its own.
///
/// As throttle::meter, what is refused counts as well (spending::press). Each network has one word
/// in a group of eight that a seeded hash picks: 28 bits of the hash, and when its budget will be
/// free again, modulo 24 days. So another network is taken for it once in thirty million times, and
/// one that has been idle for 24 days may be counted once too often.
/// Of a full group the one gives way that will be free first; with networks that come once an
/// attacker pushes out his own kind.
/// Units: steady time, in steps of 31.25 µs; budgets of at most `per_second_max` a second.
/// Memory: 8 octets for each place, all of them at the start.
/// Errors: none; where many threads press one place it counts one less, after many attempts.
/// Threads: any, without a lock.
namespace fendmail::app {

class shared_meter {
public:
    static constexpr std::uint32_t per_second_max = 1000;
    static constexpr milliseconds per_max = std::chrono::days{1};

    /// @param places at least 8; rounded down to a multiple of 8
    shared_meter(const budget& each, std::size_t places, const throttle::hash_seed& secret,
                 tick now);

    /// Takes one of the network's budget. @return false when there is none
    [[nodiscard]] bool press(const network& of, tick now) noexcept;
    [[nodiscard]] const budget& each() const noexcept { return each_; }
    /// How often a network gave way before its budget was free again.
    [[nodiscard]] std::uint64_t evicted_busy() const noexcept { return evicted_.load(); }

private:
    using word = std::uint64_t;
    static constexpr std::size_t group_size = 8;

    [[nodiscard]] word units_at(tick now) const noexcept;

    budget each_;
    throttle::hash_seed secret_;
    tick epoch_;
    word interval_ = 0; ///< in units
    word full_ = 0;
    std::size_t groups_ = 0;
    std::unique_ptr<std::atomic<word>[]> places_;
    std::atomic<std::uint64_t> evicted_{0};
};

} // namespace fendmail::app
