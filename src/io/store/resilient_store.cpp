// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/store/resilient_store.hpp"

#include "fendmail/core/throttle/lasting_trouble.hpp"
#include "fendmail/io/store/memory_store.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>

namespace fendmail::io {

class resilient_store::impl {
public:
    impl(resilient_options options, event_sink& events, std::function<instant()> now);
    ~impl();
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    std::optional<screen::client_record> get(const screen::client_key& key) noexcept;
    void put(const screen::client_key& key, const screen::client_record& record) noexcept;
    [[nodiscard]] std::vector<entry> list(const screen::client_key* after, std::size_t most);
    void flush() noexcept;
    void reconfigure(seconds retention, seconds sweep_interval,
                     const screen::by_test<seconds>& longest_passes) noexcept;
    [[nodiscard]] bool is_durable() const noexcept { return !uses_memory_.load(); }

private:
    void note_loss() noexcept;

    // ── the keeper's thread ──
    void keep() noexcept;
    void open();
    void try_to_open();
    void retire();
    [[nodiscard]] std::size_t carry_over();
    void tell(const std::string& reason);

    const resilient_options options_; // but for what reconfigure() changes
    event_sink& events_;
    const std::function<instant()> now_;

    std::shared_mutex use_; // alone: to change what follows
    std::unique_ptr<lmdb_store> disk_;
    memory_store memory_;
    std::atomic<bool> uses_memory_{true}; // it holds, or gets, what is not on disk

    std::mutex mutex_;
    std::condition_variable wake_;
    lmdb_options disk_options_; // under mutex_
    bool is_lost_ = false;      // under mutex_
    std::atomic<bool> is_stopping_{false};

    lasting_trouble trouble_; // the keeper's
    bool has_file_ = false;   // … that `disk_` is there
    std::thread keeper_;
};

resilient_store::impl::impl(resilient_options options, event_sink& events,
                            std::function<instant()> now)
    : options_{std::move(options)}
    , events_{events}
    , now_{std::move(now)}
    , disk_options_{options_.disk}
{
    disk_options_.give_up = &is_stopping_;
    try_to_open();
    disk_options_.check_time_limit = options_.later_check_time_limit;
    keeper_ = std::thread{[this] { keep(); }};
}

resilient_store::impl::~impl()
{
    {
        const std::lock_guard held{mutex_};
        is_stopping_.store(true);
    }
    wake_.notify_one();
    keeper_.join();
}

// ── any thread ────────────────────────────────────────────────────────────────────────────────

std::optional<screen::client_record>
resilient_store::impl::get(const screen::client_key& key) noexcept
{
    const std::shared_lock held{use_};
    std::optional<screen::client_record> found;
    if (uses_memory_.load(std::memory_order_relaxed)) found = memory_.get(key);
    if (!disk_) return found;
    const auto on_disk = disk_->get(key);
    if (disk_->is_lost()) note_loss();
    if (!found || !on_disk) return found ? found : on_disk;
    return screen::later_of(*found, *on_disk);
}

void resilient_store::impl::put(const screen::client_key& key,
                                const screen::client_record& record) noexcept
{
    const std::shared_lock held{use_};
    if (disk_)
        disk_->put(key, record);
    else
        memory_.put(key, record);
}

std::vector<allowlist_store::entry> resilient_store::impl::list(const screen::client_key* after,
                                                                std::size_t most)
{
    const std::shared_lock held{use_};
    return disk_ ? disk_->list(after, most) : memory_.list(after, most);
}

void resilient_store::impl::flush() noexcept
{
    const std::shared_lock held{use_};
    if (disk_) disk_->flush();
}

void resilient_store::impl::reconfigure(seconds retention, seconds sweep_interval,
                                        const screen::by_test<seconds>& longest_passes) noexcept
{
    {
        const std::lock_guard held{mutex_};
        disk_options_.retention = retention;
        disk_options_.sweep_interval = sweep_interval;
        disk_options_.longest_passes = longest_passes;
    }
    const std::shared_lock held{use_};
    if (disk_) disk_->reconfigure(retention, sweep_interval, longest_passes);
}

void resilient_store::impl::note_loss() noexcept
{
    {
        const std::lock_guard held{mutex_};
        if (std::exchange(is_lost_, true)) return;
    }
    wake_.notify_one();
}

// ── the keeper's thread ───────────────────────────────────────────────────────────────────────

void resilient_store::impl::keep() noexcept
{
    // A store that is not read is lost unseen while it writes.
    constexpr milliseconds look_again{5000};
    milliseconds pause = options_.first_retry;
    std::unique_lock held{mutex_};
    while (!is_stopping_.load()) {
        wake_.wait_for(held, has_file_ ? look_again : pause,
                       [&] { return is_stopping_.load() || (has_file_ && is_lost_); });
        if (is_stopping_.load()) return;
        held.unlock();
        try {
            has_file_ ? retire() : try_to_open();
        } catch (const std::exception&) {
            // No memory to say so; there will be a next time.
        }
        pause = has_file_ ? options_.first_retry : std::min(pause * 2, options_.longest_retry);
        held.lock();
    }
}

void resilient_store::impl::try_to_open()
{
    try {
        open();
    } catch (const std::exception& failed) {
        if (!is_stopping_.load()) tell(failed.what());
    }
}

void resilient_store::impl::open()
{
    lmdb_options with;
    {
        const std::lock_guard held{mutex_};
        with = disk_options_;
    }
    auto opened = std::make_unique<lmdb_store>(std::move(with), events_, now_);
    {
        const std::unique_lock held{use_};
        disk_ = std::move(opened);
    }
    has_file_ = true;
    const auto carried = carry_over();
    if (const auto ended = trouble_.on_success(steady_now()))
        events_.on(event::store_restored{options_.disk.path.native(), ended->after, carried});
}

/// In steps, so that workers need not wait for all of it.
std::size_t resilient_store::impl::carry_over()
{
    constexpr std::size_t step = 200;
    std::size_t carried = 0;
    for (bool is_done = false; !is_done;) {
        const std::unique_lock held{use_};
        const auto some = memory_.take_oldest(step);
        for (const auto& [client, record] : some) {
            const auto known = disk_->get(client);
            disk_->put(client, known ? screen::later_of(*known, record) : record);
        }
        carried += some.size();
        is_done = some.empty();
        if (is_done) uses_memory_.store(false);
    }
    return carried;
}

/// What waits for a disk that gives nothing any more waits in memory from now on.
void resilient_store::impl::retire()
{
    std::unique_ptr<lmdb_store> lost;
    std::string reason;
    {
        const std::unique_lock held{use_};
        if (!disk_->is_lost()) return;
        reason = disk_->why_lost();
        for (const auto& [client, record] : disk_->take_waiting())
            memory_.put(client, record);
        uses_memory_.store(true);
        lost = std::move(disk_);
    }
    has_file_ = false;
    tell(options_.disk.path.native() + ": " + reason);
    lost.reset(); // before it is opened anew
    const std::lock_guard held{mutex_};
    is_lost_ = false;
}

void resilient_store::impl::tell(const std::string& reason)
{
    if (const auto told = trouble_.on_failure(steady_now()))
        events_.on(event::store_unavailable{reason, told->failures, told->after});
}

// ── the class itself ──────────────────────────────────────────────────────────────────────────

resilient_store::resilient_store(resilient_options options, event_sink& events,
                                 std::function<instant()> now)
    : impl_{std::make_unique<impl>(std::move(options), events, std::move(now))}
{
}

resilient_store::~resilient_store() = default;

std::optional<screen::client_record> resilient_store::get(const screen::client_key& key) noexcept
{
    return impl_->get(key);
}

void resilient_store::put(const screen::client_key& key,
                          const screen::client_record& record) noexcept
{
    impl_->put(key, record);
}

std::vector<allowlist_store::entry> resilient_store::list(const screen::client_key* after,
                                                          std::size_t most)
{
    return impl_->list(after, most);
}

void resilient_store::flush() noexcept
{
    impl_->flush();
}

void resilient_store::reconfigure(seconds retention, seconds sweep_interval,
                                  const screen::by_test<seconds>& longest_passes) noexcept
{
    impl_->reconfigure(retention, sweep_interval, longest_passes);
}

bool resilient_store::is_durable() const noexcept
{
    return impl_->is_durable();
}

} // namespace fendmail::io
