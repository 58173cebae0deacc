// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/listener.hpp"

#include <cstdint>

/// What bounds of keys are written in. Private to the tables of keys.
///
/// Units: milliseconds.
namespace fendmail::app {

inline constexpr std::int64_t second = 1000;
inline constexpr std::int64_t minute = 60 * second;
inline constexpr std::int64_t hour = 60 * minute;
inline constexpr std::int64_t day = 24 * hour;
/// Long enough for every use, short enough that no sum with a clock can overflow.
inline constexpr std::int64_t ttl_max = 3650 * day;

/// The kernel brings all addresses of such a network to one worker (io/listener).
inline constexpr std::int64_t ipv6_prefix_min = io::steered_ipv6_prefix;

/// For `reloadable`.
inline constexpr bool restart = false;

} // namespace fendmail::app
