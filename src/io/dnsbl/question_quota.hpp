// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/throttle/budget.hpp"
#include "fendmail/core/time.hpp"

#include <atomic>
#include <cstdint>

/// Counts the questions to one list against what it may be asked in a time.
///
/// A list that sets a quota counts in windows of its own, which are not known. So what counts here
/// is the window of that length that ends now, with the part of the fixed window before that
/// reaches into it.
/// Source: the sliding window counter, as in many rate limiters.
/// Units: questions.
/// Memory: three words.
/// Errors: none.
/// Threads: any; atomics only.
namespace fendmail::io {

class question_quota {
public:
    /// Counts one more question if it may be asked. @pre !of.is_off()
    [[nodiscard]] bool take(const budget& of, tick now) noexcept
    {
        const auto per = std::chrono::duration_cast<tick_span>(of.per);
        const auto since = now.time_since_epoch();
        const auto number = static_cast<std::uint64_t>(since / per) & number_mask;
        auto seen = window_.load();
        for (;;) {
            auto count = seen & count_mask;
            if (seen >> count_bits != number) {
                const bool is_next = (seen >> count_bits) + 1 == number;
                before_.store(is_next ? count : 0);
                count = 0;
            }
            const double left =
                1.0 - static_cast<double>((since % per).count()) / static_cast<double>(per.count());
            const double used =
                static_cast<double>(count) + left * static_cast<double>(before_.load());
            used_.store(static_cast<std::uint64_t>(used) + 1);
            if (used + 1 > static_cast<double>(of.count)) return false;
            if (window_.compare_exchange_weak(seen, number << count_bits | (count + 1)))
                return true;
        }
    }
    /// In the window that ended with the latest take().
    [[nodiscard]] std::uint64_t used() const noexcept { return used_.load(); }

private:
    static constexpr unsigned count_bits = 32; // a budget counts 32 bits
    static constexpr std::uint64_t count_mask = (std::uint64_t{1} << count_bits) - 1;
    static constexpr std::uint64_t number_mask = count_mask;

    std::atomic<std::uint64_t> window_{0}; ///< its number, and the questions in it
    std::atomic<std::uint64_t> before_{0}; ///< questions of the window before
    std::atomic<std::uint64_t> used_{0};
};

} // namespace fendmail::io
