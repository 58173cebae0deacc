// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/zone_health.hpp"

#include <algorithm>
#include <utility>

namespace fendmail::dnsbl {
namespace {

// A wave of bots is listed up to the last one, and most of what connects to a public mail server
// is bots anyway: 60 to 90 % of the clients of one are listed by the best lists on a quiet day. So
// only a leap to (nearly) all of them, on a list that used to know fewer than 60 %, is suspicious;
// and being suspicious leads to a test and not to a verdict.
constexpr hit_rate_limits all_limits{
    .window = 50, .absurd = 0.95, .baseline_max = 0.60, .baseline_min = 100, .memory = 500};

} // namespace

health_timing timing_for(milliseconds interval) noexcept
{
    health_timing timing;
    timing.interval = interval;
    timing.retry_min = std::min(timing.retry_min, interval);
    timing.retry_max = std::min(timing.retry_max, interval);
    timing.spacing = std::min(timing.spacing, interval);
    return timing;
}

zone_health::zone_health(const site_set::zone_entry& zone, const health_timing& timing) noexcept
    : zone_{&zone}
    , timing_{timing}
    , retry_{timing.retry_min}
    , has_entry_{zone.entry == test_entry::there}
    , clients_{all_limits}
{
}

void zone_health::on_client(bool listed, tick now) noexcept
{
    clients_.on_client(listed);
    const bool is_absurd = clients_.is_absurd();
    if (!is_absurd) told_wave_ = false;
    if (is_absurd && !told_wave_) test_soon(now);
}

void zone_health::on_known_client(const ip_address& client, bool listed, tick now) noexcept
{
    on_client(listed, now);
    known_clients_.on_client(client, listed);
    if (!known_clients_.spares()) {
        told_known_ = false;
        return;
    }
    if (std::exchange(told_known_, true)) return;
    remark_ = health_remark::known;
    test_soon(now);
}

void zone_health::on_failure(tick now) noexcept
{
    test_soon(now);
}

void zone_health::on_odd_answer(tick now) noexcept
{
    test_soon(now);
}

void zone_health::on_test_begun(tick now) noexcept
{
    test_begun_ = now;
    next_test_ = tick::max();
}

health_change zone_health::on_test(const test_replies& replies, tick now) noexcept
{
    const auto entry = replies[test_question::entry];
    if (entry == test_reply::listed && zone_->entry != test_entry::untested) has_entry_ = true;
    const bool was_silent = trouble_ == zone_trouble::silent;
    const auto found = judge(replies, *zone_, has_entry_, was_silent);
    if (found == zone_trouble::none) note_wave();

    if (found == zone_trouble::none && entry == test_reply::unlisted && !missed_entry_ &&
        zone_->entry == test_entry::unknown && may_list_clients()) {
        missed_entry_ = true;
        remark_ = health_remark::no_entry;
    }
    const auto change = set_trouble(found, now);
    if (!is_good() && change == health_change::none)
        retry_ = std::min(2 * retry_, timing_.retry_max);
    next_test_ = now + (is_good() ? timing_.interval : retry_);
    return change;
}

void zone_health::on_test_void(tick now) noexcept
{
    next_test_ = now + timing_.spacing;
}

health_change zone_health::on_refuted(zone_trouble what, tick now) noexcept
{
    const auto change = set_trouble(what, now);
    next_test_ = std::min(next_test_, now); // all of it, to know what to say
    return change;
}

health_remark zone_health::take_remark() noexcept
{
    return std::exchange(remark_, health_remark::none);
}

health_change zone_health::set_trouble(zone_trouble what, tick now) noexcept
{
    const auto before = std::exchange(trouble_, what);
    if (what == zone_trouble::none) {
        retry_ = timing_.retry_min;
        return before == zone_trouble::none ? health_change::none : health_change::restored;
    }
    // Half-open: the next good test ends it.
    next_test_ = std::min(next_test_, now + retry_);
    if (before != zone_trouble::none) return health_change::none;
    since_ = now;
    return health_change::suspended;
}

void zone_health::test_soon(tick now) noexcept
{
    if (next_test_ == tick::max()) return; // one is running
    const bool never = test_begun_ == tick::min();
    const tick soonest = never ? now : std::max(now, test_begun_ + timing_.spacing);
    next_test_ = std::min(next_test_, soonest);
}

/// The test is good, so the list is not to blame for what it says of so many.
void zone_health::note_wave() noexcept
{
    if (!clients_.is_absurd() || told_wave_) return;
    told_wave_ = true;
    remark_ = health_remark::wave;
}

/// An allowlist needs no test entry, and mostly has none.
bool zone_health::may_list_clients() const noexcept
{
    return std::ranges::any_of(zone_->sites, [](const auto& site) { return site.weight > 0; });
}

} // namespace fendmail::dnsbl
