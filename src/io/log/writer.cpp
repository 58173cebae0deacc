// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/log/writer.hpp"

#include "stamp.hpp"
#include "target.hpp"

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/sink.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <unistd.h>

namespace fendmail::io {

namespace {

using clock = spdlog::log_clock;

constexpr std::size_t queue_lines = 8192;
/// How often flush() looks for lines that never reached the writer, which nothing else reports.
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

std::string host_of(const log_options& options)
{
    if (!options.hostname.empty()) return options.hostname;
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    return name[0] == 0 ? "localhost" : name.data();
}

/// The program names of lines. Postfix's helpers log under names of their own, which log analysers
/// look for: with the ident "postfix/postscreen" their lines are those of "postfix/dnsblog".
class line_idents {
public:
    line_idents(const log_options& options)
        : own_{options.ident}
    {
        constexpr std::string_view screen = "postscreen";
        const std::string_view ident = own_;
        const bool is_ours = ident == screen || ident.ends_with("/postscreen");
        if (is_ours && options.format == event::log_format::postscreen)
            stem_ = ident.substr(0, ident.size() - screen.size());
        is_postfix_ = is_ours && options.format == event::log_format::postscreen;
    }

    /// @param program of event::program_of(); valid until the next call
    [[nodiscard]] const std::string& of(std::string_view program)
    {
        if (program.empty() || !is_postfix_) return own_;
        helper_ = stem_;
        return helper_.append(program);
    }

private:
    std::string own_;
    std::string stem_; ///< "postfix/"
    std::string helper_;
    bool is_postfix_ = false;
};

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
    /// Lines that are missing from the log, as the writer's thread found them.
    void note_lost(std::uint64_t all) noexcept { lost_.store(all); }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(); }
    [[nodiscard]] std::uint64_t all_lost_at_door() const noexcept { return lost_at_door_.load(); }

    /// @param lines that left the queue and are done with. All that were queued before the last of
    /// them must be gone, so that no other line stands for one that wait() waits for.
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
    /// wait() is called, they are many, or `most` is over. A thread that queues one meanwhile need
    /// not wake the writer.
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
    std::atomic<std::uint64_t> lost_{0};
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
        , target_name_{to_text(options.target)}
        , host_{host_of(options)}
        , idents_{options}
        , target_{open_log_target(target_options(options))}
        , pool_{pool}
        , lines_{lines}
    {
        is_stamped_ = target_->wants_stamp() && format_ == event::log_format::postscreen;
    }

    void log(const spdlog::details::log_msg& msg) override
    {
        ++taken_;
        ++unformatted_; // until it is
        if (target_->kept() == 0) kept_since_ = msg.time;
        attempt([&] {
            write(msg);
            --unformatted_;
        });
        const bool idle = is_queue_empty();
        if (idle) target_->flush();
        note_losses(msg.time);
        if (taken_ - target_->kept() == done_) return; // all others are where they were
        attempt([&] {
            report_lost();
            if (target_->is_failing()) tell_failing();
        });
        publish();
        if (idle) lines_.pause(gathering_);
    }
    void flush() override {}
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

private:
    static log_target_options target_options(const log_options& options)
    {
        log_target_options made{
            .target = options.target, .hostname = host_of(options), .must_open = options.must_open};
        if (!options.syslog_socket.empty()) made.syslog_socket = options.syslog_socket;
        if (!options.journal_socket.empty()) made.journal_socket = options.journal_socket;
        return made;
    }

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
        const auto* const program = msg.source.filename;
        write(from_spdlog(msg.level), msg.time, program == nullptr ? "" : program,
              {msg.payload.data(), msg.payload.size()});
    }
    void write(event::level level, clock::time_point at, std::string_view program,
               std::string_view text)
    {
        const std::string& ident = idents_.of(program);
        target_->write(level, ident, is_stamped_ ? stamped(at, ident, text) : text);
    }
    /// The form of syslog's files. Valid until the next call.
    std::string_view stamped(clock::time_point at, std::string_view ident, std::string_view text)
    {
        line_.clear();
        fmt::format_to(fmt::appender(line_), "{}{} {}[{}]: {}", stamp_.at(clock::to_time_t(at)),
                       host_, ident, ::getpid(), text);
        return {line_.data(), line_.size()};
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

    /// Keeps between which lines others are missing.
    /// @param at when the line at hand was logged
    void note_losses(clock::time_point at)
    {
        const auto lost = all_lost();
        if (lost != noted_) {
            const bool has_failed = target_->failed() != failed_before_;
            // What the target did not take is at hand; what the queue dropped came before.
            if (noted_ == reported_) lost_since_ = has_failed ? kept_since_ : last_line_;
            lost_until_ = at;
            if (has_failed) lost_why_ = target_->why();
            noted_ = lost;
            lines_.note_lost(lost);
            failed_before_ = target_->failed();
        }
        last_line_ = at;
    }

    /// Says how many lines are missing once the queue has room again. Written from here, since a
    /// line that went through the queue could be lost as well.
    void report_lost()
    {
        if (all_lost() == reported_ || pool_.queue_size() > queue_lines / 2) return;
        target_->flush(); // may lose more
        if (target_->is_failing()) return;
        const auto now = clock::now();
        note_losses(now);
        const auto lost = all_lost();
        const auto failed = target_->failed();
        tell_working(now);
        const auto since = utc_text(lost_since_);
        const auto until = utc_text(lost_until_);
        std::string_view why = lost_why_;
        if (why.empty()) why = "more lines came than the log target takes";
        write_own(
            event::log_lines_lost{static_cast<std::size_t>(lost - reported_), since, until, why},
            now);
        target_->flush();
        failed_reports_ += target_->failed() - failed;
        failed_before_ = target_->failed();
        if (target_->failed() != failed) return;
        reported_ = noted_ = lost;
        lost_why_.clear();
    }

    void write_own(const any_event& what, clock::time_point now)
    {
        fmt::memory_buffer text;
        render(text, what, format_, event::log_words::respectful, now);
        write(event::level_of(what), now, "", {text.data(), text.size()});
    }

    /// Once for each time that the target fails, where lines go meanwhile.
    void tell_failing()
    {
        if (!target_->stands_in()) return complain(target_->why().c_str());
        if (failing_since_) return;
        failing_since_ = clock::now();
        const auto why = target_->why();
        const event::log_unavailable what{target_name_, why};
        fmt::memory_buffer text;
        render(text, what, format_, event::log_words::respectful, *failing_since_);
        const std::string& ident = idents_.of("");
        const std::string_view plain{text.data(), text.size()};
        target_->tell(event::level_of(what), ident,
                      is_stamped_ ? stamped(*failing_since_, ident, plain) : plain);
    }

    void tell_working(clock::time_point now)
    {
        if (!failing_since_) return;
        const auto after = std::chrono::duration_cast<seconds>(now - *failing_since_);
        failing_since_.reset();
        write_own(event::log_restored{target_name_, after}, now);
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
    std::string host_;
    line_idents idents_;
    std::unique_ptr<log_target> target_;
    bool is_stamped_ = false;
    log_stamp stamp_;
    fmt::memory_buffer line_;
    spdlog::details::thread_pool& pool_;
    line_count& lines_;
    std::size_t ahead_ = 0;         ///< lines that are in the queue for certain
    std::uint64_t taken_ = 0;       ///< lines from the queue
    std::uint64_t done_ = 0;        ///< of these, neither kept nor at hand
    std::uint64_t overrun_ = 0;     ///< lines the queue had dropped when publish() last looked
    std::uint64_t unformatted_ = 0; ///< lines that there was no memory for
    std::uint64_t failed_reports_ = 0;
    std::uint64_t reported_ = 0;
    std::uint64_t noted_ = 0;                    ///< lost lines that note_losses() has seen
    std::uint64_t failed_before_ = 0;            ///< of them, those that the target did not take
    clock::time_point kept_since_{clock::now()}; ///< the oldest line that is kept, or at hand
    clock::time_point last_line_{clock::now()};
    clock::time_point lost_since_{};
    clock::time_point lost_until_{};
    std::string lost_why_;
    std::optional<clock::time_point> failing_since_; ///< and that was reported
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
        , summary{options.summary}
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
    bool summary;
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
    if (!impl_->summary && std::holds_alternative<event::session_ended>(what)) return;
    // Counted before it is in the queue: otherwise a line of another thread that is written but
    // not yet counted could stand for ours in flush().
    impl_->lines.queued();
    try {
        const auto now = clock::now();
        fmt::memory_buffer line;
        render(line, what, impl_->format, impl_->words, now);
        // The place in the source is what spdlog carries along; program_of() gives literals.
        const auto program = event::program_of(what);
        const spdlog::source_loc carried{program.empty() ? nullptr : program.data(), 1, nullptr};
        impl_->logger->log(now, carried, level, spdlog::string_view_t{line.data(), line.size()});
    } catch (...) { // out of memory
        impl_->lines.lost_at_door();
    }
}

std::uint64_t log_writer::lost() const noexcept
{
    return impl_->lines.lost();
}

bool log_writer::flush(milliseconds time_limit) noexcept
{
    return impl_->lines.wait(time_limit);
}

} // namespace fendmail::io
