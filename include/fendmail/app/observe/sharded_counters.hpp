// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

/// Counters that many threads raise and few read: each thread has a set of its own, as long as
/// there are not more threads than sets, and their sum is taken when it is asked for.
///
/// Memory: `Size` × 8 octets for each of 16 sets.
/// Errors: none.
/// Threads: any. A sum misses at most what is counted while it is taken, and never falls.
namespace fendmail::app {

template <std::size_t Size>
class sharded_counters {
public:
    /// @pre which < Size
    void add(std::size_t which, std::uint64_t count = 1) noexcept
    {
        sets_[of_this_thread()].values[which].fetch_add(count, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t sum(std::size_t which) const noexcept
    {
        std::uint64_t all = 0;
        for (const auto& one : sets_)
            all += one.values[which].load(std::memory_order_relaxed);
        return all;
    }

private:
    static constexpr std::size_t set_count = 16;
    static constexpr std::size_t cache_line = 64;
    struct alignas(cache_line) set {
        std::array<std::atomic<std::uint64_t>, Size> values{};
    };

    [[nodiscard]] static std::size_t of_this_thread() noexcept
    {
        static std::atomic<std::size_t> last{0};
        thread_local const std::size_t mine = last.fetch_add(1, std::memory_order_relaxed);
        return mine % set_count;
    }

    std::array<set, set_count> sets_{};
};

} // namespace fendmail::app
