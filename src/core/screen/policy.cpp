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

by_test<seconds> policy::longest_passes() const noexcept
{
    const seconds of_lists = std::max(dnsbl_min_ttl, dnsbl_max_ttl);
    by_test<seconds> longest{};
    for (const test t : all_tests) {
        if (t == test::dnsbl || dnsbl_allow_threshold < 0) longest[t] = of_lists;
        if (t != test::dnsbl) longest[t] = std::max(longest[t], tests[t].ttl);
    }
    return longest;
}

std::string_view to_string(late_lists l) noexcept
{
    switch (l) {
    case late_lists::wait: return "wait";
    case late_lists::pass: return "pass";
    }
    return "?";
}

std::string_view to_string(exemption e) noexcept
{
    switch (e) {
    case exemption::all: return "all";
    case exemption::deep: return "deep";
    }
    return "?";
}

} // namespace fendmail::screen
