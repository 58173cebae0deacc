// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/store/lmdb/store.hpp"

#include "fendmail/core/throttle/lasting_trouble.hpp"

#include "database.hpp"
#include "sweep.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <unordered_map>

/// The parts of an `lmdb_store`: puts that wait for the disk, and the thread that writes them.
///
/// Threads: `run` and what it calls belong to the writer thread (writer.cpp); the rest is for
/// any thread (store.cpp). `mutex_` is never held during I/O.
namespace fendmail::io {

class lmdb_store::impl {
public:
    impl(lmdb_options options, event_sink& events, std::function<instant()> now);
    ~impl();
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    std::optional<screen::client_record> get(const screen::client_key& key);
    void put(const screen::client_key& key, const screen::client_record& record);
    void flush();
    void reconfigure(seconds retention, seconds sweep_interval,
                     const screen::by_test<seconds>& longest_passes);
    [[nodiscard]] bool is_lost() const noexcept { return db_.is_lost(); }
    [[nodiscard]] std::string why_lost() const { return db_.why_lost(); }
    [[nodiscard]] waiting_records take_waiting();
    std::size_t size();
    bool for_each(const visitor& visit);
    [[nodiscard]] std::vector<entry> list(const screen::client_key* after, std::size_t most);

    void read_failed(std::string_view reason) noexcept { report(reading_, "read", reason); }
    void write_failed(std::string_view reason) noexcept
    {
        report(writing_trouble_, "write", reason);
    }

private:
    using records = std::unordered_map<screen::client_key, screen::client_record>;
    struct visit_step;
    /// What goes wrong for a while, and is told as such.
    struct trouble {
        std::atomic<bool> is_on{false}; ///< looked at without the mutex
        std::mutex mutex;
        lasting_trouble course;
    };

    // ── any thread ──
    std::optional<screen::client_record> load(const screen::client_key& key);
    std::optional<screen::client_record> find_pending(const screen::client_key& key);
    int read_step(visit_step& step);
    void note_read_error(int code);
    void report(trouble& which, std::string_view what, std::string_view reason) noexcept;
    /// @param records that had to wait
    void works_again(trouble& which, std::size_t records) noexcept;

    // ── the writer thread ──
    using lock = std::unique_lock<std::mutex>;
    void run() noexcept;
    [[nodiscard]] bool is_batch_due(tick now) const noexcept;
    [[nodiscard]] tick wake_up_at(tick now) const noexcept;
    void write_batch(lock& held);
    [[nodiscard]] bool write_records(const records& batch) noexcept;
    void put_back(records& failed) noexcept;
    void follow_map(lock& held);
    void advance_sweep(lock& held);
    [[nodiscard]] tick run_sweep_step(const lmdb::sweep_rules& rules, seconds interval) noexcept;
    [[nodiscard]] int find_sweep_wait(seconds interval, seconds& wait);
    [[nodiscard]] lmdb::sweep_rules believed(lmdb::sweep_rules rules) const noexcept;
    [[nodiscard]] int end_sweep();

    const lmdb_options options_; // but for retention and interval, see below
    event_sink& events_;
    const std::function<instant()> now_;
    lmdb::database db_;
    trouble reading_, writing_trouble_;
    std::atomic<seconds::rep> longest_pass_; // of all tests

    std::mutex mutex_;
    std::condition_variable work_, done_;
    // Under mutex_:
    seconds retention_;
    seconds sweep_interval_;
    screen::by_test<seconds> longest_passes_;
    records pending_;               // newer than
    records writing_;               // what the writer thread reads while all others may, too
    std::uint64_t puts_ = 0;        // taken in so far
    std::uint64_t puts_done_ = 0;   // … and written, or tried to be written
    std::uint64_t puts_wanted_ = 0; // flush() waits for these
    tick batch_at_{};
    tick retry_at_{}; // after a batch that failed
    tick sweep_at_{};
    bool is_map_outgrown_ = false; // by another process
    bool is_stopping_ = false;

    std::atomic<std::size_t> waiting_{0}; // in pending_ and writing_, to skip the mutex
    std::atomic<std::uint64_t> batches_done_{0};
    bool was_clock_set_back_ = false;  // since the last sweep; this and
    std::optional<lmdb::sweep> sweep_; // … the writer thread's own
    std::thread writer_;               // last: it uses all of the above
};

} // namespace fendmail::io
