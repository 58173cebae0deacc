// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/store/memory_store.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <new>

namespace fendmail::io {

memory_store::memory_store(std::size_t records_max)
    : records_max_{records_max}
{
    FENDMAIL_ASSERT(records_max > 0);
}

std::optional<screen::client_record> memory_store::get(const screen::client_key& key) noexcept
{
    const std::lock_guard lock{mutex_};
    const auto found = index_.find(key);
    if (found == index_.end()) return std::nullopt;
    return found->second->second;
}

void memory_store::put(const screen::client_key& key, const screen::client_record& record) noexcept
try {
    const std::lock_guard lock{mutex_};
    if (const auto found = index_.find(key); found != index_.end()) {
        found->second->second = record;
        by_age_.splice(by_age_.end(), by_age_, found->second);
        return;
    }
    // Made outside the list, so that a failure to allocate in either container changes nothing.
    std::list<entry> fresh;
    fresh.emplace_back(key, record);
    index_.try_emplace(key, fresh.begin());
    by_age_.splice(by_age_.end(), fresh);
    if (by_age_.size() <= records_max_) return;
    index_.erase(by_age_.front().first);
    by_age_.pop_front();
} catch (const std::bad_alloc&) {
    // The client repeats its tests next time; that is all a lost record costs.
}

std::vector<allowlist_store::entry> memory_store::list(const screen::client_key* after,
                                                       std::size_t most)
{
    std::vector<entry> found;
    {
        const std::lock_guard lock{mutex_};
        for (const entry& each : by_age_)
            if (after == nullptr || each.first > *after) found.push_back(each);
    }
    const auto kept = found.begin() + static_cast<std::ptrdiff_t>(std::min(most, found.size()));
    std::ranges::partial_sort(found, kept, {}, &entry::first);
    found.erase(kept, found.end());
    return found;
}

std::vector<memory_store::entry> memory_store::take_oldest(std::size_t most)
{
    const std::lock_guard lock{mutex_};
    std::vector<entry> taken;
    taken.reserve(std::min(most, by_age_.size()));
    while (taken.size() < most && !by_age_.empty()) {
        taken.push_back(by_age_.front());
        index_.erase(by_age_.front().first);
        by_age_.pop_front();
    }
    return taken;
}

std::size_t memory_store::size() const noexcept
{
    const std::lock_guard lock{mutex_};
    return by_age_.size();
}

} // namespace fendmail::io
