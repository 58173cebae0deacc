// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/extensions.hpp"
#include "fendmail/core/smtp/identity.hpp"
#include "fendmail/core/smtp/replay_dialog.hpp"
#include "fendmail/core/smtp/reply.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"
#include "fendmail/io/tls/context.hpp"

#include <cstdint>
#include <optional>
#include <string>

/// Repeats to a backend what a client has said in our own dialog.
///
/// Errors: as values, with a text for the log.
/// Threads: one worker.
namespace fendmail::io {

struct replay_options {
    smtp::replay replay;
    smtp::backend_tls tls = smtp::backend_tls::none;
    const io::tls_context* tls_context = nullptr; ///< of a client; for any `tls` but none
    std::string hostname;                         ///< ours
};

enum class replay_end : std::uint8_t {
    ready,   ///< relay between the client and the stream of the backend
    refused, ///< `refusal` is the backend's reply to MAIL, or to the client's EHLO
    failed,  ///< no backend
};

struct replay_result {
    replay_end end = replay_end::failed;
    std::string reason;                          ///< for the log; "" with ready
    std::optional<smtp::reply> refusal{};        ///< with refused
    std::optional<smtp::extensions> offered{};   ///< what it offers this client, if it said EHLO
    smtp::identity about = smtp::identity::fine; ///< with failed
};

/// @param server has greeted
/// @param behind_header see smtp::replay_dialog
[[nodiscard]] awaitable<replay_result> replay_to(stream& server, const replay_options& what,
                                                 deadline& limit, bool behind_header = false);

} // namespace fendmail::io
