// SPDX-License-Identifier: Apache-2.0
#include "sweep.hpp"

#include "fendmail/core/screen/client_record.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace fendmail::io::lmdb {

namespace {

constexpr std::byte own_key_mark{'!'};
constexpr std::array<std::byte, 6> last_sweep_key{own_key_mark,   std::byte{'s'}, std::byte{'w'},
                                                  std::byte{'e'}, std::byte{'p'}, std::byte{'t'}};
constexpr std::size_t time_octets = 8;

bool is_worthless(const MDB_val& data, instant now, const sweep_rules& rules) noexcept
{
    const auto record = screen::decode(to_octets(data));
    if (!record) return true;
    if (rules.longest_passes == nullptr) return record->is_stale(now, rules.retention);
    return screen::without_impossible(*record, *rules.longest_passes, now)
        .is_stale(now, rules.retention);
}

} // namespace

bool is_own_key(const MDB_val& key) noexcept
{
    return key.mv_size > 0 && to_octets(key)[0] == own_key_mark;
}

int sweep::step(database& db, instant now, const sweep_rules& rules, std::size_t records_max)
{
    position next;
    const int code = db.write([&](MDB_txn* txn) {
        next = at_;
        return advance(txn, db.dbi(), now, rules, records_max, next);
    });
    if (code == 0) at_ = std::move(next);
    return code;
}

int sweep::advance(MDB_txn* txn, MDB_dbi dbi, instant now, const sweep_rules& rules,
                   std::size_t records_max, position& at)
{
    cursor_handle cursor;
    if (const int code = open_cursor(cursor, txn, dbi); code != 0) return code;
    MDB_val key{}, data{};
    int code = seek_behind(cursor.get(), at.last_key, key, data);
    for (std::size_t seen = 0; code == 0; ++seen) {
        if (seen == records_max) return 0;
        const auto octets = to_octets(key);
        at.last_key.assign(octets.begin(), octets.end());
        if (const bool is_client = !is_own_key(key); is_client) {
            const bool goes = is_worthless(data, now, rules);
            if (goes) code = mdb_cursor_del(cursor.get(), 0);
            if (code != 0) return code;
            ++(goes ? at.dropped : at.retained);
        }
        code = mdb_cursor_get(cursor.get(), &key, &data, MDB_NEXT);
    }
    if (code != MDB_NOTFOUND) return code;
    at.is_complete = true;
    return 0;
}

int load_last_sweep(database& db, std::optional<instant>& when)
{
    const int code = db.read([&](MDB_txn* txn) {
        MDB_val key = to_val(last_sweep_key), data{};
        const int found = mdb_get(txn, db.dbi(), &key, &data);
        if (found != 0 || data.mv_size != time_octets) return found;
        std::uint64_t count = 0;
        for (const std::byte octet : to_octets(data))
            count = count << 8 | std::to_integer<std::uint64_t>(octet);
        when = instant{seconds{static_cast<std::int64_t>(count)}};
        return 0;
    });
    return code == MDB_NOTFOUND ? 0 : code;
}

int save_last_sweep(database& db, instant when)
{
    std::array<std::byte, time_octets> octets{};
    const auto count = static_cast<std::uint64_t>(when.time_since_epoch().count());
    for (std::size_t i = 0; i < time_octets; ++i)
        octets[i] = static_cast<std::byte>(count >> (8 * (time_octets - 1 - i)));
    return db.write([&](MDB_txn* txn) {
        MDB_val key = to_val(last_sweep_key), data = to_val(octets);
        return mdb_put(txn, db.dbi(), &key, &data, 0);
    });
}

int count_own_keys(MDB_txn* txn, MDB_dbi dbi, std::size_t& count)
{
    // There is only one so far; asking for it is cheaper than a walk.
    MDB_val key = to_val(last_sweep_key), data{};
    const int code = mdb_get(txn, dbi, &key, &data);
    if (code == 0) count = 1;
    return code == MDB_NOTFOUND ? 0 : code;
}

} // namespace fendmail::io::lmdb
