// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/section_builder.hpp"

#include <cstdint>

/// What other sections want to know of [feed] and [networks]. Private to sections/.
///
/// Threads: values only.
namespace fendmail::app {

/// Whether some feed says where clients are from.
[[nodiscard]] bool has_origin_feed(const settings& from);

/// The most that feeds, a country and an AS can add to a score together, and the least.
struct feed_span {
    std::int64_t highest = 0;
    std::int64_t lowest = 0;
};
[[nodiscard]] feed_span feed_span_of(const settings& from);

} // namespace fendmail::app
