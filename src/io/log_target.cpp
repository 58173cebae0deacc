// SPDX-License-Identifier: Apache-2.0
#include "log_target.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <set>
#include <stdexcept>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <system_error>
#include <unistd.h>

// The place in our source says nothing about what happened; the event's name is in the message.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

namespace fendmail::io {

namespace {

constexpr std::string_view file_prefix = "file:";
constexpr mode_t file_mode = 0640; // client addresses are personal data
constexpr const char* syslog_socket = "/dev/log";
constexpr const char* journal_socket = "/run/systemd/journal/socket";

[[noreturn]] void fail_to_open(std::string_view target, std::string_view path, int error)
{
    const auto why = std::generic_category().message(error);
    throw std::runtime_error{fmt::format("cannot open log target {}: {}: {}", target, path, why)};
}

int priority_of(event::level level) noexcept
{
    switch (level) {
    case event::level::debug: return LOG_DEBUG;
    case event::level::info: return LOG_INFO;
    case event::level::warning: return LOG_WARNING;
    case event::level::error: return LOG_ERR;
    }
    return LOG_ERR;
}

class descriptor_target final : public log_target {
public:
    explicit descriptor_target(int fd, bool is_ours) noexcept
        : fd_{fd}
        , is_ours_{is_ours}
    {
    }
    ~descriptor_target() override
    {
        if (is_ours_) ::close(fd_);
    }

    void write(event::level, std::string_view line) override
    {
        // Line and end in one call, so that lines of two processes in one file do not mix. After
        // a disk ran full in the middle of a line, the next one starts on a line of its own.
        line_.clear();
        if (torn_) line_ += '\n';
        line_ += line;
        line_ += '\n';
        std::string_view rest = line_;
        while (!rest.empty()) {
            const ssize_t taken = ::write(fd_, rest.data(), rest.size());
            if (taken < 0 && errno == EINTR) continue;
            if (taken < 0 && errno == EAGAIN) { // stderr may be non-blocking by someone's doing
                pollfd waiting{fd_, POLLOUT, 0};
                ::poll(&waiting, 1, -1);
                continue;
            }
            if (taken < 0) throw std::system_error{errno, std::generic_category(), "write"};
            rest.remove_prefix(static_cast<std::size_t>(taken));
            torn_ = !rest.empty();
        }
    }
    bool wants_stamp() const noexcept override { return true; }

private:
    int fd_;
    bool is_ours_;
    bool torn_ = false;
    std::string line_;
};

class syslog_target final : public log_target {
public:
    explicit syslog_target(const std::string& ident)
    {
        // openlog() keeps the pointer, and there is one such pointer in a process: a reload opens
        // the new target before it closes the old one. So idents stay for good, and closelog(),
        // which would take the ident from the new target, is never called.
        static std::mutex mutex;
        static std::set<std::string> idents;
        const std::lock_guard lock{mutex};
        ::openlog(idents.insert(ident).first->c_str(), LOG_PID | LOG_NDELAY, LOG_MAIL);
    }

    void write(event::level level, std::string_view line) override
    {
        const auto size = static_cast<int>(line.size());
        ::syslog(LOG_MAIL | priority_of(level), "%.*s", size, line.data());
    }
    bool wants_stamp() const noexcept override { return false; }
};

/// Not spdlog's own sink: that one sends no facility, and without it rsyslog would not put what
/// it gets from the journal into mail.log.
class journal_target final : public log_target {
public:
    explicit journal_target(std::string ident)
        : ident_{"SYSLOG_IDENTIFIER=" + std::move(ident)}
        , pid_{fmt::format("SYSLOG_PID={}", ::getpid())}
        , facility_{fmt::format("SYSLOG_FACILITY={}", LOG_FAC(LOG_MAIL))}
    {
    }

    void write(event::level level, std::string_view line) override
    {
        message_.assign("MESSAGE=").append(line);
        auto priority = fmt::format("PRIORITY={}", priority_of(level));
        std::array fields{part(message_), part(priority), part(ident_), part(pid_),
                          part(facility_)};
        const int result = ::sd_journal_sendv(fields.data(), static_cast<int>(fields.size()));
        if (result < 0) throw std::system_error{-result, std::generic_category(), "journal"};
    }
    bool wants_stamp() const noexcept override { return false; }

private:
    static iovec part(std::string& text) noexcept { return {text.data(), text.size()}; }

    std::string ident_;
    std::string pid_;
    std::string facility_;
    std::string message_;
};

std::unique_ptr<log_target> open_file(const std::string& target, const std::string& path)
{
    // O_NONBLOCK only for open(): a FIFO without a reader is an error then and no endless wait.
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    const int fd = ::open(path.c_str(), flags, file_mode);
    if (fd < 0) fail_to_open(target, path, errno);
    ::fcntl(fd, F_SETFL, O_APPEND);
    return std::make_unique<descriptor_target>(fd, true);
}

/// Both libraries drop lines without a word when nobody listens: better not to start than to run
/// without a log.
void must_listen(const std::string& target, const char* path)
{
    if (::access(path, W_OK) != 0) fail_to_open(target, path, errno);
}

} // namespace

std::unique_ptr<log_target> open_log_target(const std::string& target, const std::string& ident)
{
    if (target == "stderr") return std::make_unique<descriptor_target>(STDERR_FILENO, false);
    if (target == "syslog") {
        must_listen(target, syslog_socket);
        return std::make_unique<syslog_target>(ident);
    }
    if (target == "journald") {
        must_listen(target, journal_socket);
        return std::make_unique<journal_target>(ident);
    }
    if (target.starts_with(file_prefix))
        return open_file(target, target.substr(file_prefix.size()));
    throw std::runtime_error{
        fmt::format("unknown log target {}: use stderr, syslog, journald or file:/path", target)};
}

} // namespace fendmail::io
