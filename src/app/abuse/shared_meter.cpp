// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/abuse/shared_meter.hpp"

#include <algorithm>
#include <chrono>

namespace fendmail::app {

namespace {

using unit = std::chrono::duration<std::int64_t, std::ratio<1, 32000>>;
constexpr unsigned time_bits = 36;
constexpr std::uint64_t time_mask = (std::uint64_t{1} << time_bits) - 1;
/// Of a place that others change all the time.
constexpr int attempts_max = 64;

/// How far `at` lies ahead of `now`, 0 when it does not, or seems to from another turn of the
/// clock.
std::uint64_t ahead(std::uint64_t at, std::uint64_t now, std::uint64_t full) noexcept
{
    const std::uint64_t span = (at - now) & time_mask;
    return span <= full ? span : 0;
}

} // namespace

shared_meter::shared_meter(const budget& each, std::size_t places,
                           const throttle::hash_seed& secret, tick now)
    : each_{each}
    , secret_{secret}
    , epoch_{now}
{
    if (each_.is_off()) return;
    const auto interval = std::chrono::round<unit>(each_.interval());
    interval_ = static_cast<word>(std::max<std::int64_t>(interval.count(), 1));
    full_ = interval_ * each_.count;
    groups_ = std::max<std::size_t>(places / group_size, 1);
    places_ = std::make_unique<std::atomic<word>[]>(groups_ * group_size);
}

shared_meter::word shared_meter::units_at(tick now) const noexcept
{
    // From 1 on: 0 is what a free place holds.
    return static_cast<word>(std::chrono::floor<unit>(now - epoch_).count() + 1) & time_mask;
}

bool shared_meter::press(const network& of, tick now) noexcept
{
    if (each_.is_off()) return true;
    const word hash = throttle::sip_hash(of, secret_);
    auto* const group = &places_[throttle::scaled(hash, groups_) * group_size];
    const word tag = hash & ~time_mask;
    const word time = units_at(now);
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        std::size_t chosen = 0;
        word seen = 0;
        word left = 0; ///< of its budget until it is free
        bool is_known = false;
        for (std::size_t i = 0; i < group_size && !is_known; ++i) {
            const word one = group[i].load(std::memory_order_relaxed);
            const word its = one == 0 ? 0 : ahead(one & time_mask, time, full_);
            is_known = one != 0 && (one & ~time_mask) == tag;
            if (i != 0 && !is_known && its >= left) continue;
            chosen = i;
            seen = one;
            left = its;
        }
        const word before = is_known ? left : 0;
        const bool is_free = before + interval_ <= full_;
        const word after = (time + std::min(before + interval_, full_)) & time_mask;
        if (!group[chosen].compare_exchange_weak(seen, tag | after, std::memory_order_relaxed))
            continue;
        if (!is_known && left != 0) evicted_.fetch_add(1, std::memory_order_relaxed);
        return is_free;
    }
    return true;
}

} // namespace fendmail::app
