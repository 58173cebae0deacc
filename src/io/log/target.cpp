// SPDX-License-Identifier: Apache-2.0
#include "target.hpp"

#include "fendmail/io/log/writer.hpp"
#include "socket.hpp"
#include "stamp.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <iterator>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/stat.h>
#include <syslog.h>
#include <system_error>
#include <unistd.h>

#include <systemd/sd-daemon.h>

namespace fendmail::io {

namespace {

/// Lines go out together in blocks of at most this size, or alone when they are longer: the kernel
/// writes so much to a pipe in one piece, so lines of two processes in one pipe or file (which is
/// open for appending) do not mix.
constexpr std::size_t block_octets = PIPE_BUF;
constexpr mode_t file_mode = 0640; // client addresses are personal data
/// How often a file that cannot be opened is tried again.
constexpr std::chrono::seconds open_again_after{1};

std::string text_of(std::string_view call, int error)
{
    return fmt::format("{}: {}", call, std::generic_category().message(error));
}

[[noreturn]] void fail_to_open(const log_destination& target, std::string_view path, int error)
{
    throw std::runtime_error{
        fmt::format("cannot open log target {}: {}", to_text(target), text_of(path, error))};
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

/// sd-daemon(3): systemd takes it from the beginning of each line.
std::string_view prefix_of(event::level level) noexcept
{
    switch (level) {
    case event::level::debug: return SD_DEBUG;
    case event::level::info: return SD_INFO;
    case event::level::warning: return SD_WARNING;
    case event::level::error: return SD_ERR;
    }
    return SD_ERR;
}

/// systemd.exec(5): JOURNAL_STREAM is "device:inode" of the stream to the journal that it has given
/// us. A program between it and us may have put another file there since.
bool is_journal(int fd) noexcept
{
    const char* const named = std::getenv("JOURNAL_STREAM");
    struct stat here{};
    if (named == nullptr || ::fstat(fd, &here) != 0) return false;
    std::array<char, 64> text{};
    const auto end = fmt::format_to_n(text.data(), text.size(), "{}:{}", here.st_dev, here.st_ino);
    return std::string_view{text.data(), std::min(end.size, text.size())} == named;
}

/// stderr, for lines that another target does not take. It is not waited for: a pipe that is full
/// takes nothing.
class stand_in {
public:
    explicit stand_in(const log_target_options& options)
        : hostname_{options.hostname}
        , is_journal_{is_journal(STDERR_FILENO)}
    {
    }

    /// @param has_stamp the line carries time, host and program itself
    void write(event::level level, std::string_view ident, std::string_view line,
               bool has_stamp) noexcept
    try {
        pollfd ready{STDERR_FILENO, POLLOUT, 0};
        if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return;
        std::string text;
        if (is_journal_)
            text = prefix_of(level);
        else if (!has_stamp)
            text = fmt::format("{}{} {}[{}]: ", stamp_.at(std::time(nullptr)), hostname_, ident,
                               ::getpid());
        fmt::format_to(std::back_inserter(text), "{}\n", line);
        [[maybe_unused]] const auto taken = ::write(STDERR_FILENO, text.data(), text.size());
    } catch (const std::exception&) {
        // It is counted as lost in any case.
    }

private:
    std::string hostname_;
    bool is_journal_;
    log_stamp stamp_;
};

/// What stands in front of each line.
enum class line_start { stamp, priority };

class descriptor_target : public log_target {
public:
    descriptor_target(int fd, line_start start)
        : fd_{fd}
        , start_{start}
    {
        block_.reserve(block_octets + 2);
    }
    ~descriptor_target() override
    {
        if (fd_ > STDERR_FILENO) ::close(fd_);
    }

    void write(event::level level, std::string_view, std::string_view line) noexcept override
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
            } else if (taken < 0 && errno == EAGAIN) { // another process may have set stderr so
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

protected:
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    void use(int fd) noexcept { fd_ = fd; }

private:
    static std::uint64_t line_ends(std::string_view text) noexcept
    {
        return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    }

    int fd_;
    line_start start_;
    bool is_torn_ = false; ///< what was written last has no end of line
    std::string block_;    ///< whole lines
};

/// @return -1 with errno
int open_to_append(const std::string& path) noexcept
{
    // O_NONBLOCK only for open(): a FIFO without a reader is an error then and no endless wait.
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    const int fd = ::open(path.c_str(), flags, file_mode);
    if (fd >= 0) ::fcntl(fd, F_SETFL, O_APPEND);
    return fd;
}

/// A file; while it cannot be opened, lines go to stderr and count as failed.
class file_target final : public descriptor_target {
public:
    file_target(std::string path, const log_target_options& options)
        : descriptor_target{open_to_append(path), line_start::stamp}
        , path_{std::move(path)}
        , stand_in_{options}
    {
        if (!is_open() && options.must_open) fail_to_open(options.target, path_, errno);
    }

    void write(event::level level, std::string_view ident, std::string_view line) noexcept override
    {
        if (!is_open()) open();
        if (is_open()) return descriptor_target::write(level, ident, line);
        keep();
        lose(path_, error_);
        stand_in_.write(level, ident, line, true);
    }
    bool stands_in() const noexcept override { return !is_open(); }
    void tell(event::level level, std::string_view ident, std::string_view line) noexcept override
    {
        stand_in_.write(level, ident, line, true);
    }

private:
    void open() noexcept
    {
        const auto now = std::chrono::steady_clock::now();
        if (now < open_at_) return;
        open_at_ = now + open_again_after;
        use(open_to_append(path_));
        error_ = errno;
    }

    std::string path_;
    stand_in stand_in_;
    std::chrono::steady_clock::time_point open_at_{};
    int error_ = 0;
};

/// A log daemon; while it takes nothing, lines go to stderr and count as failed.
class socket_target : public log_target {
public:
    socket_target(const std::string& path, const log_target_options& options)
        : socket_{path}
        , stand_in_{options}
    {
        // Where the caller may fail: better not to start than to run without a log.
        if (options.must_open && ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0)
            fail_to_open(options.target, path, errno);
    }

    void write(event::level level, std::string_view ident, std::string_view line) noexcept override
    {
        keep();
        if (const int error = send(level, ident, line); error == 0) {
            settle(1);
        } else {
            lose(socket_.path(), error);
            stand_in_.write(level, ident, line, false);
        }
    }
    bool wants_stamp() const noexcept override { return false; }
    bool stands_in() const noexcept override { return true; }
    void tell(event::level level, std::string_view ident, std::string_view line) noexcept override
    {
        stand_in_.write(level, ident, line, false);
    }

protected:
    /// Appends the message in the daemon's own form.
    virtual void compose(std::string& out, event::level level, std::string_view ident,
                         std::string_view line) = 0;

private:
    int send(event::level level, std::string_view ident, std::string_view line) noexcept
    try {
        message_.clear();
        compose(message_, level, ident, line);
        return socket_.send(message_);
    } catch (const std::exception&) {
        return ENOMEM;
    }

    log_socket socket_;
    stand_in stand_in_;
    std::string message_;
};

class syslog_target final : public socket_target {
public:
    using socket_target::socket_target;

private:
    void compose(std::string& out, event::level level, std::string_view ident,
                 std::string_view line) override
    {
        fmt::format_to(std::back_inserter(out), "<{}>{}{}[{}]: {}", LOG_MAIL | priority_of(level),
                       stamp_.at(std::time(nullptr)), ident, ::getpid(), line);
    }

    log_stamp stamp_;
};

/// Not spdlog's own sink: that one sends no facility, and without it rsyslog would not put what
/// it gets from the journal into mail.log.
class journal_target final : public socket_target {
public:
    using socket_target::socket_target;

private:
    void compose(std::string& out, event::level level, std::string_view ident,
                 std::string_view line) override
    {
        fmt::format_to(std::back_inserter(out),
                       "MESSAGE={}\nPRIORITY={}\nSYSLOG_FACILITY={}\nSYSLOG_IDENTIFIER={}\n"
                       "SYSLOG_PID={}\n",
                       line, priority_of(level), LOG_FAC(LOG_MAIL), ident, ::getpid());
    }
};

/// Of the standard streams. The journal stamps lines by itself. Its own protocol also carries ident
/// and facility; where its socket cannot be reached, what systemd reads from the stream at least
/// carries the priority.
std::unique_ptr<log_target> open_stream(int stream, const log_target_options& options)
{
    if (!is_journal(stream)) return std::make_unique<descriptor_target>(stream, line_start::stamp);
    if (::faccessat(AT_FDCWD, options.journal_socket.c_str(), W_OK, AT_EACCESS) == 0)
        return std::make_unique<journal_target>(options.journal_socket, options);
    return std::make_unique<descriptor_target>(stream, line_start::priority);
}

/// 0, or the error that appending to it would meet; changes nothing.
int try_to_append(const std::string& path) noexcept
{
    if (::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0) return 0;
    if (errno != ENOENT) return errno;
    const auto slash = path.rfind('/');
    const std::string directory = slash == 0 ? "/" : path.substr(0, slash);
    return ::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

} // namespace

std::string log_target::why() const
{
    return text_of(failed_call_, error_);
}

void log_target::settle(std::uint64_t lines) noexcept
{
    kept_ -= lines;
    if (lines != 0) is_failing_ = false;
}

void log_target::lose(std::string_view what, int error) noexcept
{
    if (!is_failing_) {
        failed_call_ = what;
        error_ = error;
    }
    --kept_;
    ++failed_;
    is_failing_ = true;
}

std::unique_ptr<log_target> open_log_target(const log_target_options& options)
{
    switch (options.target.to) {
    case log_destination::kind::standard_error: return open_stream(STDERR_FILENO, options);
    case log_destination::kind::standard_output: return open_stream(STDOUT_FILENO, options);
    case log_destination::kind::syslog:
        return std::make_unique<syslog_target>(options.syslog_socket, options);
    case log_destination::kind::journald:
        return std::make_unique<journal_target>(options.journal_socket, options);
    case log_destination::kind::file:
        return std::make_unique<file_target>(options.target.path, options);
    }
    return open_stream(STDERR_FILENO, options);
}

std::string trouble_with_log(const log_destination& target)
{
    const log_target_options usual;
    const auto text = [](const std::string& path, int error) {
        return error == 0 ? std::string{} : text_of(path, error);
    };
    const auto missing = [&](const std::string& path) {
        return text(path, ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0 ? 0 : errno);
    };
    switch (target.to) {
    case log_destination::kind::standard_error:
    case log_destination::kind::standard_output: return {};
    case log_destination::kind::syslog: return missing(usual.syslog_socket);
    case log_destination::kind::journald: return missing(usual.journal_socket);
    case log_destination::kind::file: return text(target.path, try_to_append(target.path));
    }
    return {};
}

} // namespace fendmail::io
