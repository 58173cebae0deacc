// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/private_address.hpp"

namespace fendmail::dnsbl {

bool is_private(const ip_address& client) noexcept
{
    const auto octets = client.octets();
    const auto first = octets[0];
    const auto second = octets[1];
    if (client.is_v6()) return (first & 0xfe) == 0xfc || (first == 0xfe && (second & 0xc0) == 0x80);
    switch (first) {
    case 10: return true;
    case 100: return (second & 0xc0) == 64;
    case 169: return second == 254;
    case 172: return (second & 0xf0) == 16;
    case 192: return second == 168;
    default: return false;
    }
}

} // namespace fendmail::dnsbl
