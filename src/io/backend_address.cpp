// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend_address.hpp"

#include <algorithm>

namespace fendmail::io {

backend_address::endpoints backend_address::in_turn() const
{
    std::shared_ptr<const endpoints> known;
    endpoint answered;
    {
        const std::lock_guard lock{mutex_};
        known = all_;
        answered = answered_;
    }
    endpoints all = *known;
    const auto first = std::ranges::find(all, answered);
    if (first != all.end()) std::ranges::rotate(all, first);
    return all;
}

void backend_address::note_answer(const endpoint& of)
{
    const std::lock_guard lock{mutex_};
    answered_ = of;
}

} // namespace fendmail::io
