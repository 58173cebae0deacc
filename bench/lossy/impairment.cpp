// SPDX-License-Identifier: Apache-2.0
#include "lossy/impairment.hpp"

#include <algorithm>

namespace fendmail::lossy {

namespace {

/// A server takes what comes within 50 ms in one go: that is about what its buffer holds.
double depth(std::uint32_t rate)
{
    return std::max(1.0, static_cast<double>(rate) / 20);
}

} // namespace

impairment::impairment(const conditions& wanted, std::uint32_t seed)
    : conditions_{wanted}
    , random_{seed}
    , tokens_{depth(wanted.rate)}
{
}

bool impairment::happens(double percent)
{
    // Always drawn, so that what happens to one datagram does not hang on settings of others.
    return std::uniform_real_distribution<double>{0, 100}(random_) < percent;
}

bool impairment::is_over_rate(clock::time_point now)
{
    if (conditions_.rate == 0) return false;
    if (filled_ != clock::time_point{}) {
        const std::chrono::duration<double> passed = now - filled_;
        tokens_ += passed.count() * conditions_.rate;
    }
    filled_ = now;
    tokens_ = std::min(tokens_, depth(conditions_.rate));
    if (tokens_ < 1) return true;
    tokens_ -= 1;
    return false;
}

fate impairment::carried(milliseconds delay)
{
    fate found{.copies = 1, .delays = {delay, delay}};
    if (happens(conditions_.reordered)) found.delays[0] += conditions_.reorder_by;
    if (happens(conditions_.duplicated)) found.copies = 2;
    return found;
}

fate impairment::of_question(clock::time_point now)
{
    if (happens(conditions_.lost_questions)) return {};
    if (is_over_rate(now)) return {.was_over_rate = true};
    return carried(milliseconds{0});
}

fate impairment::of_answer()
{
    if (happens(conditions_.lost_answers)) return {};
    return carried(conditions_.delay);
}

} // namespace fendmail::lossy
