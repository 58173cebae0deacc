// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/client_key.hpp"

#include <algorithm>

namespace fendmail::screen {

client_key::client_key(const ip_address& address, unsigned ipv4_prefix,
                       unsigned ipv6_prefix) noexcept
    : net_{network_of(address, address.is_v4() ? ipv4_prefix : ipv6_prefix)}
{
    octets_[0] = static_cast<std::byte>(address.is_v4() ? '4' : '6');
    octets_[1] = static_cast<std::byte>(net_.prefix_length);
    const auto from = std::as_bytes(net_.address.octets());
    std::copy(from.begin(), from.end(), octets_.begin() + 2);
    size_ = static_cast<std::uint8_t>(2 + from.size());
}

} // namespace fendmail::screen
