// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace fendmail {

void assertion_failed(const char* condition, const char* file, int line) noexcept
{
    std::fprintf(stderr, "fendmail: %s:%d: this must hold: %s\n", file, line, condition);
    std::abort();
}

} // namespace fendmail
