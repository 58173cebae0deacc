// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"

namespace fendmail::io {

/// Connects to a TCP server. What is written goes out at once (TCP_NODELAY).
///
/// Source: connect(2), tcp(7).
/// Errors: as the errno; ETIMEDOUT when `limit` passed first.
/// @param speaks_first something is written as soon as the connection is there, and carries the
/// last segment of its making
/// @param into whatever it was, it is this connection now
/// @param limit of `into`
/// @return 0, or the errno
[[nodiscard]] awaitable<int> connect_tcp(const endpoint& where, bool speaks_first, stream& into,
                                         const deadline& limit);

} // namespace fendmail::io
