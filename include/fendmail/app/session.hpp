// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/service.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/io/unique_fd.hpp"

#include <memory>

namespace fendmail::app {

class worker;

/// One client, from accept to hand-off or close. It decides nothing: core/screen and core/smtp
/// do; this looks up, waits, reads and writes for them, and tells what happened.
///
/// Memory: while it waits in the greet wait, one object that is linked where it waits, without a
/// coroutine; see docs/performance.md for octets.
/// Errors: throws what begins the session may throw (no memory); then it is over. What it meets
/// later it tells as events.
/// Threads: runs on `where` from begin to end.
/// @param where outlives the session
/// @param connected non-blocking
void begin_session(worker& where, std::shared_ptr<const service> what, io::unique_fd connected,
                   const endpoint& client, const endpoint& local);

} // namespace fendmail::app
