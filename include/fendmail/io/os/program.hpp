// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

/// Programs that this process starts, and its own.
///
/// Source: proc(5), posix_spawn(3), waitpid(2).
/// Errors: as text or nothing.
/// Threads: any.
namespace fendmail::io {

/// The file that this process was started from, where a package puts a newer one; "" = unknown.
[[nodiscard]] std::string own_program();

struct started_program {
    pid_t process = -1;
    std::string failure{}; ///< why it could not be started
};
/// As this user, with the same standard streams and environment but for what a service manager
/// meant for this process alone (WATCHDOG_PID, LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES).
/// @param words words[0] is the program
[[nodiscard]] started_program start_program(const std::vector<std::string>& words);

/// What became of it, once it has ended: "ended with exit code 1", "was ended by signal 11".
[[nodiscard]] std::optional<std::string> look_for_end(pid_t process);

/// For a process that is to be a child of the service manager in the end: systemd waits for the
/// end of a main process only if it is its child. Goes on in a child of this process; this one
/// does nothing more but to end as the child does, or when it is told to (SIGTERM), and then the
/// child is the service manager's. If this one is killed before live_on(), the child ends too.
/// @pre there is one thread
/// @throws std::system_error
void go_on_in_child();
/// This process lives on when its parent ends.
void live_on() noexcept;

} // namespace fendmail::io
