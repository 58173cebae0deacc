// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/observe/metrics.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

/// The last hour, minute by minute: what the counters were at the end of each minute, of which a
/// reader takes the differences. Nothing is counted twice for it.
///
/// Units: sessions and refused connections for each minute.
/// Memory: 60 samples of a hundred octets.
/// Errors: none. While the process was stopped or the clock stood still, minutes are longer.
/// Threads: one.
namespace fendmail::app {

class last_hour {
public:
    static constexpr std::size_t minutes = 60;
    static constexpr seconds step{60};

    struct point {
        std::array<std::uint64_t, metrics::verdict_count> verdicts{};
        std::uint64_t refused = 0; ///< connections, at a limit
    };

    /// Once a minute.
    void note(const metrics::totals& now);
    /// The oldest first; minutes before the start are 0, the last one is the one that runs.
    [[nodiscard]] std::array<point, minutes> points(const metrics::totals& now) const;

private:
    [[nodiscard]] static point sample_of(const metrics::totals& from) noexcept;

    std::deque<point> samples_; ///< sums at the ends of minutes, the oldest first
};

} // namespace fendmail::app
