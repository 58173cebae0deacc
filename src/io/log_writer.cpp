// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/log_writer.hpp"

#include "log_target.hpp"

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/sink.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <pthread.h>
#include <unistd.h>

namespace fendmail::io {

namespace {

using clock = spdlog::log_clock;

constexpr std::size_t queue_lines = 8192;
/// How often flush() looks for lines that never reached the writer; those wake nobody.
constexpr milliseconds flush_poll{50};

constexpr auto to_spdlog(event::level level) noexcept
{
    switch (level) {
    case event::level::debug: return spdlog::level::debug;
    case event::level::info: return spdlog::level::info;
    case event::level::warning: return spdlog::level::warn;
    case event::level::error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

constexpr auto from_spdlog(spdlog::level::level_enum level) noexcept
{
    switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug: return event::level::debug;
    case spdlog::level::info: return event::level::info;
    case spdlog::level::warn: return event::level::warning;
    case spdlog::level::err:
    case spdlog::level::critical:
    case spdlog::level::off:
    case spdlog::level::n_levels: break;
    }
    return event::level::error;
}

/// RFC 3339 in UTC with milliseconds: "2025-11-21T06:07:08.123Z".
std::string utc_text(clock::time_point now)
{
    namespace chrono = std::chrono;
    const auto day = chrono::floor<chrono::days>(now);
    const chrono::year_month_day date{day};
    const chrono::hh_mm_ss time{chrono::floor<milliseconds>(now - day)};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       time.hours().count(), time.minutes().count(), time.seconds().count(),
                       time.subseconds().count());
}

void render(fmt::memory_buffer& out, const any_event& what, event::log_format format,
            event::log_words words, clock::time_point now)
{
    switch (format) {
    case event::log_format::postscreen: return event::render_postscreen(out, what, words);
    case event::log_format::json: return event::render_json(out, what, utc_text(now));
    case event::log_format::logfmt: return event::render_logfmt(out, what, utc_text(now));
    }
}

/// "Nov 21 06:07:08 host ident[pid]: message": the form of syslog's files, local time. localtime
/// takes a lock and looks at the zone, so it runs once a second and only on the writer thread.
class stamp_formatter final : public spdlog::formatter {
public:
    explicit stamp_formatter(std::string origin)
        : origin_{std::move(origin)}
    {
    }

    void format(const spdlog::details::log_msg& msg, spdlog::memory_buf_t& out) override
    {
        const auto second = clock::to_time_t(msg.time);
        if (stamp_.empty() || second != second_) renew(second);
        out.append(stamp_.data(), stamp_.data() + stamp_.size());
        out.append(msg.payload.data(), msg.payload.data() + msg.payload.size());
    }
    std::unique_ptr<spdlog::formatter> clone() const override
    {
        return std::make_unique<stamp_formatter>(origin_);
    }

private:
    void renew(std::time_t second)
    {
        // Not strftime: its names of months follow the locale.
        static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        std::tm t{};
        ::localtime_r(&second, &t);
        stamp_ = fmt::format(
            "{} {:>2} {:02}:{:02}:{:02} {}: ", months[static_cast<std::size_t>(t.tm_mon)],
            t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, origin_);
        second_ = second;
    }

    std::string origin_;
    std::time_t second_ = 0;
    std::string stamp_;
};

std::string origin_of(const log_options& options)
{
    std::string host = options.hostname;
    if (host.empty()) {
        std::array<char, 256> name{};
        if (::gethostname(name.data(), name.size() - 1) == 0) host = name.data();
    }
    return fmt::format("{} {}[{}]", host.empty() ? "localhost" : host, options.ident, ::getpid());
}

/// How many lines there were and how many are gone, so that flush() can wait.
class line_count {
public:
    void queued() noexcept { queued_.fetch_add(1); }
    /// A line that was counted as queued but got no place in the queue.
    void lost_at_door() noexcept { lost_at_door_.fetch_add(1); }
    [[nodiscard]] std::uint64_t all_lost_at_door() const noexcept { return lost_at_door_.load(); }

    /// The writer is done with a line.
    /// @param overrun lines that the queue has dropped so far. Only counted here, between two
    /// lines: everything before the line that is being written is gone, that line is not.
    void done(std::uint64_t overrun)
    {
        const std::lock_guard lock{mutex_};
        gone_ = ++done_ + overrun;
        changed_.notify_all();
    }
    /// Waits until all lines that were queued before the call are gone.
    /// @return false when the time limit came first
    bool wait(milliseconds time_limit)
    {
        const auto all = queued_.load();
        auto left = time_limit;
        std::unique_lock lock{mutex_};
        while (gone_ + lost_at_door_.load() < all) {
            if (left <= milliseconds{0}) return false;
            const auto turn = std::min(left, flush_poll);
            if (changed_.wait_for(lock, turn) == std::cv_status::timeout) left -= turn;
        }
        return true;
    }

private:
    std::atomic<std::uint64_t> queued_{0};
    std::atomic<std::uint64_t> lost_at_door_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t done_ = 0;
    std::uint64_t gone_ = 0;
};

/// The writer thread's end of the queue. Everything but the constructor runs on that thread.
class writer_sink final : public spdlog::sinks::sink {
public:
    writer_sink(const log_options& options, spdlog::details::thread_pool& pool, line_count& lines)
        : format_{options.format}
        , target_name_{options.target}
        , target_{open_log_target(options.target, options.ident)}
        , pool_{pool}
        , lines_{lines}
    {
        if (target_->wants_stamp() && format_ == event::log_format::postscreen)
            formatter_ = std::make_unique<stamp_formatter>(origin_of(options));
    }

    void log(const spdlog::details::log_msg& msg) override
    {
        try {
            ++failed_; // until it is written
            write(msg);
            --failed_;
            report_lost();
        } catch (const std::exception& e) {
            complain(e.what());
        }
        lines_.done(pool_.overrun_counter());
    }
    void flush() override {}
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter> f) override { formatter_ = std::move(f); }

private:
    void write(const spdlog::details::log_msg& msg)
    {
        const auto level = from_spdlog(msg.level);
        if (!formatter_) return target_->write(level, {msg.payload.data(), msg.payload.size()});
        spdlog::memory_buf_t line;
        formatter_->format(msg, line);
        target_->write(level, {line.data(), line.size()});
    }

    /// Says how many lines are missing once the queue has room again. Written from here, since a
    /// line that went through the queue could be lost as well.
    void report_lost()
    {
        const auto lost = pool_.overrun_counter() + lines_.all_lost_at_door() + failed_;
        if (lost == reported_ || pool_.queue_size() > queue_lines / 2) return;
        const auto now = clock::now();
        const event::log_lines_lost what{static_cast<std::size_t>(lost - reported_)};
        fmt::memory_buffer line;
        render(line, what, format_, event::log_words::respectful, now);
        const spdlog::string_view_t text{line.data(), line.size()};
        write({now, {}, {}, to_spdlog(event::level_of(what)), text});
        reported_ = lost;
    }

    void complain(const char* why) noexcept
    {
        if (has_complained_) return;
        has_complained_ = true;
        std::fprintf(stderr, "fendmail: cannot write the log to %s: %s; said only once\n",
                     target_name_.c_str(), why);
    }

    event::log_format format_;
    std::string target_name_;
    std::unique_ptr<log_target> target_;
    std::unique_ptr<spdlog::formatter> formatter_;
    spdlog::details::thread_pool& pool_;
    line_count& lines_;
    std::uint64_t failed_ = 0;
    std::uint64_t reported_ = 0;
    bool has_complained_ = false;
};

/// A closed pipe on stderr or a full quota must be an error of write(), not the end of us.
void block_write_signals() noexcept
{
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGPIPE);
    ::sigaddset(&signals, SIGXFSZ);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

} // namespace

struct log_writer::impl {
    explicit impl(const log_options& options)
        : format{options.format}
        , words{options.words}
        , pool{std::make_shared<spdlog::details::thread_pool>(
              queue_lines, 1, [] { block_write_signals(); }, [] {})}
        , logger{std::make_shared<spdlog::async_logger>(
              "", std::make_shared<writer_sink>(options, *pool, lines), pool,
              spdlog::async_overflow_policy::overrun_oldest)}
    {
        logger->set_level(spdlog::level::info);
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    // Ends the writer thread before what it uses goes: logger, sink and counts.
    ~impl() { pool.reset(); }

    event::log_format format;
    event::log_words words;
    line_count lines;
    std::shared_ptr<spdlog::details::thread_pool> pool;
    std::shared_ptr<spdlog::async_logger> logger;
};

log_writer::log_writer(const log_options& options)
    : impl_{std::make_unique<impl>(options)}
{
}

log_writer::~log_writer()
{
    flush();
}

void log_writer::on(const any_event& what) noexcept
{
    const auto level = to_spdlog(event::level_of(what));
    if (!impl_->logger->should_log(level)) return;
    // Counted before it is in the queue: otherwise a line of another thread that is written but
    // not yet counted could stand for ours in flush().
    impl_->lines.queued();
    try {
        const auto now = clock::now();
        fmt::memory_buffer line;
        render(line, what, impl_->format, impl_->words, now);
        impl_->logger->log(now, {}, level, spdlog::string_view_t{line.data(), line.size()});
    } catch (...) { // out of memory
        impl_->lines.lost_at_door();
    }
}

bool log_writer::flush(milliseconds time_limit) noexcept
{
    return impl_->lines.wait(time_limit);
}

} // namespace fendmail::io
