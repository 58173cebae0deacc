// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/send_window.hpp"

#include <algorithm>
#include <chrono>

namespace fendmail::dns {
namespace {

/// Fewer results say nothing, and where some are lost it takes more of them to tell a change from
/// chance. Our own loop may look for answers only every 10 ms.
constexpr std::size_t results_min = 20;
constexpr std::size_t results_min_lossy = 48;
constexpr milliseconds period_min{20};
/// So long without a question, and the window begins anew.
constexpr milliseconds pause{1000};
/// Less is lost on any path now and then.
constexpr double some_loss = 0.02;
/// So much more of it comes with a larger window, and the window is to blame.
constexpr double more_loss = 0.15;
/// Where more is lost, too much is asked, by us or by others: several windows that share what a
/// server can take would otherwise outbid each other without end.
constexpr double too_much_loss = 0.75;
/// Where more is lost, a smaller window is tried before a larger one.
constexpr double high_loss = 0.65;

constexpr double rise_at_least = 1.2; ///< a rising window brings so many times as many answers
constexpr double lower_by = 0.75;
constexpr double lower_keeps = 0.9;
constexpr double higher_by = 1.5;
constexpr double higher_brings = 1.15;
constexpr int flat_max = 2; ///< periods in which a rising window brings nothing
constexpr int calm_after_change = 1;
constexpr int calm_after_failure = 4;

} // namespace

send_window::send_window(const window_limits& limits) noexcept
    : limits_{limits}
    , size_{limits.first}
    , before_size_{limits.first}
    , size_at_begin_{limits.first}
{
}

void send_window::on_sent(std::size_t in_flight, tick now) noexcept
{
    if (in_flight <= 1 && now - last_sent_ > pause) {
        become(stage::rising, std::min(size_, limits_.first));
        before_ = lost_before_ = 0;
        undo_size_ = undo_losses_ = 0;
        begin_period(now);
    }
    last_sent_ = now;
    if (in_flight >= size_) is_full_ = true;
}

void send_window::on_answer(const round_trip& times, tick now) noexcept
{
    // At most twice as many from one period to the next, or a fast server's buffer would overflow
    // before it can be seen that it brings nothing.
    if (stage_ == stage::rising && is_full_)
        size_ = std::min({size_ + 1, limits_.most, 2 * size_at_begin_});
    if (now >= begun_) ++answers_;
    on_result(times, now);
}

void send_window::on_loss(const round_trip& times, tick now) noexcept
{
    if (now >= begun_) ++losses_;
    on_result(times, now);
}

void send_window::on_late_answer() noexcept
{
    // A server, or this process, that had no time for a moment: nothing was lost after all.
    if (undo_losses_ > 0 && ++late_ >= (undo_losses_ + 1) / 2) {
        if (undo_size_ > size_) become(stage::holding, undo_size_);
        undo_size_ = undo_losses_ = 0;
    }
    if (losses_ == 0) return;
    --losses_;
    ++answers_;
}

void send_window::on_result(const round_trip& times, tick now) noexcept
{
    const auto span = now - begun_;
    const std::size_t enough = losses_ > 1 ? results_min_lossy : results_min;
    if (answers_ + losses_ < std::max(size_at_begin_, enough)) return;
    if (span < std::max<tick_span>(times.smoothed(), period_min)) return;
    const bool was_limit = is_full_;
    const auto before = stage_;
    const std::size_t size_before = size_;
    const auto all = static_cast<double>(answers_ + losses_);
    // Where something else held questions back, the answers say nothing about the window.
    if (was_limit)
        judge({static_cast<double>(answers_) / std::chrono::duration<double>(span).count(),
               static_cast<double>(losses_) / all});
    else if (stage_ == stage::lower || stage_ == stage::higher)
        become(stage::holding, before_size_);
    // What is under way was sent under the old size.
    const bool has_jumped = stage_ != stage::rising && (stage_ != before || size_ != size_before);
    begin_period(has_jumped ? now + times.timeout() : now);
}

void send_window::judge(const yield& got) noexcept
{
    if (got.lost > too_much_loss) {
        before_ = 0;
        calm_ = calm_after_change;
        if (size_ > undo_size_) undo_size_ = size_;
        undo_losses_ = losses_;
        late_ = 0;
        return become(stage::holding, bounded(0.5 * static_cast<double>(size_)));
    }
    switch (stage_) {
    case stage::rising: return judge_rise(got);
    case stage::holding: return judge_hold(got);
    case stage::lower: return judge_lower(got);
    case stage::higher: return judge_higher(got);
    }
}

void send_window::judge_rise(const yield& got) noexcept
{
    const bool brings_more = got.answers_per_second >= rise_at_least * before_;
    flat_ = brings_more ? 0 : flat_ + 1;
    const bool is_first = before_ == 0;
    if (is_first) lost_before_ = got.lost;
    if (!brings_more && (got.lost > high_loss || flat_ >= flat_max)) {
        calm_ = calm_after_change;
        before_ = std::max(before_, got.answers_per_second);
        return become(stage::holding, got.lost > some_loss ? before_size_ : size_);
    }
    if (!brings_more) return;
    before_ = got.answers_per_second;
    before_size_ = size_at_begin_;
    lost_before_ = std::min(lost_before_, got.lost);
}

void send_window::judge_hold(const yield& got) noexcept
{
    before_ = got.answers_per_second;
    before_size_ = size_;
    lost_before_ = got.lost;
    // Small and without loss: that is no place to be careful.
    if (got.lost <= some_loss && size_ < limits_.first) return become(stage::rising, size_);
    if (--calm_ > 0) return;
    const bool can_shrink = size_ > limits_.least;
    if (got.lost > high_loss && can_shrink)
        become(stage::lower, bounded(lower_by * static_cast<double>(size_)));
    else
        become(stage::higher, bounded(higher_by * static_cast<double>(size_)));
}

void send_window::judge_lower(const yield& got) noexcept
{
    if (got.answers_per_second >= lower_keeps * before_) {
        calm_ = calm_after_change;
        has_tried_lower_ = false;
        return become(stage::holding, size_);
    }
    // What is lost is lost at any rate.
    if (has_tried_lower_) {
        has_tried_lower_ = false;
        calm_ = calm_after_failure;
        return become(stage::holding, before_size_);
    }
    become(stage::higher, bounded(higher_by * static_cast<double>(before_size_)));
}

void send_window::judge_higher(const yield& got) noexcept
{
    const bool loses_more = got.lost > lost_before_ + more_loss;
    if (got.answers_per_second >= higher_brings * before_ && !loses_more) {
        before_ = got.answers_per_second;
        before_size_ = size_;
        lost_before_ = got.lost;
        return become(stage::rising, size_);
    }
    // It brings nothing and something is lost: then perhaps a smaller one does as well.
    if (got.lost > some_loss && before_size_ > limits_.least && !has_tried_lower_) {
        has_tried_lower_ = true;
        return become(stage::lower, bounded(lower_by * static_cast<double>(before_size_)));
    }
    has_tried_lower_ = false;
    calm_ = calm_after_failure;
    become(stage::holding, before_size_);
}

void send_window::become(stage what, std::size_t size) noexcept
{
    if (what == stage::rising) flat_ = 0;
    stage_ = what;
    size_ = size;
}

void send_window::begin_period(tick from) noexcept
{
    begun_ = from;
    answers_ = losses_ = 0;
    is_full_ = false;
    size_at_begin_ = size_;
}

std::size_t send_window::bounded(double size) const noexcept
{
    return std::clamp(static_cast<std::size_t>(size), limits_.least, limits_.most);
}

} // namespace fendmail::dns
