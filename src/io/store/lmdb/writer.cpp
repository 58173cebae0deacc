// SPDX-License-Identifier: Apache-2.0
#include "recovery.hpp"
#include "store_impl.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

namespace fendmail::io {

namespace {

/// How long the writer thread sleeps at most before it looks again at what is due: the wall clock
/// may be set, the machine may sleep, and another process may have done the sweep.
constexpr tick_span look_again_after = std::chrono::hours{1};
/// After a failed step of a sweep; a full or broken disk must not keep the thread busy.
constexpr tick_span sweep_retry_after = std::chrono::minutes{1};

} // namespace

void lmdb_store::impl::run() noexcept
{
    lock held{mutex_};
    for (;;) {
        const tick now = steady_now();
        if (is_batch_due(now))
            write_batch(held);
        else if (is_stopping_)
            return;
        else if (is_map_outgrown_)
            follow_map(held);
        else if (now >= sweep_at_)
            advance_sweep(held);
        else
            work_.wait_until(held, wake_up_at(now));
    }
}

bool lmdb_store::impl::is_batch_due(tick now) const noexcept
{
    if (pending_.empty()) return false;
    if (is_stopping_ || puts_wanted_ > puts_done_) return true;
    if (now < retry_at_) return false;
    return pending_.size() >= options_.batch_records || now >= batch_at_;
}

tick lmdb_store::impl::wake_up_at(tick now) const noexcept
{
    const tick at = std::min(sweep_at_, now + look_again_after);
    return pending_.empty() ? at : std::min(at, std::max(batch_at_, retry_at_));
}

// ── commits ───────────────────────────────────────────────────────────────────────────────────

void lmdb_store::impl::write_batch(lock& held)
{
    writing_.swap(pending_);
    const auto puts_taken = puts_;
    held.unlock();
    // No other thread changes `writing_` while it is not empty, so it needs no lock to be read.
    const bool is_written = write_records(writing_);
    batches_done_.fetch_add(1, std::memory_order_release);

    records written;
    held.lock();
    writing_.swap(written);
    // What could not be written is kept and tried again: forgetting it would test its clients anew
    // each time they come, for as long as the disk is full. At a stop there is no later.
    if (!is_written && !is_stopping_) put_back(written);
    puts_done_ = puts_taken;
    waiting_.store(pending_.size(), std::memory_order_release);
    done_.notify_all();
    held.unlock();
    written.clear(); // up to `pending_max` nodes: get() and put() need not wait for that
    held.lock();
}

/// Newer records of the same clients stay as they are.
void lmdb_store::impl::put_back(records& failed) noexcept
{
    retry_at_ = steady_now() + options_.retry_delay;
    try {
        pending_.merge(failed); // moves the nodes
    } catch (const std::bad_alloc&) {
        // Those that are left are dropped: their clients are tested again.
    }
}

bool lmdb_store::impl::write_records(const records& batch) noexcept
try {
    const int code = db_.write([&](MDB_txn* txn) {
        for (const auto& [client, record] : batch) {
            const auto octets = screen::encode(record);
            MDB_val key = lmdb::to_val(client.octets()), data = lmdb::to_val(octets);
            if (const int put = mdb_put(txn, db_.dbi(), &key, &data, 0); put != 0) return put;
        }
        return 0;
    });
    if (code != 0)
        write_failed(lmdb::error_text(lmdb::cause_of(code, options_.path)));
    else
        works_again(writing_trouble_, batch.size());
    return code == 0;
} catch (const std::exception& failed) {
    write_failed(failed.what());
    return false;
}

void lmdb_store::impl::follow_map(lock& held)
{
    is_map_outgrown_ = false;
    held.unlock();
    try {
        if (const int code = db_.follow_map(); code != 0) read_failed(lmdb::error_text(code));
    } catch (const std::exception& failed) {
        read_failed(failed.what());
    }
    held.lock();
}

// ── the sweep ─────────────────────────────────────────────────────────────────────────────────

void lmdb_store::impl::advance_sweep(lock& held)
{
    const auto interval = sweep_interval_;
    const auto longest = longest_passes_;
    const lmdb::sweep_rules rules{retention_, &longest};
    sweep_at_ = tick::max();
    held.unlock();
    const tick next = run_sweep_step(rules, interval);
    held.lock();
    // reconfigure() may have asked for an earlier one meanwhile.
    sweep_at_ = std::min(sweep_at_, next);
}

tick lmdb_store::impl::run_sweep_step(const lmdb::sweep_rules& rules, seconds interval) noexcept
try {
    int code = 0;
    if (!sweep_) {
        if (interval <= seconds{0}) return tick::max();
        seconds wait{0};
        code = find_sweep_wait(interval, wait);
        if (code == 0 && wait > seconds{0})
            return steady_now() + std::min<tick_span>(wait, look_again_after);
        if (code == 0) sweep_.emplace();
    }
    if (code == 0) code = sweep_->step(db_, now_(), believed(rules), options_.sweep_step_records);
    if (code == 0 && sweep_->is_complete()) code = end_sweep();
    if (code == 0) return steady_now() + (sweep_ ? options_.sweep_pause : milliseconds{0});
    write_failed(lmdb::error_text(lmdb::cause_of(code, options_.path)));
    return steady_now() + sweep_retry_after;
} catch (const std::exception& failed) {
    write_failed(failed.what());
    return steady_now() + sweep_retry_after;
}

/// A clock that is behind the last sweep may be wrong itself, on a machine that has just booted
/// without a battery: then every pass seems to lie too far ahead. The next sweep drops those.
lmdb::sweep_rules lmdb_store::impl::believed(lmdb::sweep_rules rules) const noexcept
{
    if (was_clock_set_back_) rules.longest_passes = nullptr;
    return rules;
}

/// How long until the next sweep; the last one may have been another process's.
int lmdb_store::impl::find_sweep_wait(seconds interval, seconds& wait)
{
    std::optional<instant> last;
    if (const int code = lmdb::load_last_sweep(db_, last); code != 0) return code;
    const instant now = now_();
    // A time to come means that the clock was set back; waiting for it might take years.
    was_clock_set_back_ = last && *last > now;
    const bool is_due = !last || was_clock_set_back_ || now - *last >= interval;
    if (is_due)
        db_.forget_dead_readers();
    else
        wait = interval - (now - *last);
    return 0;
}

int lmdb_store::impl::end_sweep()
{
    if (const int code = lmdb::save_last_sweep(db_, now_()); code != 0) return code;
    events_.on(event::store_swept{sweep_->retained(), sweep_->dropped()});
    sweep_.reset();
    return 0;
}

} // namespace fendmail::io
