// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/data_guard.hpp"
#include "fendmail/core/smtp/reply.hpp"
#include "fendmail/core/smtp/reply_watch.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/backend/relay.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fendmail::io {

struct guarded_relay_options {
    milliseconds idle_limit{600000};
    smtp::guard_options guard{};
    const smtp::data_guard* begun = nullptr; ///< goes on from there in place of `guard`
    std::string_view held{};                 ///< octets of the client that go before those it sends
    std::span<const std::string> hide_ehlo{}; ///< as in relay()
    smtp::reply_watch* watch = nullptr;       ///< as in relay()
};

struct guarded_relay_result {
    relay_result moved;
    std::optional<smtp::guard_fault> fault{}; ///< that ended it
    bool had_false_end = false; ///< a mail held what some servers take for its end; see data_guard
    /// What the client, which is still open then, should hear before it is closed.
    std::optional<smtp::reply> last_words{};
};

/// As relay(), with a smtp::data_guard between: what a client sends that two servers might read in
/// two ways does not reach the backend, and the session ends.
///
/// Source: see smtp::data_guard, whose procedure this is.
/// Memory: two buffers of 16 KiB while it runs.
/// Errors: a backend that closes while it owes a reply is a last word for the client (421).
/// Threads: one worker.
[[nodiscard]] awaitable<guarded_relay_result> guarded_relay(stream& client, stream& backend,
                                                            deadline_queue& deadlines,
                                                            const guarded_relay_options& options);

} // namespace fendmail::io
