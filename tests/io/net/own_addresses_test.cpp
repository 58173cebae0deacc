// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/own_addresses.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <vector>

using namespace fendmail;

namespace {

std::vector<ip_address> sorted(std::vector<ip_address> all)
{
    std::ranges::sort(all);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

} // namespace

TEST_CASE("without netlink, as in the sandbox of the unit, the addresses are the same")
{
    const auto all = sorted(io::own_addresses());
    CHECK(std::ranges::find(all, parse_address("127.0.0.1").value()) != all.end());
    CHECK(sorted(io::own_addresses_without_netlink()) == all);
}
