// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/silence.hpp"

#include <algorithm>

namespace fendmail::dns {

void silence::on_sent(tick now) noexcept
{
    since_ = std::min(since_, now);
    ++tries_;
}

void silence::on_heard(tick) noexcept
{
    state_ = state::heard;
    since_ = tick::max();
    tries_ = refusals_ = 0;
    next_probe_ = {};
}

void silence::on_refused(tick now) noexcept
{
    ++refusals_;
    look(now);
}

void silence::look(tick now) noexcept
{
    if (since_ == tick::max() || state_ == state::gone) return;
    const auto quiet = now - since_;
    const bool silent = quiet >= limits_.gone_after && tries_ >= limits_.tries_min;
    const bool refused = quiet >= limits_.refused_after && refusals_ >= limits_.refusals_min;
    if (silent || refused)
        state_ = state::gone;
    else if (quiet >= limits_.suspect_after || refusals_ > 0)
        state_ = state::suspect;
}

bool silence::take_probe(tick now) noexcept
{
    if (!is_suspect() || now < next_probe_) return false;
    next_probe_ = now + (is_gone() ? limits_.probe_spacing_gone : limits_.probe_spacing);
    ++tries_;
    return true;
}

tick silence::next_look() const noexcept
{
    if (since_ == tick::max()) return tick::max();
    if (is_suspect()) return next_probe_;
    return since_ + limits_.suspect_after;
}

} // namespace fendmail::dns
