// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"
#include "fendmail/core/smtp/reply_watch.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace fendmail::io {

struct relay_result {
    std::uint64_t octets_in = 0;                          ///< client to backend
    std::uint64_t octets_out = 0;                         ///< backend to client
    event::ended_by ended_by = event::ended_by::fendmail; ///< which side closed first
    bool idle = false;                                    ///< the idle limit ended it
    bool client_ended = false; ///< the client has closed, and everything it sent was read
};

/// Copies both directions at once until both are done. When one side ends its direction, the
/// other side is told and may still finish its own (half-close). Nothing is changed but what
/// smtp::keyword_filter takes out of the backend's EHLO reply.
///
/// Units: octets.
/// Memory: two buffers of 2 KiB while it runs, and what a receiver does not take at once, at most
/// 64 KiB for each direction; one more buffer of 64 KiB for each thread.
/// Errors: a broken side ends the relay; no side is told more than that the connection is gone,
/// so a mail under way is never taken for complete.
/// Threads: one worker.
/// @param hide_ehlo keywords of the backend that the client is not to see, upper case
/// @param watch reads along what the backend says; may be null
/// @param idle_limit with no octet in either direction for this long, both sides are closed
[[nodiscard]] awaitable<relay_result> relay(stream& client, stream& backend,
                                            deadline_queue& deadlines, milliseconds idle_limit,
                                            std::span<const std::string> hide_ehlo = {},
                                            smtp::reply_watch* watch = nullptr);

} // namespace fendmail::io
