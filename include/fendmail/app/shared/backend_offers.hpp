// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/extensions.hpp"

#include <memory>
#include <mutex>
#include <utility>

/// What the backend offers clients from outside: asked now and then as if one of them had
/// connected, and learned anew from each client that goes on there.
///
/// Source: RFC 5321 §4.1.1.1.
/// Memory: one EHLO reply.
/// Errors: none; without memory for news the old ones stay.
/// Threads: any.
namespace fendmail::app {

class backend_offers {
public:
    /// Null as long as it is not known.
    [[nodiscard]] std::shared_ptr<const smtp::extensions> get() const
    {
        const std::lock_guard lock{mutex_};
        return offers_;
    }
    void note(const smtp::extensions& seen)
    {
        const std::lock_guard lock{mutex_};
        is_fresh_ = true;
        if (offers_ && offers_->all() == seen.all()) return;
        offers_ = std::make_shared<const smtp::extensions>(seen);
    }
    /// True when what it offers was noted since this was last asked.
    [[nodiscard]] bool take_freshness() noexcept
    {
        const std::lock_guard lock{mutex_};
        return std::exchange(is_fresh_, false);
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const smtp::extensions> offers_;
    bool is_fresh_ = false;
};

} // namespace fendmail::app
