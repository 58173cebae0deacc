// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <string_view>

/// The text that stands for an enumerator in fendmail.toml. A table of them is all that there is
/// of a choice: values are read, printed and documented with it.
///
/// An enum declares its table as `constexpr const auto& choice_table(E)`, which is found by the
/// type of the argument.
/// Memory: constants.
/// Threads: constants.
namespace fendmail::app {

template <class E>
struct choice {
    E value;
    std::string_view text;
};
template <class E>
choice(E, const char*) -> choice<E>;

/// @pre the table has the value
template <class E>
[[nodiscard]] constexpr std::string_view text_of(E value) noexcept
{
    const auto& table = choice_table(value);
    const auto found = std::ranges::find(table, value, &choice<E>::value);
    FENDMAIL_ASSERT(found != table.end());
    return found->text;
}

} // namespace fendmail::app
