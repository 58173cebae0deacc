// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/session/environment.hpp"
#include "fendmail/app/shared/snapshot.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <memory>

namespace fendmail::app {

/// A client whose connection has been accepted.
struct incoming {
    io::unique_fd socket;                 ///< non-blocking
    std::shared_ptr<const snapshot> what; ///< taken when the connection was accepted
    endpoint client;
    endpoint local;
};

/// One client, from accept to hand-off or close. It decides nothing: core/screen and core/smtp
/// do; this looks up, waits, reads and writes for them, and tells what happened.
///
/// Memory: while it waits in the greet wait, one object that is linked where it waits, without a
/// coroutine; see docs/performance.md for octets.
/// Errors: throws what begins the session may throw (no memory); then it is over. What it meets
/// later it tells as events.
/// Threads: those of `env`, which outlives the session.
void begin_session(environment& env, incoming connection);

} // namespace fendmail::app
