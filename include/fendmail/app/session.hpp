// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/service.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/stream.hpp"

#include <memory>

namespace fendmail::app {

class worker;

/// One client, from accept to hand-off or close. It decides nothing: core/screen and core/smtp
/// do; this looks up, waits, reads and writes for them, and tells what happened.
///
/// Memory: while it waits in the greet wait, two coroutine frames and no buffer.
/// Errors: none leave it but broken invariants and no memory.
/// Threads: runs on `where` from begin to end.
/// @param where outlives the session
[[nodiscard]] io::asio::awaitable<void> run_session(worker& where,
                                                    std::shared_ptr<const service> what,
                                                    io::stream::socket socket, endpoint client,
                                                    endpoint local);

} // namespace fendmail::app
