// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/os/unique_fd.hpp"

#include <string>
#include <string_view>

/// A log daemon's UNIX socket: connected when there is something to send, and again when the
/// daemon has made a new one. Unlike syslog(3) and sd_journal_send(3) it says what could not be
/// sent.
///
/// Errors: an errno.
/// Threads: one owner; send() waits for a daemon that is slow.
namespace fendmail::io {

class log_socket {
public:
    explicit log_socket(std::string path)
        : path_{std::move(path)}
    {
    }

    /// @param message of one line
    /// @return 0 when the daemon has it
    [[nodiscard]] int send(std::string_view message) noexcept;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    [[nodiscard]] int connect() noexcept;
    [[nodiscard]] int try_to_send(std::string_view message) noexcept;

    std::string path_;
    unique_fd socket_;
    bool is_stream_ = false; ///< some daemons take only that; then a NUL ends each message
};

} // namespace fendmail::io
