// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"
#include "fendmail/core/event/render.hpp"
#include "fendmail/io/log/destination.hpp"

#include <cstdint>
#include <memory>
#include <string>

/// Writes events to where the admin wants them, from a thread of its own, so that no worker ever
/// waits for a disk or for syslog.
///
/// Memory: a bounded queue of lines; when it is full the oldest are overwritten and counted
/// (`log_lines_lost`).
/// Errors: construction throws std::runtime_error when the target cannot be opened and has to be;
/// later failures are reported on stderr, and how many lines are missing where the log goes, as
/// soon as it takes lines again (`log_restored`, `log_lines_lost`). Threads: on() from any thread.
namespace fendmail::io {

struct log_options {
    event::log_format format = event::log_format::postscreen;
    event::log_words words = event::log_words::respectful; ///< in postscreen's format
    log_destination target{};
    /// As "…/postscreen", lines that Postfix's helpers write get the helper's name in its place.
    std::string ident = "fendmail";
    std::string hostname; ///< in lines to stderr and files
    bool summary = true;  ///< write `session_ended`
    /// False: a target that cannot be opened yet is tried again with each line, and meanwhile lines
    /// go to stderr.
    bool must_open = true;
    std::string syslog_socket{};  ///< "" = /dev/log
    std::string journal_socket{}; ///< "" = the system's
    /// Longest time that lines wait for more to be written with. A line after a time without lines
    /// does not wait.
    milliseconds gathering{20};
};

class log_writer final : public event_sink {
public:
    explicit log_writer(const log_options& options);
    ~log_writer() override;
    void on(const any_event& what) noexcept override;
    /// Waits until all lines so far are written.
    /// @return false when `time_limit` was not long enough: the target takes no more lines
    bool flush(milliseconds time_limit = milliseconds::max()) noexcept;
    /// Lines that are missing from the log since this was made, as far as that is known.
    [[nodiscard]] std::uint64_t lost() const noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Why a log target would take no lines of this user now; "" when nothing is seen. Changes nothing.
[[nodiscard]] std::string trouble_with_log(const log_destination& target);

} // namespace fendmail::io
