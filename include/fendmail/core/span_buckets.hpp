// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// The buckets of all our histograms of time.
///
/// Units: upper ends in milliseconds; what is beyond the last is in one more bucket.
/// Threads: constants.
namespace fendmail {

inline constexpr std::array<std::uint64_t, 14> span_buckets{
    1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000};
inline constexpr std::size_t bucket_count = span_buckets.size() + 1;

[[nodiscard]] constexpr std::size_t bucket_of(std::uint64_t span_ms) noexcept
{
    std::size_t i = 0;
    while (i < span_buckets.size() && span_ms > span_buckets[i])
        ++i;
    return i;
}

} // namespace fendmail
