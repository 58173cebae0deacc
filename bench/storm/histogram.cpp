// SPDX-License-Identifier: Apache-2.0
#include "storm/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace fendmail::storm {

namespace {

// Each power of two has this many buckets; values below twice as many have one each.
constexpr unsigned linear_bits = 7;
constexpr std::uint64_t linear = std::uint64_t{1} << linear_bits;
constexpr std::size_t bucket_count = (64 - linear_bits + 1) * linear;

/// How far a value is shifted right so that it lies in [linear, 2 * linear).
unsigned shift_of(std::uint64_t value) noexcept
{
    const auto width = static_cast<unsigned>(std::bit_width(value));
    return width > linear_bits + 1 ? width - linear_bits - 1 : 0;
}

std::size_t bucket_of(std::uint64_t value) noexcept
{
    const unsigned shift = shift_of(value);
    return shift * linear + (value >> shift);
}

/// The greatest value of a bucket.
std::uint64_t end_of(std::size_t bucket) noexcept
{
    if (bucket < 2 * linear) return bucket;
    const auto shift = static_cast<unsigned>(bucket / linear - 1);
    const std::uint64_t first = (bucket - shift * linear) << shift;
    return first + ((std::uint64_t{1} << shift) - 1);
}

} // namespace

histogram::histogram()
    : buckets_(bucket_count)
{
}

void histogram::add(std::uint64_t value) noexcept
{
    ++buckets_[bucket_of(value)];
    smallest_ = count_ == 0 ? value : std::min(smallest_, value);
    largest_ = std::max(largest_, value);
    sum_ += static_cast<double>(value);
    ++count_;
}

void histogram::merge(const histogram& other) noexcept
{
    if (other.count_ == 0) return;
    for (std::size_t i = 0; i < bucket_count; ++i)
        buckets_[i] += other.buckets_[i];
    smallest_ = count_ == 0 ? other.smallest_ : std::min(smallest_, other.smallest_);
    largest_ = std::max(largest_, other.largest_);
    sum_ += other.sum_;
    count_ += other.count_;
}

double histogram::mean() const noexcept
{
    return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t histogram::percentile(double percent) const noexcept
{
    if (count_ == 0) return 0;
    const double share = std::ceil(percent / 100 * static_cast<double>(count_));
    const auto wanted = std::clamp(static_cast<std::uint64_t>(share), std::uint64_t{1}, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < bucket_count; ++i) {
        seen += buckets_[i];
        // The end of the last bucket in use would be a value that was not measured.
        if (seen >= wanted) return std::min(end_of(i), largest_);
    }
    return largest_;
}

} // namespace fendmail::storm
