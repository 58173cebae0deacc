// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <memory>
#include <mutex>
#include <vector>

/// Where a backend can be connected to now. Somebody who looks its name up sets it, workers try
/// one address after the other, and remember together which of them answered last.
///
/// Memory: the addresses.
/// Errors: none; no address = its name has not been found yet.
/// Threads: any.
namespace fendmail::io {

class backend_address {
public:
    using endpoints = std::vector<endpoint>;

    explicit backend_address(endpoints first = {})
        : all_{std::make_shared<const endpoints>(std::move(first))}
    {
    }

    void set(endpoints all)
    {
        auto fresh = std::make_shared<const endpoints>(std::move(all));
        const std::lock_guard lock{mutex_};
        all_ = std::move(fresh);
    }
    [[nodiscard]] std::shared_ptr<const endpoints> now() const
    {
        const std::lock_guard lock{mutex_};
        return all_;
    }
    /// The order in which they are to be tried: that which answered last goes first, and others
    /// follow as they come behind it.
    [[nodiscard]] endpoints in_turn() const;
    void note_answer(const endpoint& of);

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const endpoints> all_;
    endpoint answered_{};
};

} // namespace fendmail::io
