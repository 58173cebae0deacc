// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/handoff_dialog.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/backend/connector.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"

namespace fendmail::io {

/// Waits for the greeting of a backend, with XCLIENT in between where `dialog` is for that.
/// @param server connected, and told who the client is where that comes first
/// @return greeted or failed
[[nodiscard]] awaitable<opened> read_greeting(stream& server, smtp::handoff_dialog& dialog,
                                              deadline& limit);

} // namespace fendmail::io
