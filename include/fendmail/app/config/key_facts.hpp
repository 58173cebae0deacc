// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

/// What a section says of one of its keys, besides its name and where its value goes.
///
/// Units: `min` and `max` are milliseconds for durations, octets for sizes, otherwise plain
/// numbers.
/// Memory: constants.
/// Threads: constants.
namespace fendmail::app {

enum class key_type : std::uint8_t {
    text,
    text_list,
    boolean,
    integer,
    duration, ///< "6s"
    size,     ///< "64KiB", or a whole number of octets
    choice,
    text_map,   ///< { name = "text", ... }
    number_map, ///< { name = 1, ... }
};

/// What of a value is not told with the configuration.
enum class secrecy : std::uint8_t {
    none,
    zones, ///< names of zones, which may have a key in them; in a table those left of "="
    keys,  ///< the value is a key, or the path of a file with one; in a table right of "="
};

struct key_facts {
    std::string_view doc = {};     ///< one sentence or two
    std::string_view example = {}; ///< another value as written in TOML; "" = none
    std::int64_t min = 0;
    std::int64_t max = 0;
    bool is_size = false;     ///< a number of octets, which may have a unit
    bool is_one_line = false; ///< control characters are an error
    bool has_dollars = false; ///< "$" has a meaning here, or may well be in the text
    secrecy secret = secrecy::none;
};

/// What `min` and `max` of durations are written in.
namespace spans {
inline constexpr std::int64_t second = 1000;
inline constexpr std::int64_t minute = 60 * second;
inline constexpr std::int64_t hour = 60 * minute;
inline constexpr std::int64_t day = 24 * hour;
/// Long enough for every use, short enough that no sum with a clock can overflow.
inline constexpr std::int64_t ttl_max = 3650 * day;
} // namespace spans

} // namespace fendmail::app
