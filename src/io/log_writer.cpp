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
/// So many lines end the pause in which they gather: room is left for those that come while the
/// writer wakes up.
constexpr std::size_t gathered_lines = queue_lines / 4;

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

/// How many lines there were and how many are gone, so that flush() can wait, and the pause of the
/// writer thread.
class line_count {
public:
    void queued() noexcept
    {
        const auto all = queued_.fetch_add(1) + 1;
        auto enough = enough_.load();
        if (all < enough || !enough_.compare_exchange_strong(enough, never)) return;
        {
            const std::lock_guard lock{mutex_};
        } // the writer waits by now, or will not
        hurry_.notify_one();
    }
    /// A line that was counted as queued but got no place in the queue.
    void lost_at_door() noexcept { lost_at_door_.fetch_add(1); }
    [[nodiscard]] std::uint64_t all_lost_at_door() const noexcept { return lost_at_door_.load(); }

    /// @param lines that left the queue and are done with. All that were queued before the last of
    /// them must be gone, so that no other line stands for one that somebody waits for.
    void gone(std::uint64_t lines)
    {
        const std::lock_guard lock{mutex_};
        gone_ = lines;
        changed_.notify_all();
    }
    /// Waits until all lines that were queued before the call are gone.
    /// @return false when the time limit came first
    bool wait(milliseconds time_limit)
    {
        const auto all = queued_.load();
        auto left = time_limit;
        std::unique_lock lock{mutex_};
        hurry(+1);
        while (gone_ + lost_at_door_.load() < all && left > milliseconds{0}) {
            const auto turn = std::min(left, flush_poll);
            if (changed_.wait_for(lock, turn) == std::cv_status::timeout) left -= turn;
        }
        hurry(-1);
        return gone_ + lost_at_door_.load() >= all;
    }

    /// For the writer, when the queue was empty and all is written: lets lines gather, until
    /// somebody waits for them, they are many, or `most` is over. Whoever queues one meanwhile has
    /// nobody to wake up.
    void pause(milliseconds most)
    {
        std::unique_lock lock{mutex_};
        // Counted from those that are gone: some may have come since the queue was looked at.
        const auto enough = gone_ + lost_at_door_.load() + gathered_lines;
        enough_.store(enough);
        hurry_.wait_for(lock, most, [&] { return in_a_hurry_ != 0 || queued_.load() >= enough; });
        enough_.store(never);
    }
    /// No pause from now on.
    void no_more_pause()
    {
        const std::lock_guard lock{mutex_};
        hurry(+1);
    }

private:
    static constexpr std::uint64_t never = UINT64_MAX;

    void hurry(int change)
    {
        in_a_hurry_ += change;
        hurry_.notify_one();
    }

    std::atomic<std::uint64_t> queued_{0};
    std::atomic<std::uint64_t> lost_at_door_{0};
    std::atomic<std::uint64_t> enough_{never}; ///< so many queued lines end the pause
    std::mutex mutex_;
    std::condition_variable changed_;
    std::condition_variable hurry_;
    std::uint64_t gone_ = 0;
    int in_a_hurry_ = 0; ///< how many have no time for a pause
};

/// The writer thread's end of the queue. Everything but the constructor runs on that thread.
///
/// Waking that thread costs a worker more than rendering a line. So when the queue is empty and all
/// is written it does not wait for the next line, which would wake it, but pauses first. After a
/// pause without lines it waits for one, and writes that one at once.
class writer_sink final : public spdlog::sinks::sink {
public:
    writer_sink(const log_options& options, spdlog::details::thread_pool& pool, line_count& lines)
        : format_{options.format}
        , gathering_{options.gathering}
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
        ++taken_;
        ++unformatted_; // until it is
        attempt([&] {
            write(msg);
            --unformatted_;
        });
        const bool idle = is_queue_empty();
        if (idle) target_->flush();
        if (taken_ - target_->kept() == done_) return; // all others are where they were
        attempt([&] {
            report_lost();
            if (target_->failed() != 0 && !has_complained_) complain(target_->why().c_str());
        });
        publish();
        if (idle) lines_.pause(gathering_);
    }
    void flush() override {}
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter> f) override { formatter_ = std::move(f); }

private:
    /// `what` throws for want of memory only.
    void attempt(const auto& what) noexcept
    try {
        what();
    } catch (const std::exception& e) {
        complain(e.what());
        target_->flush(); // so that the line at hand is not done with before those it kept
    }

    void write(const spdlog::details::log_msg& msg)
    {
        const auto level = from_spdlog(msg.level);
        if (!formatter_) return target_->write(level, {msg.payload.data(), msg.payload.size()});
        spdlog::memory_buf_t line;
        formatter_->format(msg, line);
        target_->write(level, {line.data(), line.size()});
    }

    /// Asks the queue, which takes its lock, only when all that were in it last time are taken.
    bool is_queue_empty()
    {
        if (ahead_ > 0) --ahead_;
        if (ahead_ == 0) ahead_ = pool_.queue_size();
        return ahead_ == 0;
    }

    [[nodiscard]] std::uint64_t all_lost() const
    {
        return pool_.overrun_counter() + lines_.all_lost_at_door() + unformatted_ +
               target_->failed() - failed_reports_;
    }

    /// Says how many lines are missing once the queue has room again. Written from here, since a
    /// line that went through the queue could be lost as well.
    void report_lost()
    {
        if (all_lost() == reported_ || pool_.queue_size() > queue_lines / 2) return;
        target_->flush(); // may lose more
        if (target_->is_failing()) return;
        const auto lost = all_lost();
        const auto now = clock::now();
        const event::log_lines_lost what{static_cast<std::size_t>(lost - reported_)};
        fmt::memory_buffer line;
        render(line, what, format_, event::log_words::respectful, now);
        const spdlog::string_view_t text{line.data(), line.size()};
        const auto failed = target_->failed();
        write({now, {}, {}, to_spdlog(event::level_of(what)), text});
        target_->flush();
        if (target_->failed() == failed)
            reported_ = lost;
        else
            ++failed_reports_;
    }

    /// Lines that the queue drops are newer than the one that was taken last and older than all
    /// that are taken later. So they count as gone only when no line that was taken before them
    /// is kept.
    void publish()
    {
        done_ = taken_ - target_->kept();
        if (target_->kept() == 0) overrun_ = pool_.overrun_counter();
        lines_.gone(done_ + overrun_);
        if (target_->kept() != 0) overrun_ = pool_.overrun_counter();
    }

    void complain(const char* why) noexcept
    {
        if (has_complained_) return;
        has_complained_ = true;
        std::fprintf(stderr, "fendmail: cannot write the log to %s: %s; said only once\n",
                     target_name_.c_str(), why);
    }

    event::log_format format_;
    milliseconds gathering_;
    std::string target_name_;
    std::unique_ptr<log_target> target_;
    std::unique_ptr<spdlog::formatter> formatter_;
    spdlog::details::thread_pool& pool_;
    line_count& lines_;
    std::size_t ahead_ = 0;         ///< lines that are in the queue for certain
    std::uint64_t taken_ = 0;       ///< lines from the queue
    std::uint64_t done_ = 0;        ///< of these, neither kept nor at hand
    std::uint64_t overrun_ = 0;     ///< lines the queue had dropped when publish() last looked
    std::uint64_t unformatted_ = 0; ///< lines that there was no memory for
    std::uint64_t failed_reports_ = 0;
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
    ~impl()
    {
        lines.no_more_pause();
        pool.reset();
    }

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
