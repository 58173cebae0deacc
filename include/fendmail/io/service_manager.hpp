// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

/// Tells systemd what this process is doing, so that `systemctl start` and `reload` end when it is
/// done and `systemctl status` says how.
///
/// Source: sd_notify(3), systemd.service(5) (Type=notify). Errors: none; where nobody asked
/// (NOTIFY_SOCKET), or nobody listens, nothing happens. Threads: one.
namespace fendmail::io {

/// Serves, or serves again after a reload.
/// @param status one line for people
void tell_ready(const std::string& status) noexcept;
/// tell_ready() follows.
void tell_reloading() noexcept;
void tell_stopping(const std::string& status) noexcept;

} // namespace fendmail::io
