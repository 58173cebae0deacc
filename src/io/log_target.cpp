// SPDX-License-Identifier: Apache-2.0
#include "log_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <set>
#include <stdexcept>
#include <string_view>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <system_error>
#include <unistd.h>

// The place in our source says nothing about what happened; the event's name is in the message.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

namespace fendmail::io {

namespace {

constexpr std::string_view file_prefix = "file:";
/// Lines go out together in blocks of at most this size, or alone when they are longer: the kernel
/// writes so much to a pipe in one piece, so lines of two processes in one pipe or file (which is
/// open for appending) do not mix.
constexpr std::size_t block_octets = PIPE_BUF;
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

/// What stands in front of each line.
enum class line_start { stamp, priority };

class descriptor_target final : public log_target {
public:
    descriptor_target(int fd, bool is_ours, line_start start)
        : fd_{fd}
        , is_ours_{is_ours}
        , start_{start}
    {
        block_.reserve(block_octets + 2);
    }
    ~descriptor_target() override
    {
        if (is_ours_) ::close(fd_);
    }

    void write(event::level level, std::string_view line) noexcept override
    {
        const std::string_view start = start_ == line_start::priority ? prefix_of(level) : "";
        if (kept() != 0 && block_.size() + start.size() + line.size() + 1 > block_octets) flush();
        keep();
        try {
            // The rest takes no memory.
            block_.reserve(block_.size() + start.size() + line.size() + 2);
        } catch (const std::exception&) {
            return lose("write", ENOMEM); // no other is kept: a block has its memory already
        }
        if (block_.empty() && is_torn_) block_ += '\n';
        block_ += start;
        block_ += line;
        block_ += '\n';
        if (block_.size() >= block_octets) flush();
    }

    /// A line that fails takes no other with it: those behind it are tried again.
    void flush() noexcept override
    {
        bool repairs = is_torn_; // the first octet ends the torn line, and no line of this block
        for (std::string_view rest = block_; kept() != 0;) {
            const ssize_t taken = ::write(fd_, rest.data(), rest.size());
            if (taken > 0) {
                const auto part = rest.substr(0, static_cast<std::size_t>(taken));
                settle(line_ends(part) - (repairs ? 1 : 0));
                rest.remove_prefix(part.size());
                is_torn_ = part.back() != '\n';
                repairs = false;
            } else if (taken < 0 && errno == EAGAIN) { // stderr may be so by someone's doing
                pollfd waiting{fd_, POLLOUT, 0};
                ::poll(&waiting, 1, -1);
            } else if (taken < 0 && errno != EINTR) {
                lose("write", errno);
                // After a disk ran full in the middle of a line, the next one starts on a line of
                // its own: the end of the one that is dropped stays for that.
                rest.remove_prefix(rest.find('\n', repairs ? 1 : 0) + (is_torn_ ? 0 : 1));
                repairs = is_torn_;
            }
        }
        block_.clear();
    }
    bool wants_stamp() const noexcept override { return start_ == line_start::stamp; }

private:
    /// sd-daemon(3): systemd takes it from the beginning of each line.
    static std::string_view prefix_of(event::level level) noexcept
    {
        switch (level) {
        case event::level::debug: return SD_DEBUG;
        case event::level::info: return SD_INFO;
        case event::level::warning: return SD_WARNING;
        case event::level::error: return SD_ERR;
        }
        return SD_ERR;
    }
    static std::uint64_t line_ends(std::string_view text) noexcept
    {
        return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    }

    int fd_;
    bool is_ours_;
    line_start start_;
    bool is_torn_ = false; ///< what was written last has no end of line
    std::string block_;    ///< whole lines
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

    void write(event::level level, std::string_view line) noexcept override
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

    void write(event::level level, std::string_view line) noexcept override
    {
        keep();
        const int result = send(level, line);
        result < 0 ? lose("journal", -result) : settle(1);
    }
    bool wants_stamp() const noexcept override { return false; }

private:
    int send(event::level level, std::string_view line) noexcept
    try {
        message_.assign("MESSAGE=").append(line);
        auto priority = fmt::format("PRIORITY={}", priority_of(level));
        std::array fields{part(message_), part(priority), part(ident_), part(pid_),
                          part(facility_)};
        return ::sd_journal_sendv(fields.data(), static_cast<int>(fields.size()));
    } catch (const std::exception&) {
        return -ENOMEM;
    }
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
    return std::make_unique<descriptor_target>(fd, true, line_start::stamp);
}

/// systemd.exec(5): JOURNAL_STREAM is "device:inode" of the stream to the journal that it has given
/// us. Somebody between it and us may have put another file there since.
bool is_journal(int fd) noexcept
{
    const char* const named = std::getenv("JOURNAL_STREAM");
    struct stat here{};
    if (named == nullptr || ::fstat(fd, &here) != 0) return false;
    std::array<char, 64> text{};
    const auto end = fmt::format_to_n(text.data(), text.size(), "{}:{}", here.st_dev, here.st_ino);
    return std::string_view{text.data(), std::min(end.size, text.size())} == named;
}

/// The journal stamps lines by itself. Its own protocol also carries ident and facility; where its
/// socket cannot be reached, what systemd reads from the stream at least carries the priority.
std::unique_ptr<log_target> open_stderr(const std::string& ident)
{
    if (!is_journal(STDERR_FILENO))
        return std::make_unique<descriptor_target>(STDERR_FILENO, false, line_start::stamp);
    if (::access(journal_socket, W_OK) == 0) return std::make_unique<journal_target>(ident);
    return std::make_unique<descriptor_target>(STDERR_FILENO, false, line_start::priority);
}

/// Both libraries drop lines without a word when nobody listens: better not to start than to run
/// without a log.
void must_listen(const std::string& target, const char* path)
{
    if (::access(path, W_OK) != 0) fail_to_open(target, path, errno);
}

} // namespace

std::string log_target::why() const
{
    return fmt::format("{}: {}", failed_call_, std::generic_category().message(error_));
}

void log_target::settle(std::uint64_t lines) noexcept
{
    kept_ -= lines;
    if (lines != 0) is_failing_ = false;
}

void log_target::lose(const char* what, int error) noexcept
{
    if (failed_ == 0) {
        failed_call_ = what;
        error_ = error;
    }
    --kept_;
    ++failed_;
    is_failing_ = true;
}

std::unique_ptr<log_target> open_log_target(const std::string& target, const std::string& ident)
{
    if (target == "stderr") return open_stderr(ident);
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
