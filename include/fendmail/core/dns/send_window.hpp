// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/round_trip.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>

/// How many questions may be on their way to a server at a time.
///
/// A datagram is lost for one of two reasons. A server, or the buffer in front of it, has more than
/// it can take: then fewer questions bring as many answers, and sending more only throws them away.
/// Or the way there loses a share of everything: then each question less is an answer less, and a
/// window that shrinks with every loss, as TCP's does, comes to nothing at 10 % of loss. The
/// difference shows in the answers: so the window grows while a larger one brings more of them, and
/// of two that bring as many it takes the smaller one.
///
/// Source: RFC 5681 §3.1 (slow start, restart after idleness); the comparison of neighbouring rates
/// by what they bring is that of PCC (Dong and others, NSDI 2015). Units: datagrams. Memory: some
/// 100 octets. Errors: none. Threads: one owner.
namespace fendmail::dns {

struct window_limits {
    std::size_t first = 16; ///< after a pause as well: what held a second ago may hold no more
    std::size_t least = 2;
    std::size_t most = 1024;
};

class send_window {
public:
    explicit send_window(const window_limits& limits = {}) noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// @param in_flight with this one
    void on_sent(std::size_t in_flight, tick now) noexcept;
    /// @param times of the server now
    void on_answer(const round_trip& times, tick now) noexcept;
    void on_loss(const round_trip& times, tick now) noexcept;
    /// What was taken for lost has come after all.
    void on_late_answer() noexcept;

private:
    /// What the window is doing.
    enum class stage : std::uint8_t {
        rising,  ///< one more for each answer
        holding, ///< one more now and then, while nothing is lost
        lower,   ///< tries whether a smaller one does as well
        higher,  ///< tries whether a larger one brings more
    };
    struct yield {
        double answers_per_second = 0;
        double lost = 0; ///< share
    };

    void on_result(const round_trip& times, tick now) noexcept;
    void judge(const yield& got) noexcept;
    void judge_rise(const yield& got) noexcept;
    void judge_hold(const yield& got) noexcept;
    void judge_lower(const yield& got) noexcept;
    void judge_higher(const yield& got) noexcept;
    void become(stage what, std::size_t size) noexcept;
    void begin_period(tick from) noexcept;
    [[nodiscard]] std::size_t bounded(double size) const noexcept;

    window_limits limits_;
    std::size_t size_;
    stage stage_ = stage::rising;
    // The period that is being measured.
    tick begun_{};
    std::size_t answers_ = 0;
    std::size_t losses_ = 0;
    bool is_full_ = false; ///< the window was what held questions back
    // What was before, to be held against.
    std::size_t before_size_ = 0;
    std::size_t size_at_begin_ = 0;
    double before_ = 0;      ///< answers a second
    double lost_before_ = 0; ///< share
    int flat_ = 0;           ///< periods in a row in which a larger window brought no more
    int calm_ = 0;           ///< periods until the next try of another size
    // What a loss of nearly everything has taken, until it is seen that it only was late.
    std::size_t undo_size_ = 0;
    std::size_t undo_losses_ = 0;
    std::size_t late_ = 0;
    bool has_tried_lower_ = false; ///< after a larger window brought nothing
    tick last_sent_{};
};

} // namespace fendmail::dns
