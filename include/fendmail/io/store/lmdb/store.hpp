// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/store/allowlist_store.hpp"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// The memory of clients in one LMDB file.
///
/// Source: LMDB 0.9 (`MDB_NOSUBDIR`, default sync flags: what was committed survives a crash of
/// the process and of the machine). Beside the file lies LMDB's lock file, PATH-lock. Keys are
/// `client_key::octets()`; keys that start with '!' are the store's own.
/// Units: octets and counts as named.
/// Memory: the file is mapped, not read; puts that wait for the disk take about 150 octets each,
/// at most `pending_max` of them.
/// Errors: the constructor throws std::runtime_error, with the path and what to do, when there is
/// no way to have a store. It tries the file in a child process first, since LMDB trusts what it
/// maps: a file that makes the child fail is moved aside (`store_moved_aside`) and an empty one
/// takes its place. Later nothing throws: a failed read makes the client new, a failed write is
/// tried again, with what has come meanwhile, until there is room; `store_unavailable` tells of
/// both now and then, `store_restored` when they work. Whatever ends LMDB's own trust in its files
/// (a page that the disk cannot give, a header that it cannot write) makes the store `is_lost()`:
/// it must be opened anew (resilient_store does). Threads: all functions from any thread. get()
/// holds only a lock of its own thread's, put() a mutex for one look-up in a hash table; one thread
/// of the store's writes and sweeps. Processes: several may use one file; each sees what the others
/// committed. No process may open the same file twice at a time (closing one would drop the locks
/// of the other). All must run as the same user, or as one that may write both files.
namespace fendmail::io {

struct lmdb_options {
    std::filesystem::path path;
    seconds retention{7 * 86400};
    seconds sweep_interval{12 * 3600}; ///< 0 = never sweep
    /// How far ahead passes can end; a sweep drops clients that have none but later ones.
    screen::by_test<seconds> longest_passes = forever();
    std::size_t map_octets = std::size_t{1} << 30;     ///< address space; the file stays small
    std::size_t map_max_octets = std::size_t{1} << 34; ///< the map doubles up to here when full
    std::size_t pending_max = 200'000;                 ///< puts that wait for the disk
    std::size_t batch_records = 1000;                  ///< commit at once when so many wait …
    milliseconds batch_delay{100};                     ///< … or when the first has waited so long
    std::size_t sweep_step_records = 500;              ///< looked at in one transaction
    milliseconds sweep_pause{20};                      ///< between two steps
    milliseconds sweep_delay{5000};             ///< from start to the first look at what is due
    milliseconds retry_delay{5000};             ///< after a commit that failed
    milliseconds check_time_limit{5'000};       ///< for the child that tries the file
    const std::atomic<bool>* give_up = nullptr; ///< true ends the child early; may be null

    [[nodiscard]] static screen::by_test<seconds> forever() noexcept
    {
        screen::by_test<seconds> made{};
        made.values.fill(seconds::max());
        return made;
    }
};

class lmdb_store final : public allowlist_store {
public:
    /// Checks and opens the file; makes it and its directory when they are missing.
    /// @param events must outlive the store
    /// @param now called from any thread, must not throw
    /// @throws std::runtime_error
    lmdb_store(lmdb_options options, event_sink& events, std::function<instant()> now = wall_now);
    /// Writes what is pending. @pre no call of get() or put() is under way
    ~lmdb_store() override;

    [[nodiscard]] std::optional<screen::client_record>
    get(const screen::client_key& key) noexcept override;
    void put(const screen::client_key& key, const screen::client_record& record) noexcept override;
    [[nodiscard]] std::vector<entry> list(const screen::client_key* after,
                                          std::size_t most) override;
    void flush() noexcept override;

    /// Takes effect at once; a sweep that is due by it starts, one under way goes on with it.
    void
    reconfigure(seconds retention, seconds sweep_interval,
                const screen::by_test<seconds>& longest_passes = lmdb_options::forever()) noexcept;

    /// Nothing is read or written any more.
    [[nodiscard]] bool is_lost() const noexcept;
    /// Why. @pre is_lost()
    [[nodiscard]] std::string why_lost() const;
    /// Takes what waits for the disk out of a store that is lost.
    using waiting_records = std::vector<std::pair<screen::client_key, screen::client_record>>;
    [[nodiscard]] waiting_records take_waiting();

    /// How many records the file holds, undecodable ones included; 0 when it cannot be read.
    /// Flush first for an exact number.
    [[nodiscard]] std::size_t size() noexcept;

    /// Called for each record; returns whether to go on.
    using visitor = std::function<bool(const screen::client_key&, const screen::client_record&)>;
    /// Visits the records of the file in the order of their keys. It reads in steps, so it holds
    /// up nothing, and a change made meanwhile may be seen or not.
    /// @return true when all were visited, false when the visitor or a failed read ended it
    bool for_each(const visitor& visit);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

/// What an admin should do before such a store can be opened by this user; "" = nothing is seen.
/// Changes nothing.
[[nodiscard]] std::string trouble_with_store(const std::filesystem::path& path);

} // namespace fendmail::io
