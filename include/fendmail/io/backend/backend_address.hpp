// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

/// Where a backend can be connected to now. What looks its name up sets it, workers try one address
/// after the other, and remember together which of them answered last.
///
/// Memory: the addresses; each thread that reads them keeps them until it reads newer ones.
/// Errors: none; no address = its name has not been found yet.
/// Threads: any. Reading takes a lock once for each thread and change, and is one atomic load
/// otherwise. A std::atomic<std::shared_ptr> would be a lock in disguise with every read (gcc 12
/// spins on a bit of the pointer, and unlocks it in a way that ThreadSanitizer calls a race), and
/// its counter would travel between the workers with each session.
namespace fendmail::io {

class backend_address {
public:
    using endpoints = std::vector<endpoint>;

    explicit backend_address(endpoints first = {});
    backend_address(const backend_address&) = delete;
    backend_address& operator=(const backend_address&) = delete;
    ~backend_address();

    void set(endpoints all);
    [[nodiscard]] std::shared_ptr<const endpoints> now() const;
    /// The order in which they are to be tried: that which answered last goes first, and others
    /// follow as they come behind it.
    [[nodiscard]] endpoints in_turn() const;
    void note_answer(const endpoint& of);

private:
    struct known;
    /// What this thread knows of it, renewed when that has changed.
    [[nodiscard]] const std::shared_ptr<known>& current() const;

    std::uint64_t id_;
    std::atomic<std::uint64_t> version_; ///< no other object ever has the same
    mutable std::mutex mutex_;
    std::shared_ptr<known> known_;
};

} // namespace fendmail::io
