// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

/// A hash of networks with a secret seed, so that no client can choose addresses that meet in one
/// place of a table.
///
/// Source: SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
/// Memory: 16 octets for a seed.
/// Errors: none.
/// Threads: pure functions.
namespace fendmail::throttle {

/// Random, and never told.
using hash_seed = std::array<std::uint64_t, 2>;

[[nodiscard]] std::uint64_t sip_hash(const network& of, const hash_seed& secret) noexcept;

/// Where the low 32 bits of `hash` fall among `count`, without the bias and cost of a division.
[[nodiscard]] constexpr std::size_t scaled(std::uint64_t hash, std::size_t count) noexcept
{
    return static_cast<std::size_t>(((hash & 0xffffffffU) * count) >> 32);
}

} // namespace fendmail::throttle
