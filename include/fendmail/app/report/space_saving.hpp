// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

/// The most frequent ones of a stream that has more of them than fit into memory. With a heap,
/// unlike the heavy_hitters of a running server: a log of millions of clients that come once would
/// look for the least of 10,000 counters with each of them.
///
/// Source: Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements in
/// Data Streams" (Space-Saving). Whatever makes up more than 1/counters of the stream is among
/// the counters, and no count is too large by more than its `error`.
/// Memory: some 100 octets for each counter; it grows to `counters_max` and no further.
/// Errors: none.
/// Threads: one owner.
namespace fendmail::app {

template <class Key>
class space_saving {
public:
    struct counter {
        Key key;
        std::uint64_t count = 0; ///< at most `error` too large
        std::uint64_t error = 0;
        std::uint64_t marked = 0; ///< of those that were counted under its own name
    };

    /// @pre counters_max > 0
    explicit space_saving(std::size_t counters_max)
        : counters_max_{counters_max}
    {
    }

    void add(const Key& key, bool is_marked)
    {
        const auto at = place_of(key);
        ++counters_[at].count;
        if (is_marked) ++counters_[at].marked;
        sink(heap_place_[at]);
    }

    [[nodiscard]] std::size_t size() const noexcept { return counters_.size(); }

    /// The greatest counts, in falling order; equal ones in the order of their keys.
    [[nodiscard]] std::vector<counter> top(std::size_t count) const
    {
        std::vector<counter> all = counters_;
        const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size()));
        std::partial_sort(all.begin(), end, all.end(), [](const counter& a, const counter& b) {
            return a.count != b.count ? a.count > b.count : a.key < b.key;
        });
        all.erase(end, all.end());
        return all;
    }

private:
    /// Its counter; a new key takes over the one that has counted least.
    std::size_t place_of(const Key& key)
    {
        if (const auto found = places_.find(key); found != places_.end()) return found->second;
        if (counters_.size() < counters_max_) {
            const auto at = counters_.size();
            counters_.push_back({key, 0, 0, 0});
            heap_place_.push_back(heap_.size());
            heap_.push_back(at);
            rise(heap_.size() - 1);
            places_.emplace(key, at);
            return at;
        }
        const auto at = heap_.front();
        counter& least = counters_[at];
        places_.erase(least.key);
        least = {key, least.count, least.count, 0};
        places_.emplace(key, at);
        return at;
    }

    [[nodiscard]] std::uint64_t count_at(std::size_t place) const noexcept
    {
        return counters_[heap_[place]].count;
    }
    void swap_places(std::size_t a, std::size_t b) noexcept
    {
        std::swap(heap_[a], heap_[b]);
        heap_place_[heap_[a]] = a;
        heap_place_[heap_[b]] = b;
    }
    void rise(std::size_t place) noexcept
    {
        while (place != 0 && count_at(place) < count_at((place - 1) / 2)) {
            swap_places(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }
    void sink(std::size_t place) noexcept
    {
        for (;;) {
            auto least = place;
            for (const auto child : {2 * place + 1, 2 * place + 2})
                if (child < heap_.size() && count_at(child) < count_at(least)) least = child;
            if (least == place) return;
            swap_places(place, least);
            place = least;
        }
    }

    std::size_t counters_max_;
    std::vector<counter> counters_;
    std::vector<std::size_t> heap_;       ///< places in counters_, the least count first
    std::vector<std::size_t> heap_place_; ///< where in the heap each counter is
    std::unordered_map<Key, std::size_t> places_;
};

} // namespace fendmail::app
