// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "map_fault.hpp"

#include <lmdb.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

/// Owners of LMDB's handles, and its values as spans.
///
/// Errors: LMDB's own codes as int: 0, an errno, or MDB_…; or map_fault, when a page of its files
/// could not be had. `error_text` explains one. What cannot be closed after a fault is left as it
/// is. Threads: as LMDB has it; see each.
namespace fendmail::io::lmdb {

struct env_closer {
    void operator()(MDB_env* env) const noexcept
    {
        static_cast<void>(guard_map([env] { return mdb_env_close(env), 0; }));
    }
};
using env_handle = std::unique_ptr<MDB_env, env_closer>;

/// A transaction that is not committed is aborted.
struct txn_aborter {
    void operator()(MDB_txn* txn) const noexcept
    {
        static_cast<void>(guard_map([txn] { return mdb_txn_abort(txn), 0; }));
    }
};
using txn_handle = std::unique_ptr<MDB_txn, txn_aborter>;

/// Must go before its transaction ends.
struct cursor_closer {
    void operator()(MDB_cursor* cursor) const noexcept { mdb_cursor_close(cursor); }
};
using cursor_handle = std::unique_ptr<MDB_cursor, cursor_closer>;

/// Slots in the lock file: threads that read, in all processes together.
inline constexpr unsigned readers_max = 510;
inline constexpr unsigned env_flags = MDB_NOSUBDIR | MDB_NOTLS;

[[nodiscard]] int open_env(env_handle& env, const std::string& path, unsigned flags,
                           std::size_t map_octets) noexcept;
[[nodiscard]] int begin(txn_handle& txn, MDB_env* env, unsigned flags) noexcept;
[[nodiscard]] int commit(txn_handle& txn) noexcept;
[[nodiscard]] int open_cursor(cursor_handle& cursor, MDB_txn* txn, MDB_dbi dbi) noexcept;
/// Places the cursor on the first record behind the key `last`, or on the first of all when that
/// is empty: goes on where an earlier transaction left off. MDB_NOTFOUND: there is none.
[[nodiscard]] int seek_behind(MDB_cursor* cursor, std::span<const std::byte> last, MDB_val& key,
                              MDB_val& data) noexcept;
[[nodiscard]] std::string error_text(int code);

[[nodiscard]] inline MDB_val to_val(std::span<const std::byte> octets) noexcept
{
    // LMDB does not write through it, its type just has no const.
    return {octets.size(), const_cast<std::byte*>(octets.data())};
}

/// Valid until the transaction ends or writes.
[[nodiscard]] inline std::span<const std::byte> to_octets(const MDB_val& value) noexcept
{
    return {static_cast<const std::byte*>(value.mv_data), value.mv_size};
}

} // namespace fendmail::io::lmdb
