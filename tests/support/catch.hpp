// SPDX-License-Identifier: Apache-2.0
#pragma once

// Debian 12 has Catch2 2, Debian 13 has 3, whose header is split and whose names differ. Tests are
// written with the names of 3 in the namespaces of 2.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>

using Catch::Approx;
#else
#include <catch2/catch.hpp>

#include <string>

namespace Catch::Matchers {

inline auto ContainsSubstring(const std::string& part)
{
    return Contains(part);
}

} // namespace Catch::Matchers
#endif
