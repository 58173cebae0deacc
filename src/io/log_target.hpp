// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/render.hpp"

#include <memory>
#include <string>
#include <string_view>

/// Where log lines end up: a descriptor (stderr, a file), syslog or the journal.
///
/// Source: syslog(3), sd_journal_send(3).
/// Memory: no buffer of its own; a line is written at once.
/// Errors: opening throws std::runtime_error that names the target, writing std::system_error.
/// Threads: write() from one thread.
namespace fendmail::io {

class log_target {
public:
    log_target() = default;
    log_target(const log_target&) = delete;
    log_target& operator=(const log_target&) = delete;
    virtual ~log_target() = default;

    /// @param line without its end
    virtual void write(event::level level, std::string_view line) = 0;
    /// True when a line must carry time, host and program itself.
    [[nodiscard]] virtual bool wants_stamp() const noexcept = 0;
};

/// @param target stderr | syslog | journald | file:/path
[[nodiscard]] std::unique_ptr<log_target> open_log_target(const std::string& target,
                                                          const std::string& ident);

} // namespace fendmail::io
