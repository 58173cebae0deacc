// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/deep_phase.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>

namespace fendmail::screen {

smtp::on_fault consequence_of(action a) noexcept
{
    switch (a) {
    case action::ignore: return smtp::on_fault::tell;
    case action::enforce: return smtp::on_fault::refuse;
    case action::drop: break;
    }
    return smtp::on_fault::end;
}

deep_phase::deep_phase(const policy& rules, const plan& what, bool is_rejected) noexcept
    : rules_{&rules}
    , is_rejected_{is_rejected}
{
    for (const test t : all_tests)
        if (!is_early(t) && what.todo[t]) status_[t] = deep_status::pending;
}

smtp::fault_rules deep_phase::faults() const noexcept
{
    smtp::fault_rules wanted;
    for (const test t : all_tests)
        if (!is_early(t) && (is_rejected_ || status_[t] == deep_status::pending))
            wanted[fault_of(t)] = consequence_of(rules_->tests[t].on_failure);
    return wanted;
}

void deep_phase::on_fault(test t) noexcept
{
    switch (rules_->tests[t].on_failure) {
    case action::ignore: status_[t] = deep_status::tolerated; return;
    case action::enforce:
    case action::drop: status_[t] = deep_status::failed; return;
    }
}

void deep_phase::on_recipient() noexcept
{
    for (const test t : all_tests)
        if (status_[t] == deep_status::pending) status_[t] = deep_status::passed;
}

bool deep_phase::has_failed() const noexcept
{
    return std::ranges::any_of(all_tests,
                               [this](test t) { return status_[t] == deep_status::failed; });
}

bool deep_phase::is_passed() const noexcept
{
    return std::ranges::all_of(all_tests, [this](test t) {
        return status_[t] != deep_status::pending && status_[t] != deep_status::failed;
    });
}

smtp::fault fault_of(test t) noexcept
{
    const auto& fault = row_of(t).fault;
    FENDMAIL_ASSERT(fault);
    return *fault;
}

test test_of(smtp::fault f) noexcept
{
    const auto found = std::ranges::find(test_table, std::optional{f}, &test_row::fault);
    FENDMAIL_ASSERT(found != test_table.end());
    return found->test;
}

std::string_view to_string(deep_status s) noexcept
{
    switch (s) {
    case deep_status::not_wanted: return "not_wanted";
    case deep_status::pending: return "pending";
    case deep_status::passed: return "passed";
    case deep_status::tolerated: return "tolerated";
    case deep_status::failed: return "failed";
    }
    return "?";
}

} // namespace fendmail::screen
