// SPDX-License-Identifier: Apache-2.0
#include "handles.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace fendmail::io::lmdb {

int open_env(env_handle& env, const std::string& path, unsigned flags,
             std::size_t map_octets) noexcept
{
    MDB_env* raw = nullptr;
    int code = mdb_env_create(&raw);
    if (code != 0) return code;
    env.reset(raw);
    code = mdb_env_set_maxreaders(raw, readers_max);
    if (code == 0 && map_octets > 0) code = mdb_env_set_mapsize(raw, map_octets);
    if (code == 0)
        code = guard_map(
            [&] { return mdb_env_open(raw, path.c_str(), env_flags | flags, S_IRUSR | S_IWUSR); });
    // LMDB wants a handle closed that could not be opened.
    if (code != 0) env.reset();
    return code;
}

int begin(txn_handle& txn, MDB_env* env, unsigned flags) noexcept
{
    MDB_txn* raw = nullptr;
    const int code = mdb_txn_begin(env, nullptr, flags, &raw);
    if (code == 0) txn.reset(raw);
    return code;
}

int commit(txn_handle& txn) noexcept
{
    // Whatever comes of it, the handle is gone afterwards.
    return mdb_txn_commit(txn.release());
}

int open_cursor(cursor_handle& cursor, MDB_txn* txn, MDB_dbi dbi) noexcept
{
    MDB_cursor* raw = nullptr;
    const int code = mdb_cursor_open(txn, dbi, &raw);
    if (code == 0) cursor.reset(raw);
    return code;
}

int seek_behind(MDB_cursor* cursor, std::span<const std::byte> last, MDB_val& key,
                MDB_val& data) noexcept
{
    if (last.empty()) return mdb_cursor_get(cursor, &key, &data, MDB_FIRST);
    key = to_val(last);
    const int code = mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);
    if (code != 0) return code;
    const auto found = to_octets(key);
    if (!std::equal(found.begin(), found.end(), last.begin(), last.end())) return 0;
    return mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
}

std::string error_text(int code)
{
    if (code == map_fault) return "its disk is full, broken or read-only (SIGBUS on a page of it)";
    if (code == EIO) return "input/output error: its disk is broken, or a quota is used up";
    return mdb_strerror(code);
}

} // namespace fendmail::io::lmdb
