// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend_address.hpp"

#include <algorithm>

namespace fendmail::io {

backend_address::endpoints backend_address::in_turn() const
{
    endpoints all;
    {
        const std::lock_guard lock{mutex_};
        all = *all_;
        const auto first = std::ranges::find(all, answered_);
        if (first != all.end()) std::ranges::rotate(all, first);
    }
    return all;
}

void backend_address::note_answer(const endpoint& of)
{
    const std::lock_guard lock{mutex_};
    answered_ = of;
}

} // namespace fendmail::io
