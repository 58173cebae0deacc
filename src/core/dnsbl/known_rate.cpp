// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/known_rate.hpp"

#include <algorithm>

namespace fendmail::dnsbl {

void known_rate::on_client(const ip_address& client, bool listed) noexcept
{
    const auto of = network_of(client, client.is_v4() ? 16 : 32);
    const auto end = latest_.begin() + static_cast<std::ptrdiff_t>(held_);
    const auto same =
        std::find_if(latest_.begin(), end, [&](const entry& e) { return e.of == of; });
    if (same != end) { // its place stays, or one network could push out all others
        hits_ += listed ? 1 : 0;
        hits_ -= same->listed ? 1 : 0;
        same->listed = listed;
        return judge();
    }
    entry& place = latest_[at_];
    if (held_ == window) {
        hits_ -= place.listed ? 1 : 0;
        before_ = std::min(before_ + 1, memory);
        usual_ += ((place.listed ? 1.0 : 0.0) - usual_) / static_cast<double>(before_);
    } else {
        ++held_;
    }
    place = {of, listed};
    hits_ += listed ? 1 : 0;
    at_ = (at_ + 1) % window;
    judge();
}

void known_rate::judge() noexcept
{
    const double rate = static_cast<double>(hits_) / static_cast<double>(window);
    if (spares_)
        spares_ = rate >= 0.5;
    else
        spares_ =
            held_ == window && before_ >= before_min && rate >= too_many && usual_ < usual_max;
}

} // namespace fendmail::dnsbl
