// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/render.hpp"
#include "fendmail/io/log/destination.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

/// Where log lines end up: a descriptor (stderr, a file), syslog or the journal.
///
/// Source: RFC 3164 as syslog(3) has it; systemd's "native journal protocol"; for stderr under
/// systemd also sd-daemon(3), and JOURNAL_STREAM of systemd.exec(5).
/// Memory: a descriptor's lines are kept until PIPE_BUF octets are full or flush() is called; the
/// others write each line at once.
/// Errors: opening throws std::runtime_error that names the target, if it has to succeed; lines
/// that cannot be written are counted. A daemon that is not there, and a file that cannot be
/// opened, are tried again with each line (the file once a second), and meanwhile lines go to
/// stderr. Threads: one at a time.
namespace fendmail::io {

class log_target {
public:
    log_target() = default;
    log_target(const log_target&) = delete;
    log_target& operator=(const log_target&) = delete;
    virtual ~log_target() = default;

    /// Takes a line without its end. It is written by now, kept, or counted as failed.
    /// @param ident program name, for those that want no stamp
    virtual void write(event::level level, std::string_view ident,
                       std::string_view line) noexcept = 0;
    /// Writes what is kept: afterwards nothing is.
    virtual void flush() noexcept {}
    /// True when a line must carry time, host and program itself.
    [[nodiscard]] virtual bool wants_stamp() const noexcept = 0;

    /// Lines that fail now go to stderr.
    [[nodiscard]] virtual bool stands_in() const noexcept { return false; }
    /// Writes a line to where those go that fail.
    virtual void tell(event::level, std::string_view, std::string_view) noexcept {}

    /// Lines that are neither written nor failed.
    [[nodiscard]] std::uint64_t kept() const noexcept { return kept_; }
    /// Lines that could not be written, or only in part.
    [[nodiscard]] std::uint64_t failed() const noexcept { return failed_; }
    /// True when the last line that is not kept failed.
    [[nodiscard]] bool is_failing() const noexcept { return is_failing_; }
    /// Why the first of the last ones in a row failed: "write: No space left on device".
    /// @pre failed() != 0
    [[nodiscard]] std::string why() const;

protected:
    void keep() noexcept { ++kept_; }
    /// So many lines that were kept are written.
    void settle(std::uint64_t lines) noexcept;
    /// The oldest line that is kept has failed.
    /// @param what name of the call or path; must outlive this
    void lose(std::string_view what, int error) noexcept;

private:
    std::uint64_t kept_ = 0;
    std::uint64_t failed_ = 0;
    bool is_failing_ = false;
    std::string_view failed_call_;
    int error_ = 0;
};

struct log_target_options {
    log_destination target{};
    std::string hostname; ///< in lines that go to stderr instead
    bool must_open = true;
    std::string syslog_socket = "/dev/log";
    std::string journal_socket = "/run/systemd/journal/socket";
};

[[nodiscard]] std::unique_ptr<log_target> open_log_target(const log_target_options& options);

} // namespace fendmail::io
