// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/data_guard.hpp"
#include "fendmail/core/smtp/identity.hpp"
#include "fendmail/core/smtp/reply.hpp"
#include "fendmail/core/smtp/reply_watch.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/backend/connector.hpp"
#include "fendmail/io/backend/relay.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fendmail::io {

/// A connection that was told by a PROXY header who the client is, and how to get another one.
struct unproven_header {
    connector& through;
    const open_request& request;
};

struct relay_session_options {
    milliseconds idle_limit{600000};
    /// What is moved goes through a smtp::data_guard; nothing: it passes unseen.
    std::optional<smtp::guard_options> guard{};
    std::string_view greeting{}; ///< of the backend; "" when the client has been greeted
    std::string_view held{};     ///< octets of the client that go before those it sends
    std::span<const std::string> hide_ehlo{}; ///< as in relay()
    smtp::reply_watch* watch = nullptr;       ///< as in relay()
    /// With it the session begins with a first_exchange, and nothing is held.
    std::optional<unproven_header> unproven{};
};

struct relay_outcome {
    relay_result moved;
    std::optional<smtp::guard_fault> fault{}; ///< with a guard: what ended it
    bool had_false_end = false;               ///< with a guard; see guarded_relay_result
    /// What the client, which is still open then, should hear before it is closed.
    std::optional<smtp::reply> last_words{};
    /// For the log, with an unproven header: why nothing of the client may go to the backend. The
    /// client has seen its greeting, and waits for a reply; "" when the session was relayed.
    std::string cut;
    smtp::identity about = smtp::identity::fine; ///< with `cut`
    bool is_taken = false; ///< the backend has proved to have taken the address in the header
};

/// Moves what client and backend say to each other until both are done: the greeting, the first
/// exchange behind a PROXY header, then as relay() or guarded_relay(). A client whose first command
/// was refused goes on with another connection there, up to three times.
///
/// Units: octets.
/// Memory: that of the relay it is, and what first_exchange needs while it runs.
/// Errors: see relay_outcome.
/// Threads: one worker.
/// @param server has greeted
[[nodiscard]] awaitable<relay_outcome> relay_session(stream& client, stream& server,
                                                     deadline_queue& deadlines,
                                                     const relay_session_options& options);

} // namespace fendmail::io
