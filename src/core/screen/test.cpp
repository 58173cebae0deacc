// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/test.hpp"

namespace fendmail::screen {

namespace {

/// Rows are found by the number of their test, and faults by their row.
constexpr bool is_in_order()
{
    for (std::size_t i = 0; i < test_count; ++i) {
        const test_row& row = test_table[i];
        if (row.test != static_cast<test>(i)) return false;
        if (row.stage == stage::deep && !row.fault) return false;
    }
    return true;
}
static_assert(is_in_order());

} // namespace

std::string_view to_string(test t) noexcept
{
    return row_of(t).name;
}

std::string_view to_string(action a) noexcept
{
    switch (a) {
    case action::ignore: return "ignore";
    case action::enforce: return "enforce";
    case action::drop: return "drop";
    }
    return "unknown action";
}

} // namespace fendmail::screen
