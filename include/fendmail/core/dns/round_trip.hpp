// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <chrono>

/// How long a server takes to answer, and how long to wait for it before a datagram is taken for
/// lost.
///
/// Source: RFC 6298 §2 (smoothed round trip time plus four times its deviation). Every try has an
/// id and a port of its own, so an answer always belongs to one try and Karn's rule (§3) is not
/// needed. Units: microseconds inside; steady time outside. Memory: a few words. Errors: none.
/// Threads: one owner.
namespace fendmail::dns {

struct round_trip_limits {
    milliseconds shortest{50};  ///< our own loop may read an answer some 10 ms late
    milliseconds longest{2000}; ///< lists that are slower than that are asked again for nothing
    milliseconds unknown{400};  ///< before the first answer
};

class round_trip {
public:
    constexpr explicit round_trip(const round_trip_limits& limits = {}) noexcept
        : limits_{limits}
    {
    }

    void on_sample(tick_span took) noexcept;

    [[nodiscard]] bool is_known() const noexcept { return known_; }
    /// The smoothed time; half of the time-out while nothing is known.
    [[nodiscard]] tick_span smoothed() const noexcept;
    /// Most answers have come by then; what is later is worth a question to another server.
    [[nodiscard]] tick_span usual() const noexcept;
    /// The retransmission time.
    [[nodiscard]] tick_span timeout() const noexcept;

private:
    using micros = std::chrono::microseconds;

    round_trip_limits limits_;
    micros smoothed_{0};
    micros deviation_{0};
    bool known_ = false;
};

} // namespace fendmail::dns
