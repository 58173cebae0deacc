// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/abuse/kernel_orders.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <functional>
#include <string>
#include <string_view>

/// The helper's connection to fendmail, made again whenever it is lost.
///
/// Memory: what one read takes, and the beginning of a line.
/// Errors: each of them ends the connection; `failure()` says which.
/// Threads: one owner. Nothing waits here; descriptor() can be polled.
namespace fendmail::app {

class daemon_line {
public:
    using reader = std::function<void(const abuse::kernel_order&)>;

    explicit daemon_line(std::string path)
        : path_{std::move(path)}
    {
    }

    /// Connects when it is time to. @return whether it has just been made
    bool connect(tick now);
    /// Calls `see` with each order that has come. @return false when the connection has ended
    bool read(const reader& see);
    void send(const abuse::kernel_state& what);
    void close() noexcept
    {
        unread_.clear();
        socket_.reset();
    }

    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(socket_); }
    [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

private:
    void end(std::string_view why);
    void end_with_errno(std::string_view what);

    std::string path_;
    io::unique_fd socket_;
    std::string unread_;
    std::string failure_;
    tick next_try_{};
};

} // namespace fendmail::app
