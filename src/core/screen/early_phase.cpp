// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/early_phase.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>

namespace fendmail::screen {

early_phase::early_phase(const policy& rules, const plan& what) noexcept
    : rules_{&rules}
{
    for (const test t : all_tests)
        status_[t] = is_early(t) && what.todo[t] ? early_status::pending : early_status::not_wanted;
}

early_step early_phase::on_result(test t, bool has_passed) noexcept
{
    if (status_[t] != early_status::pending) return decide();
    status_[t] = has_passed ? early_status::passed : early_status::failed;
    if (!has_passed) note(rules_->tests[t].on_failure);
    return decide();
}

early_step early_phase::on_score(const dnsbl::score& score) noexcept
{
    judge_score(score);
    return decide();
}

early_step early_phase::on_partial_score(const dnsbl::score& so_far,
                                         const dnsbl::score_bounds& bounds) noexcept
{
    switch (dnsbl::certainty_of(bounds, rules_->score_limits())) {
    case dnsbl::certainty::open:
        // No client waits only to be allowed: the greet wait, which that would have spared it, is
        // over.
        if (waits_for_late_lists() && !may_be_refused(bounds) && !may_be_suspect(bounds))
            judge_score(so_far);
        break;
    case dnsbl::certainty::passes:
        // A client that has to wait anyway waits for all lists: their answers say how long the pass
        // lasts.
        if (!listens() && !may_be_suspect(bounds)) judge_score(so_far);
        break;
    case dnsbl::certainty::fails:
    case dnsbl::certainty::allows: judge_score(so_far); break;
    }
    return decide();
}

early_step early_phase::on_greet_wait_elapsed(const dnsbl::score& so_far,
                                              const dnsbl::score_bounds& bounds) noexcept
{
    // First, so that a client that has waited to the end earns the whole of this pass, even if the
    // score excuses it from all others.
    if (listens()) status_[test::pregreet] = early_status::passed;
    has_elapsed_ = true;
    const bool stays =
        rules_->late == late_lists::wait && (may_be_refused(bounds) || may_be_suspect(bounds));
    if (!stays) judge_score(so_far);
    return decide();
}

early_step early_phase::on_lists_overdue(const dnsbl::score& so_far) noexcept
{
    FENDMAIL_ASSERT(has_elapsed_);
    judge_score(so_far);
    return decide();
}

bool early_phase::may_be_refused(const dnsbl::score_bounds& bounds) const noexcept
{
    const int threshold = rules_->dnsbl_threshold;
    return bounds.lowest < threshold && bounds.highest >= threshold &&
           rules_->tests[test::dnsbl].on_failure > worst_;
}

bool early_phase::may_be_suspect(const dnsbl::score_bounds& bounds) const noexcept
{
    const int threshold = rules_->grey_threshold;
    return threshold > 0 && worst_ == action::ignore && bounds.lowest < threshold &&
           bounds.highest >= threshold;
}

seconds early_phase::dnsbl_ttl() const noexcept
{
    if (!score_.complete || !score_.ttl) return rules_->dnsbl_min_ttl;
    return std::clamp(*score_.ttl, rules_->dnsbl_min_ttl, rules_->dnsbl_max_ttl);
}

void early_phase::judge_score(const dnsbl::score& score) noexcept
{
    if (status_[test::dnsbl] != early_status::pending) return;
    score_ = score;
    if (score.value >= rules_->dnsbl_threshold) {
        const action on_failure = rules_->tests[test::dnsbl].on_failure;
        status_[test::dnsbl] = early_status::failed;
        note(on_failure);
        if (on_failure != action::ignore && !may_end_worse(on_failure)) excuse_others();
        return;
    }
    status_[test::dnsbl] = early_status::passed;
    // A client that has already misbehaved is not excused by an allowlist.
    const int allow = rules_->dnsbl_allow_threshold;
    if (allow < 0 && score.value <= allow && !has_failed()) {
        allowed_ = true;
        excuse_others();
    }
}

bool early_phase::is_any(early_status what) const noexcept
{
    return std::ranges::find(status_.values, what) != status_.values.end();
}

bool early_phase::may_end_worse(action a) const noexcept
{
    return std::ranges::any_of(all_tests, [&](test t) {
        return status_[t] == early_status::pending && rules_->tests[t].on_failure > a;
    });
}

void early_phase::excuse_others() noexcept
{
    for (early_status& each : status_.values)
        if (each == early_status::pending) each = early_status::excused;
}

void early_phase::note(action a) noexcept
{
    worst_ = std::max(worst_, a);
}

early_step early_phase::decide() const noexcept
{
    if (worst_ == action::drop) return early_step::drop_client;
    if (is_any(early_status::pending)) return early_step::keep_waiting;
    return worst_ == action::enforce ? early_step::run_dialog : early_step::hand_off;
}

} // namespace fendmail::screen
