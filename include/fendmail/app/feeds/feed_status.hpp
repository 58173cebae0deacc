// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/sections/feeds.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// How feeds are, for the API, the command line and metrics.
///
/// Units: entries; wall time.
/// Threads: values.
namespace fendmail::app {

enum class feed_state : std::uint8_t {
    good,
    outdated, ///< not renewed for `max_age`
    refused,  ///< the file cannot be used; what was there before is in use, if there was something
};
[[nodiscard]] std::string_view to_string(feed_state s) noexcept;

/// How one feed is.
struct feed_status {
    feed_source source;
    feed_state state = feed_state::good;
    std::string refusal; ///< why the file cannot be used
    bool is_in_use = false;
    std::size_t entries = 0; ///< in use
    std::size_t left_out = 0;
    instant changed_at{}; ///< when the file was written that is in use
    seconds age{0};
    std::uint64_t hits = 0; ///< clients that were found in it, since the start
};

} // namespace fendmail::app
