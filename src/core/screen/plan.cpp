// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/plan.hpp"

#include <algorithm>

namespace fendmail::screen {

bool plan::is_empty() const noexcept
{
    return std::none_of(all_tests.begin(), all_tests.end(), [this](test t) { return todo[t]; });
}

bool plan::has_early() const noexcept
{
    return std::any_of(all_tests.begin(), all_tests.end(),
                       [this](test t) { return is_early(t) && todo[t]; });
}

bool plan::has_deep() const noexcept
{
    return std::any_of(all_tests.begin(), all_tests.end(),
                       [this](test t) { return !is_early(t) && todo[t]; });
}

plan make_plan(const policy& rules, const std::optional<client_record>& known, instant now) noexcept
{
    plan result;
    for (const test t : all_tests)
        result.todo[t] = rules.tests[t].enabled && !(known && known->is_passed(t, now));
    return result;
}

} // namespace fendmail::screen
