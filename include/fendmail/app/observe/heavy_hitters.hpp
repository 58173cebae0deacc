// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

/// Who comes most often, among more keys than can be counted.
///
/// Source: Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements in
/// Data Streams" (Space-Saving): a key that is not counted yet takes the place of the one with the
/// fewest, and its count. So no count is too small, none is too large by more than the sum divided
/// by `Places`, and a key that makes more than that part of all is there, whatever others do.
/// Memory: `Places` keys and counts, and a hash node for each.
/// Errors: std::bad_alloc while it fills; it is consistent then.
/// Threads: one at a time.
namespace fendmail::app {

template <class Key, std::size_t Places, class Hash = std::hash<Key>>
class heavy_hitters {
public:
    struct entry {
        Key key{};
        std::uint32_t count = 0;
        std::uint32_t marked = 0; ///< of them, those of which add() was told so
    };

    void add(const Key& key, bool is_marked)
    {
        const auto at = place_of(key);
        ++counts_[at];
        if (is_marked) ++entries_[at].marked;
    }

    [[nodiscard]] std::vector<entry> entries() const
    {
        std::vector<entry> all;
        for (std::size_t i = 0; i < used_; ++i)
            all.push_back({entries_[i].key, counts_[i], entries_[i].marked});
        return all;
    }

    void clear() noexcept
    {
        where_.clear();
        used_ = 0;
    }

private:
    std::size_t place_of(const Key& key)
    {
        const auto found = where_.find(key);
        if (found != where_.end()) return found->second;
        if (used_ < Places) {
            where_.emplace(key, used_);
            entries_[used_] = {key, 0, 0};
            counts_[used_] = 0;
            return used_++;
        }
        const auto at =
            static_cast<std::size_t>(std::ranges::min_element(counts_) - counts_.begin());
        where_.emplace(key, at);
        where_.erase(entries_[at].key);
        entries_[at] = {key, 0, 0}; // what its predecessor was marked for is not this one's
        return at;
    }

    std::unordered_map<Key, std::size_t, Hash> where_;
    std::array<entry, Places> entries_{};
    std::array<std::uint32_t, Places> counts_{}; ///< apart, so that the least is found fast
    std::size_t used_ = 0;
};

} // namespace fendmail::app
