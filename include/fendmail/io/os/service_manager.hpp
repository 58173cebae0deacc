// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/os/unique_fd.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

/// Tells systemd what this process is doing, so that `systemctl start` and `reload` end when it is
/// done and `systemctl status` says how; takes the sockets that systemd opened for it.
///
/// Source: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3), systemd.service(5)
/// (Type=notify). Errors: none; where it was not asked for (NOTIFY_SOCKET, WATCHDOG_USEC,
/// LISTEN_FDS), or no manager listens, nothing happens. Threads: one.
namespace fendmail::io {

/// Serves, or serves again after a reload.
/// @param status one line for people
void tell_ready(const std::string& status) noexcept;
/// tell_ready() follows.
void tell_reloading() noexcept;
/// The service is this process from now on; with the next tell_ready().
void tell_main_process() noexcept;
void tell_stopping(const std::string& status) noexcept;

/// Within which time systemd wants to hear tell_alive() again, or it ends the process; nothing
/// where it does not watch. WATCHDOG_PID, where it is set, has to be this process: a successor that
/// takes over the service must be started without it.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_limit() noexcept;
void tell_alive() noexcept;

/// The sockets of the .socket unit, in its order, each closed when a program is executed. A second
/// call finds none, and neither do child processes.
[[nodiscard]] std::vector<unique_fd> take_passed_sockets();

} // namespace fendmail::io
