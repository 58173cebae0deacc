// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lmdb_readers.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>

/// An open LMDB file with its readers and its map; knows nothing of clients.
///
/// Memory: address space of the map, which doubles up to `map_max_octets` when the file is full.
/// Errors: `open` throws; the others return LMDB's codes (see lmdb_handles.hpp).
/// Threads: `read` from any thread; the rest from one.
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
        return readers_->read(body);
    }

    /// Runs `int body(MDB_txn*)` in a write transaction and commits it when that returns 0. Runs
    /// it again from the start when the map had to grow.
    template <class Body>
    [[nodiscard]] int write(Body&& body)
    {
        for (;;) {
            const int code = write_once(body);
            if (code == 0 || !make_room(code)) return code;
        }
    }

    /// Maps as much as another process made of the file.
    [[nodiscard]] int follow_map();
    /// Frees what processes that died while reading hold on to.
    void forget_dead_readers() noexcept;

    [[nodiscard]] MDB_dbi dbi() const noexcept { return dbi_; }

private:
    template <class Body>
    [[nodiscard]] int write_once(Body& body)
    {
        if (!is_mapped_) return MDB_PANIC;
        txn_handle txn;
        if (const int code = begin(txn, env_.get(), 0); code != 0) return code;
        if (const int code = body(txn.get()); code != 0) return code;
        return commit(txn);
    }
    /// True when trying again is worth it.
    [[nodiscard]] bool make_room(int code);
    [[nodiscard]] int set_map(std::size_t octets);

    const std::size_t map_max_octets_;
    env_handle env_;
    MDB_dbi dbi_ = 0;
    std::shared_ptr<reader_pool> readers_;
    bool is_mapped_ = true; // false when the map was lost while growing it
};

} // namespace fendmail::io::lmdb
