// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/proxy/header_reader.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"

/// Gives a PROXY header to its reader as it comes, and leaves what stands behind it in the socket:
/// there it is evidence for the pregreet test, and the backend's to read.
///
/// Source: The PROXY protocol, see core/proxy/header_reader.
/// Memory: no buffer while it waits.
/// Errors: none; the reader says what is wrong with a header.
/// Threads: one worker.
namespace fendmail::io {

/// @param header outlives the operation, as `from` and `limit` do
/// @return `ready` when the header is complete or has failed; otherwise how the wait for more of
/// it ended, and after `woken` it may be called again
[[nodiscard]] awaitable<wait_end> read_proxy_header(stream& from, proxy::header_reader& header,
                                                    const deadline& limit);

} // namespace fendmail::io
