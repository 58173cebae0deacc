// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/hit_rate.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>

namespace fendmail::dnsbl {

hit_rate::hit_rate(const hit_rate_limits& limits) noexcept
    : limits_{limits}
{
    FENDMAIL_ASSERT(limits.window > 0 && limits.window <= window_max);
}

void hit_rate::on_client(bool listed) noexcept
{
    if (held_ == limits_.window) {
        const bool oldest = listed_[at_];
        hits_ -= oldest ? 1 : 0;
        // A plain mean at first, then one that forgets.
        before_ = std::min(before_ + 1, limits_.memory);
        baseline_ += ((oldest ? 1.0 : 0.0) - baseline_) / static_cast<double>(before_);
    } else {
        ++held_;
    }
    listed_[at_] = listed;
    hits_ += listed ? 1 : 0;
    at_ = (at_ + 1) % limits_.window;
}

bool hit_rate::is_absurd() const noexcept
{
    return held_ == limits_.window && recent() >= limits_.absurd &&
           before_ >= limits_.baseline_min && baseline_ < limits_.baseline_max;
}

bool hit_rate::is_calm() const noexcept
{
    return 2 * held_ >= limits_.window && 2 * hits_ < held_;
}

void hit_rate::forget_window() noexcept
{
    listed_.reset();
    at_ = held_ = hits_ = 0;
}

double hit_rate::recent() const noexcept
{
    return held_ == 0 ? 0 : static_cast<double>(hits_) / static_cast<double>(held_);
}

} // namespace fendmail::dnsbl
