// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/policy.hpp"

#include <algorithm>

namespace fendmail::screen {

seconds policy::shortest_ttl() const noexcept
{
    seconds shortest = dnsbl_min_ttl;
    for (const test t : all_tests)
        if (t != test::dnsbl) shortest = std::min(shortest, tests[t].ttl);
    return shortest;
}

} // namespace fendmail::screen
