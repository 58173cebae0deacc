// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <string>

namespace fendmail::io {

/// Connects to a UNIX socket, and waits for a place in its queue while that is full.
///
/// Source: unix(7): a connect on a non-blocking UNIX socket never takes time; a full queue is
/// EAGAIN at once, and waiting for the socket to become writable does not help.
/// Errors: as the errno.
/// @param client whose wait this is: when its connection breaks there is nothing to wait for; null
/// = a full queue is not waited for
/// @return 0, or the errno
[[nodiscard]] awaitable<int> connect_unix(const std::string& path, stream* client,
                                          deadline_queue& deadlines, milliseconds patience,
                                          unique_fd& into);

} // namespace fendmail::io
