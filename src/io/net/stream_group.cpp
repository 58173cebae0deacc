// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/stream_group.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>

namespace fendmail::io {

stream_group::membership::membership(stream_group& group, stream& member) noexcept
    : group_{&group}
    , member_{&member}
{
    const auto slot = std::find(group.members_.begin(), group.members_.end(), nullptr);
    FENDMAIL_ASSERT(slot != group.members_.end());
    *slot = &member;
    if (group.closed_) member.close();
}

stream_group::membership::~membership()
{
    std::replace(group_->members_.begin(), group_->members_.end(), member_,
                 static_cast<stream*>(nullptr));
}

void stream_group::close_all() noexcept
{
    closed_ = true;
    for (stream* member : members_)
        if (member != nullptr) member->close();
}

void stream_group::wake_all() noexcept
{
    for (stream* member : members_)
        if (member != nullptr) member->wake();
}

} // namespace fendmail::io
