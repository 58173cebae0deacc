// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"

namespace fendmail::io {

/// Says QUIT and counts what comes: behind a PROXY header that was taken for a command, there is a
/// reply too many (see smtp::farewell_count).
/// @param limit is set by this
[[nodiscard]] awaitable<bool> has_one_reply_too_many(stream& server, deadline& limit);

} // namespace fendmail::io
