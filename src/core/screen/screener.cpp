// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/screener.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace fendmail::screen {

step screener::on_access(const std::optional<acl::match>& found)
{
    if (!found) return step::look_up_record;
    switch (found->decision) {
    case acl::decision::permit: return hand_off(way_in::allowlisted);
    case acl::decision::reject: break;
    }
    denylisted_ = true;
    refuse("5.3.2", "Service currently unavailable", rules_->access_action);
    return rules_->access_action == action::drop ? step::drop : step::look_up_record;
}

step screener::on_known_sender() noexcept
{
    return spare(rules_->known_senders);
}

step screener::on_known_recipient() noexcept
{
    return spare(rules_->known_recipients);
}

step screener::spare(exemption what) noexcept
{
    switch (what) {
    case exemption::all: return hand_off(way_in::allowlisted);
    case exemption::deep: break;
    }
    spared_deep_tests_ = true;
    return step::look_up_record;
}

step screener::on_ban(std::string_view text)
{
    banned_ = true;
    refuse("5.7.1", text, action::enforce);
    plan_ = {};
    early_.reset();
    return step::run_dialog;
}

bool screener::is_suspect(step what) const noexcept
{
    const bool goes_on = what == step::hand_off || (what == step::run_dialog && may_go_on());
    const int score = total_score();
    // Where the lists refuse no client, those with a high score are suspects as well.
    const bool is_refused =
        is_enough(score) && rules_->tests[test::dnsbl].on_failure != action::ignore;
    return rules_->grey_threshold > 0 && goes_on && !spared_deep_tests_ &&
           score >= rules_->grey_threshold && !is_refused;
}

step screener::on_suspect(seconds wait) noexcept
{
    come_back_ = wait;
    how_ = way_in::none;
    return step::run_dialog;
}

step screener::on_record(const std::optional<client_record>& known, instant now)
{
    known_ = may_use_record() ? known : std::nullopt;
    plan_ = make_plan(*rules_, known_, now);
    if (spared_deep_tests_)
        for (const test t : all_tests)
            plan_.todo[t] = plan_.todo[t] && is_early(t);
    if (plan_.has_early()) {
        early_.emplace(*rules_, plan_);
        return step::run_early_tests;
    }
    return needs_dialog() ? step::run_dialog : hand_off(way_in::known);
}

step screener::on_veto() noexcept
{
    vetoed_ = true;
    return early_ ? step::run_early_tests : step::run_dialog;
}

bool screener::can_be_vetoed(step what) noexcept
{
    return what == step::run_early_tests || what == step::run_dialog;
}

step screener::last_step(step what, bool is_withheld) const noexcept
{
    const bool is_refused = what == step::drop || refusal_;
    return is_withheld && !is_refused ? step::defer : what;
}

step screener::on_result(test t, bool has_passed)
{
    FENDMAIL_ASSERT(early_);
    const bool was_wanted = early_->status(t) == early_status::pending;
    const auto what = early_->on_result(t, has_passed);
    const auto& row = row_of(t);
    if (was_wanted && !has_passed) refuse(row.enhanced, row.reply, rules_->tests[t].on_failure);
    return conclude(what);
}

step screener::on_score(const dnsbl::score& score)
{
    FENDMAIL_ASSERT(early_);
    const bool waited = early_->status(test::dnsbl) == early_status::pending;
    const auto what = early_->on_score(score);
    if (waited) refuse_listed(score);
    return conclude(what);
}

step screener::on_partial_score(const dnsbl::score& so_far, const dnsbl::score_bounds& bounds)
{
    FENDMAIL_ASSERT(early_);
    const bool waited = early_->status(test::dnsbl) == early_status::pending;
    const auto what = early_->on_partial_score(so_far, bounds);
    if (waited) refuse_listed(so_far);
    return conclude(what);
}

void screener::refuse_listed(const dnsbl::score& score)
{
    if (early_->status(test::dnsbl) != early_status::failed) return;
    refuse(row_of(test::dnsbl).enhanced,
           fmt::format("Service unavailable; client [{}] blocked using {}", to_text(client_),
                       score.reply_name),
           rules_->tests[test::dnsbl].on_failure);
    refused_by_score_ = rules_->tests[test::dnsbl].on_failure != action::ignore;
}

void screener::word_refusal(std::string_view enhanced, std::string text)
{
    FENDMAIL_ASSERT(refused_by_score_ && refusal_);
    auto other = *refusal_;
    if (!enhanced.empty()) other.enhanced = enhanced;
    other.lines = {std::move(text)};
    refusal_ = std::make_unique<const smtp::reply>(std::move(other));
}

step screener::on_greet_wait_elapsed(const dnsbl::score& so_far, const dnsbl::score_bounds& bounds)
{
    FENDMAIL_ASSERT(early_);
    const bool waited = early_->status(test::dnsbl) == early_status::pending;
    const auto what = early_->on_greet_wait_elapsed(so_far, bounds);
    if (waited) refuse_listed(so_far);
    return conclude(what);
}

step screener::on_lists_overdue(const dnsbl::score& so_far)
{
    FENDMAIL_ASSERT(early_);
    const bool waited = early_->status(test::dnsbl) == early_status::pending;
    const auto what = early_->on_lists_overdue(so_far);
    if (waited) refuse_listed(so_far);
    return conclude(what);
}

smtp::fault_rules screener::begin_dialog() noexcept
{
    // A client that is allowed by its score has passed the deep tests as well.
    const bool allowed = early_ && early_->allowed_by_score();
    deep_.emplace(*rules_, allowed ? plan{} : plan_, refusal_ || vetoed_);
    auto faults = deep_->faults();
    faults[smtp::fault::own_helo] = on_own_helo();
    return faults;
}

smtp::on_fault screener::on_own_helo() const noexcept
{
    if (rules_->names.own_helo == 0) return smtp::on_fault::unwatched;
    // A refused client is told of as well, so that the log shows more of it.
    if (refusal_ || !is_enough(total_score() + rules_->names.own_helo)) return smtp::on_fault::tell;
    return consequence_of(rules_->tests[test::dnsbl].on_failure);
}

bool screener::is_enough(int score) const noexcept
{
    return score >= rules_->dnsbl_threshold;
}

int screener::total_score() const noexcept
{
    return (early_ ? early_->score().value : 0) + (has_own_helo_ ? rules_->names.own_helo : 0);
}

void screener::on_fault(smtp::fault what)
{
    FENDMAIL_ASSERT(deep_);
    if (what != smtp::fault::own_helo) return deep_->on_fault(test_of(what));
    has_own_helo_ = true;
    const bool failed_before = early_ && early_->status(test::dnsbl) == early_status::failed;
    failed_by_helo_ = !failed_before && is_enough(total_score());
}

void screener::on_recipient() noexcept
{
    FENDMAIL_ASSERT(deep_);
    deep_->on_recipient();
}

bool screener::has_passed_any() const noexcept
{
    return std::ranges::any_of(all_tests, [this](test t) { return has_passed(t); });
}

const early_phase& screener::early() const noexcept
{
    static const policy no_rules{};
    static const early_phase nothing{no_rules, plan{}};
    return early_ ? *early_ : nothing;
}

bool screener::spoke_too_early() const noexcept
{
    return early_ && early_->status(test::pregreet) == early_status::failed &&
           rules_->tests[test::pregreet].on_failure != action::ignore;
}

void screener::on_latest_record(const std::optional<client_record>& latest) noexcept
{
    if (may_use_record() && latest) known_ = latest;
}

bool screener::is_new_client() const noexcept
{
    return std::ranges::any_of(all_tests, [this](test t) {
        return rules_->tests[t].enabled && (is_early(t) || !spared_deep_tests_) &&
               (!known_ || known_->expires_at[t] == client_record::never_passed);
    });
}

bool screener::is_rejected() const noexcept
{
    const bool by_helo = failed_by_helo_ && rules_->tests[test::dnsbl].on_failure != action::ignore;
    return refusal_ || by_helo || (deep_ && deep_->has_failed());
}

bool screener::is_refused() const noexcept
{
    return vetoed_ || come_back_ || is_rejected();
}

bool screener::passed_in_dialog() const noexcept
{
    if (!deep_ || is_refused() || !deep_->is_passed()) return false;
    return !early_ || !early_->has_failed();
}

std::string screener::reasons() const
{
    std::string text;
    const auto add = [&text](std::string_view word) {
        if (!text.empty()) text += ',';
        text += word;
    };
    if (denylisted_) add("access_list");
    if (banned_) add("banned");
    if (vetoed_) add("veto");
    if (come_back_) add("grey");
    for (const test t : all_tests) {
        const bool failed = (early_ && early_->status(t) == early_status::failed) ||
                            (deep_ && (deep_->status(t) == deep_status::failed ||
                                       deep_->status(t) == deep_status::tolerated)) ||
                            (t == test::dnsbl && failed_by_helo_);
        if (failed) add(to_string(t));
    }
    return text;
}

std::optional<instant> screener::earned(test t, instant now) const noexcept
{
    if (t == test::dnsbl && failed_by_helo_) return std::nullopt;
    if (early_ && early_->status(t) == early_status::passed)
        return now + (t == test::dnsbl ? early_->dnsbl_ttl() : rules_->tests[t].ttl);
    if (!deep_) return std::nullopt;
    switch (deep_->status(t)) {
    case deep_status::passed: return now + rules_->tests[t].ttl;
    case deep_status::tolerated: return now + rules_->shortest_ttl();
    case deep_status::not_wanted:
    case deep_status::pending:
    case deep_status::failed: break;
    }
    return std::nullopt;
}

std::optional<client_record> screener::record_to_store(instant now) const noexcept
{
    const bool was_tested = deep_ || how_ == way_in::tested || how_ == way_in::tolerated;
    if (!was_tested || is_refused()) return std::nullopt;
    const bool allowed = early_ && early_->allowed_by_score();
    bool passed_any = allowed;
    client_record record = known_.value_or(client_record{});
    for (const test t : all_tests) {
        auto& expires_at = record.expires_at[t];
        const auto until = earned(t, now);
        passed_any = passed_any || until;
        if (until)
            expires_at = *until;
        else if (!allowed && !rules_->tests[t].enabled && expires_at == client_record::never_passed)
            expires_at = client_record::was_disabled;
        if (allowed) expires_at = std::max(expires_at, now + early_->dnsbl_ttl());
    }
    if (!passed_any) return std::nullopt;
    return record;
}

bool screener::needs_dialog() const noexcept
{
    if (refusal_ || vetoed_) return true;
    if (early_ && early_->allowed_by_score()) return false;
    return plan_.has_deep();
}

step screener::conclude(early_step what)
{
    switch (what) {
    case early_step::keep_waiting: return step::keep_waiting;
    case early_step::drop_client: return step::drop;
    case early_step::run_dialog: return step::run_dialog;
    case early_step::hand_off: break;
    }
    if (needs_dialog()) return step::run_dialog;
    return hand_off(early_->has_failed() ? way_in::tolerated : way_in::tested);
}

step screener::hand_off(way_in how) noexcept
{
    how_ = how;
    return step::hand_off;
}

void screener::refuse(std::string_view enhanced, std::string_view text, action a)
{
    switch (a) {
    case action::ignore: return;
    case action::enforce:
        refused_by_score_ = false;
        refusal_ = std::make_unique<smtp::reply>(smtp::make_reply(550, enhanced, text));
        return;
    case action::drop:
        refused_by_score_ = false;
        refusal_ = std::make_unique<smtp::reply>(smtp::make_reply(521, enhanced, text));
        return;
    }
}

std::string_view to_string(step s) noexcept
{
    switch (s) {
    case step::look_up_record: return "look_up_record";
    case step::run_early_tests: return "run_early_tests";
    case step::keep_waiting: return "keep_waiting";
    case step::drop: return "drop";
    case step::run_dialog: return "run_dialog";
    case step::hand_off: return "hand_off";
    case step::defer: return "defer";
    }
    return "?";
}

} // namespace fendmail::screen
