// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/span_buckets.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

/// What one list has answered about clients, and whether an admin has switched it off. The test
/// questions of the list monitor do not count.
///
/// Units: counts since the start; milliseconds from the question to the answer, waiting for the
/// resolver to take it included.
/// Memory: 160 octets.
/// Errors: none.
/// Threads: any; atomics only. A reload keeps it for a list that stays (app/shared/snapshot).
namespace fendmail::io {

enum class list_result : std::uint8_t {
    listed,     ///< at least one answer that is a listing
    not_listed, ///< there is no such name
    odd,        ///< answers, none of which is a listing: error codes, foreign addresses
    failed,     ///< no answer in time, SERVFAIL, …
};
inline constexpr std::size_t list_result_count = 4;

class list_tally {
public:
    void on_answer(list_result what, milliseconds took) noexcept
    {
        results_[static_cast<std::size_t>(what)].fetch_add(1, std::memory_order_relaxed);
        if (what == list_result::failed) return;
        const auto ms = took.count() < 0 ? 0 : static_cast<std::uint64_t>(took.count());
        spans_[bucket_of(ms)].fetch_add(1, std::memory_order_relaxed);
        sum_ms_.fetch_add(ms, std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint64_t count(list_result what) const noexcept
    {
        return results_[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);
    }
    /// How long answers took, by bucket.
    [[nodiscard]] std::array<std::uint64_t, bucket_count> spans() const noexcept
    {
        std::array<std::uint64_t, bucket_count> all{};
        for (std::size_t i = 0; i < bucket_count; ++i)
            all[i] = spans_[i].load(std::memory_order_relaxed);
        return all;
    }
    [[nodiscard]] std::uint64_t sum_ms() const noexcept
    {
        return sum_ms_.load(std::memory_order_relaxed);
    }

    /// A list that is off is not asked, and what it still answers does not count.
    void set_off(bool is_off) noexcept { is_off_.store(is_off, std::memory_order_relaxed); }
    [[nodiscard]] bool is_off() const noexcept { return is_off_.load(std::memory_order_relaxed); }

private:
    std::array<std::atomic<std::uint64_t>, list_result_count> results_{};
    std::array<std::atomic<std::uint64_t>, bucket_count> spans_{};
    std::atomic<std::uint64_t> sum_ms_{0};
    std::atomic<bool> is_off_{false};
};

} // namespace fendmail::io
