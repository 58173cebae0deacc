// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/screen/client_key.hpp"
#include "fendmail/core/screen/client_record.hpp"

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

/// The memory of clients that passed. Losing it costs waiting, never mail: a store that cannot
/// be read makes every client new, one that cannot be written makes it new again next time.
///
/// Threads: all functions from any worker; none waits for the disk.
namespace fendmail::io {

class allowlist_store {
public:
    allowlist_store() = default;
    allowlist_store(const allowlist_store&) = delete;
    allowlist_store& operator=(const allowlist_store&) = delete;
    virtual ~allowlist_store() = default;

    /// What is known of a client; also what was put and is not on disk yet.
    [[nodiscard]] virtual std::optional<screen::client_record>
    get(const screen::client_key& key) noexcept = 0;
    /// Remembers a client; returns at once, written soon.
    virtual void put(const screen::client_key& key,
                     const screen::client_record& record) noexcept = 0;
    using entry = std::pair<screen::client_key, screen::client_record>;
    /// Records behind a key in the store's order, for a page of a list: what was put in the last
    /// moments may be missing. Not for workers: it may wait for the disk.
    /// @param after null = from the first
    [[nodiscard]] virtual std::vector<entry> list(const screen::client_key* after,
                                                  std::size_t most) = 0;
    /// Waits until everything that was put is on disk. Not for workers: orderly stop and tests.
    virtual void flush() noexcept = 0;
};

} // namespace fendmail::io
