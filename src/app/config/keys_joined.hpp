// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

/// Makes one table of keys of several. Private to keys.cpp.
namespace fendmail::app {

template <std::size_t... Sizes>
[[nodiscard]] constexpr auto joined(const std::array<key, Sizes>&... parts)
{
    std::array<key, (Sizes + ...)> all{};
    auto at = all.begin();
    ((at = std::ranges::copy(parts, at).out), ...);
    return all;
}

} // namespace fendmail::app
