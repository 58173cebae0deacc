// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/round_trip.hpp"
#include "fendmail/core/dns/send_window.hpp"

#include <chrono>
#include <cstddef>

/// What is known of the way to one server for the questions of one group: its times, its window,
/// and how much is lost.
///
/// Units: datagrams; steady time; loss as a share.
/// Memory: some 200 octets.
/// Errors: none.
/// Threads: one owner.
namespace fendmail::dns {

struct flow {
    flow(const round_trip_limits& of_times, const window_limits& of_window) noexcept
        : times{of_times}
        , window{of_window}
    {
    }

    [[nodiscard]] bool has_room() const noexcept { return in_flight < window.size(); }
    [[nodiscard]] std::size_t room() const noexcept
    {
        return has_room() ? window.size() - in_flight : 0;
    }
    /// How long an answer takes on the average, tries that are lost included.
    [[nodiscard]] std::chrono::duration<double> expected() const noexcept
    {
        const std::chrono::duration<double> answer = times.smoothed();
        const std::chrono::duration<double> timeout = times.timeout();
        return answer + timeout * (loss / (1.05 - loss));
    }
    /// One result more: a share that forgets what is 16 results old.
    void note_loss(bool is_lost) noexcept { loss += ((is_lost ? 1.0 : 0.0) - loss) / 16; }

    round_trip times;
    send_window window;
    std::size_t in_flight = 0; ///< sent, and neither answered nor taken for lost
    double loss = 0;
    /// Losses since the latest answer. They are the way's once there is another answer; until then
    /// it may be that the list is silent.
    std::size_t unexplained = 0;
    tick last_answer{};
};

} // namespace fendmail::dns
