// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "database.hpp"

#include "fendmail/core/screen/client_record.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <optional>
#include <vector>

/// One pass over the file that drops stale records, in steps short enough to go between commits.
///
/// Errors: LMDB's codes.
/// Threads: the store's own.
namespace fendmail::io::lmdb {

/// What is dropped.
struct sweep_rules {
    seconds retention{0};
    /// Passes that last longer from now on are none; null = believe all.
    const screen::by_test<seconds>* longest_passes = nullptr;
};

class sweep {
public:
    /// Looks at the next `records_max` records in one transaction, and drops those that are stale
    /// or cannot be decoded. A step that fails changes nothing and can be tried again.
    [[nodiscard]] int step(database& db, instant now, const sweep_rules& rules,
                           std::size_t records_max);

    [[nodiscard]] bool is_complete() const noexcept { return at_.is_complete; }
    [[nodiscard]] std::size_t retained() const noexcept { return at_.retained; }
    [[nodiscard]] std::size_t dropped() const noexcept { return at_.dropped; }

private:
    struct position {
        std::vector<std::byte> last_key; // the last one looked at; empty at the beginning
        std::size_t retained = 0;
        std::size_t dropped = 0;
        bool is_complete = false;
    };
    [[nodiscard]] static int advance(MDB_txn* txn, MDB_dbi dbi, instant now,
                                     const sweep_rules& rules, std::size_t records_max,
                                     position& at);

    position at_;
};

/// Keys of the store itself start with this; those of clients do not.
[[nodiscard]] bool is_own_key(const MDB_val& key) noexcept;

/// When the last sweep of any process was completed; it is kept in the file.
[[nodiscard]] int load_last_sweep(database& db, std::optional<instant>& when);
[[nodiscard]] int save_last_sweep(database& db, instant when);
/// How many keys of the store itself the file holds.
[[nodiscard]] int count_own_keys(MDB_txn* txn, MDB_dbi dbi, std::size_t& count);

} // namespace fendmail::io::lmdb
