// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/store/lmdb/store.hpp"

#include <memory>

/// The memory of clients in one LMDB file, or in memory for as long as there can be no such file:
/// mail does not wait for a disk that is full, a directory that is read-only or another user's, or
/// for one that is mounted later.
///
/// A file that cannot be opened is tried again by a thread of the store's own: after a second, then
/// after twice as long each time, at most a minute. Once it opens, what memory holds is carried
/// over; of each test the later end counts. The same happens when a store that was open is lost.
///
/// Units: as lmdb_store.
/// Memory: while there is no file, at most 100,000 clients, about 200 octets each; the oldest goes
/// first.
/// Errors: none. `store_unavailable` tells why there is no file, at first and now and then, and
/// `store_restored` that there is one.
/// Threads: get(), put() and reconfigure() from any thread; they share a lock that is taken alone
/// only to change over. The file's first check is waited for by the constructor, at most
/// `check_time_limit`.
namespace fendmail::io {

struct resilient_options {
    lmdb_options disk;
    milliseconds first_retry{1000};
    milliseconds longest_retry{60'000};
    milliseconds later_check_time_limit{600'000}; ///< nothing waits for these checks
};

class resilient_store final : public allowlist_store {
public:
    /// @param events must outlive the store
    /// @param now called from any thread, must not throw
    resilient_store(resilient_options options, event_sink& events,
                    std::function<instant()> now = wall_now);
    /// Writes what is pending, if there is a file. @pre no call of get() or put() is under way
    ~resilient_store() override;

    [[nodiscard]] std::optional<screen::client_record>
    get(const screen::client_key& key) noexcept override;
    void put(const screen::client_key& key, const screen::client_record& record) noexcept override;
    [[nodiscard]] std::vector<entry> list(const screen::client_key* after,
                                          std::size_t most) override;
    void flush() noexcept override;
    void reconfigure(seconds retention, seconds sweep_interval,
                     const screen::by_test<seconds>& longest_passes) noexcept;

    /// Whether there is a file now, and nothing left to carry over to it.
    [[nodiscard]] bool is_durable() const noexcept;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace fendmail::io
