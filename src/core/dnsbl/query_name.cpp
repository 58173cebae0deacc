// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/query_name.hpp"

#include <fmt/format.h>

#include <iterator>

namespace fendmail::dnsbl {

std::string query_name(const ip_address& client, std::string_view zone)
{
    std::string name;
    const auto octets = client.octets();
    name.reserve(octets.size() * 4 + zone.size());
    for (auto octet = octets.rbegin(); octet != octets.rend(); ++octet) {
        if (client.is_v4())
            fmt::format_to(std::back_inserter(name), "{}.", *octet);
        else
            fmt::format_to(std::back_inserter(name), "{:x}.{:x}.", *octet & 0xF, *octet >> 4);
    }
    name += zone;
    return name;
}

} // namespace fendmail::dnsbl
