// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "readers.hpp"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <memory>

/// An open LMDB file with its readers and its map; knows nothing of clients.
///
/// Memory: address space of the map, which doubles up to `map_max_octets` when the file is full.
/// Errors: `open` throws; the others return LMDB's codes (see handles.hpp).
/// After map_fault or MDB_PANIC the database is lost: all calls fail from then on, and it can only
/// be closed and opened anew. Threads: `read` and `is_lost` from any thread; the rest from one.
namespace fendmail::io::lmdb {

class database {
public:
    /// @throws std::runtime_error with what to do
    database(const std::filesystem::path& path, std::size_t map_octets, std::size_t map_max_octets);
    ~database();
    database(const database&) = delete;
    database& operator=(const database&) = delete;

    /// Runs `int body(MDB_txn*)` in a snapshot. MDB_MAP_RESIZED: another process made the file
    /// larger than our map, call `follow_map`.
    template <class Body>
    [[nodiscard]] int read(Body&& body)
    {
        if (is_lost()) return MDB_PANIC;
        return note(readers_->read(body));
    }

    /// Runs `int body(MDB_txn*)` in a write transaction and commits it when that returns 0. Runs
    /// it again from the start when the map had to grow.
    template <class Body>
    [[nodiscard]] int write(Body&& body)
    {
        for (;;) {
            const int code = write_once(body);
            if (code == 0 || !make_room(code)) return note(code);
        }
    }

    /// Maps as much as another process made of the file.
    [[nodiscard]] int follow_map();
    /// Frees what processes that died while reading hold on to.
    void forget_dead_readers() noexcept;

    [[nodiscard]] bool is_lost() const noexcept
    {
        return loss_.load(std::memory_order_relaxed) != 0;
    }
    /// Why. @pre is_lost()
    [[nodiscard]] std::string why_lost() const { return error_text(loss_.load()); }

    [[nodiscard]] MDB_dbi dbi() const noexcept { return dbi_; }

private:
    template <class Body>
    [[nodiscard]] int write_once(Body& body)
    {
        if (!is_mapped_ || is_lost()) return MDB_PANIC;
        txn_handle txn; // outlives a fault, so that what it holds is let go
        return guard_map([&] {
            if (const int code = begin(txn, env_.get(), 0); code != 0) return code;
            if (const int code = body(txn.get()); code != 0) return code;
            return commit(txn);
        });
    }
    int note(int code) noexcept
    {
        int none = 0;
        if (code == map_fault || code == MDB_PANIC) loss_.compare_exchange_strong(none, code);
        return code;
    }
    /// True when trying again is worth it.
    [[nodiscard]] bool make_room(int code);
    [[nodiscard]] int set_map(std::size_t octets);

    const std::size_t map_max_octets_;
    env_handle env_;
    MDB_dbi dbi_ = 0;
    std::shared_ptr<reader_pool> readers_;
    std::atomic<int> loss_{0}; // the code that ended it
    bool is_mapped_ = true;    // false when the map was lost while growing it
};

} // namespace fendmail::io::lmdb
