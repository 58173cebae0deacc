// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/handoff_dialog.hpp"
#include "fendmail/core/smtp/replay_dialog.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/backend.hpp"
#include "fendmail/io/deadline_queue.hpp"
#include "fendmail/io/stream.hpp"

#include <optional>
#include <string>

/// The first words with a backend, as its machines in core want them said.
///
/// Errors: as values, with a text for the log.
/// Threads: one worker.
namespace fendmail::io {

/// What came of a backend's greeting.
struct greeted {
    std::string greeting;               ///< as sent; "" when it failed
    std::string failure;                ///< "" when it worked
    std::optional<smtp::reply> refusal; ///< the backend's own 4xx or 5xx
    smtp::identity about = smtp::identity::fine;
};

/// Waits for the greeting, with XCLIENT in between where `dialog` is for that.
/// @param server connected, and told who the client is where that comes first
[[nodiscard]] awaitable<greeted> read_greeting(stream& server, smtp::handoff_dialog& dialog,
                                               deadline& limit);

/// Says QUIT and counts what comes: behind a PROXY header that was taken for a command, there is a
/// reply too many.
/// @param limit is set by this
[[nodiscard]] awaitable<bool> has_one_reply_too_many(stream& server, deadline& limit);

/// Repeats to a greeted backend what the client has said.
/// @param behind_header see smtp::replay_dialog
[[nodiscard]] awaitable<resume_result> replay_to(stream& server, const resume_options& what,
                                                 deadline& limit, bool behind_header = false);

} // namespace fendmail::io
