// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/verdict.hpp"

#include "fendmail/core/assert.hpp"

namespace fendmail::screen {

void judgement::on_stop() noexcept
{
    if (value_ == verdict::left) value_ = verdict::deferred;
}

void judgement::on_dialog(bool is_refused) noexcept
{
    value_ = is_refused ? verdict::rejected : verdict::left;
}

void judgement::on_recipient_refused(bool is_rejected, const smtp::reply& answer) noexcept
{
    value_ = is_rejected || answer.is_permanent() ? verdict::rejected : verdict::deferred;
}

void judgement::on_hand_off(way_in how, bool is_new) noexcept
{
    switch (how) {
    case way_in::allowlisted: value_ = verdict::allowlisted; return;
    case way_in::known: value_ = verdict::pass_old; return;
    case way_in::tested: value_ = is_new ? verdict::pass_new : verdict::pass_old; return;
    case way_in::tolerated: value_ = verdict::passed; return;
    case way_in::none: break;
    }
    FENDMAIL_ASSERT(false);
}

void judgement::on_relay(bool has_passed, bool is_new) noexcept
{
    value_ = !has_passed ? verdict::passed : is_new ? verdict::pass_new : verdict::pass_old;
}

std::optional<bool> passes_as_new(verdict v) noexcept
{
    switch (v) {
    case verdict::pass_new: return true;
    case verdict::pass_old: return false;
    case verdict::allowlisted:
    case verdict::passed:
    case verdict::rejected:
    case verdict::dropped:
    case verdict::deferred:
    case verdict::left: break;
    }
    return std::nullopt;
}

std::string_view to_string(verdict v) noexcept
{
    switch (v) {
    case verdict::allowlisted: return "allowlisted";
    case verdict::pass_old: return "pass_old";
    case verdict::pass_new: return "pass_new";
    case verdict::passed: return "passed";
    case verdict::rejected: return "rejected";
    case verdict::dropped: return "dropped";
    case verdict::deferred: return "deferred";
    case verdict::left: return "left";
    }
    return "unknown verdict";
}

bool was_tested(way_in w) noexcept
{
    switch (w) {
    case way_in::tested:
    case way_in::tolerated: return true;
    case way_in::none:
    case way_in::allowlisted:
    case way_in::known: break;
    }
    return false;
}

std::string_view to_string(way_in w) noexcept
{
    switch (w) {
    case way_in::none: return "none";
    case way_in::allowlisted: return "allowlisted";
    case way_in::known: return "known";
    case way_in::tested: return "tested";
    case way_in::tolerated: return "tolerated";
    }
    return "?";
}

} // namespace fendmail::screen
