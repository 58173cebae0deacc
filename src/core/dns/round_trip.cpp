// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/round_trip.hpp"

#include <algorithm>

namespace fendmail::dns {

void round_trip::on_sample(tick_span took) noexcept
{
    // What is longer says no more, and one such sample must not be felt for a minute.
    const auto sample = std::clamp(std::chrono::duration_cast<micros>(took), micros{0},
                                   micros{2 * limits_.longest});
    if (!known_) {
        known_ = true;
        smoothed_ = sample;
        deviation_ = sample / 2;
        return;
    }
    const auto off = sample > smoothed_ ? sample - smoothed_ : smoothed_ - sample;
    deviation_ += (off - deviation_) / 4;
    smoothed_ += (sample - smoothed_) / 8;
}

tick_span round_trip::smoothed() const noexcept
{
    return known_ ? tick_span{smoothed_} : tick_span{limits_.unknown} / 2;
}

tick_span round_trip::usual() const noexcept
{
    return known_ ? tick_span{smoothed_ + 2 * deviation_} : tick_span{limits_.unknown} / 2;
}

tick_span round_trip::timeout() const noexcept
{
    if (!known_) return limits_.unknown;
    return std::clamp<tick_span>(smoothed_ + 4 * deviation_, limits_.shortest, limits_.longest);
}

} // namespace fendmail::dns
