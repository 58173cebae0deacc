// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "handles.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

/// Read transactions of an LMDB environment: one for each thread that reads, kept and renewed,
/// because beginning one anew takes a lock that all processes share.
///
/// Memory: one handle and one slot of the lock file for each thread that reads at a time; a
/// thread that ends leaves its handle to the next one.
/// Threads: `read` from any thread. A reader takes only its own mutex, which nothing else wants
/// except `alone`: moving the map while a thread reads it would crash.
namespace fendmail::io::lmdb {

class reader_pool : public std::enable_shared_from_this<reader_pool> {
public:
    [[nodiscard]] static std::shared_ptr<reader_pool> make(MDB_env* env);

    /// Runs `int body(MDB_txn*)` in a snapshot; it may throw. See guard_map() for what it may hold.
    /// @return LMDB's code, or that of the body
    template <class Body>
    [[nodiscard]] int read(Body&& body)
    {
        reader& mine = this_threads_reader();
        const std::lock_guard lock{mine.busy};
        if (is_disabled_) return MDB_PANIC;
        if (const int code = guard_map([&] { return renew(mine); }); code != 0) return code;
        const snapshot_end end{mine};
        return guard_map([&] { return body(mine.txn.get()); });
    }

    /// Runs `int body()` while no thread reads.
    template <class Body>
    [[nodiscard]] int alone(Body&& body)
    {
        const std::lock_guard lock{mutex_};
        std::vector<std::unique_lock<std::mutex>> locks;
        locks.reserve(readers_.size());
        for (const auto& each : readers_)
            locks.emplace_back(each->busy);
        return body();
    }

    /// Makes all later reads fail, for the map is gone. @pre called in the body of `alone`
    void disable() noexcept { is_disabled_ = true; }

    /// Ends all read transactions: must come before the environment goes.
    void close() noexcept;

private:
    struct reader {
        std::mutex busy;
        txn_handle txn;
    };
    /// Lets go of the snapshot, so that its pages can be used again, and keeps the handle.
    struct snapshot_end {
        reader& mine;
        ~snapshot_end()
        {
            // A fault here is met again by the next reader, which tells of it.
            static_cast<void>(guard_map([this] { return mdb_txn_reset(mine.txn.get()), 0; }));
        }
    };
    class lease;

    explicit reader_pool(MDB_env* env)
        : env_{env}
    {
    }
    [[nodiscard]] reader& this_threads_reader();
    [[nodiscard]] reader& take();
    void give_back(reader& mine) noexcept;
    [[nodiscard]] int renew(reader& mine) noexcept;

    MDB_env* env_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<reader>> readers_;
    bool is_disabled_ = false;  // changed while all readers are locked, read while one is
    std::vector<reader*> idle_; // of threads that have ended; room for all readers
};

} // namespace fendmail::io::lmdb
