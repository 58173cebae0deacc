// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <string>

/// The only place that reads a clock; everything else is told what time it is.
///
/// Units: `instant` in whole seconds of wall time, `tick` of the steady clock.
/// Threads: any.
namespace fendmail::io {

[[nodiscard]] instant wall_now() noexcept;
/// The same, finer: since 1970.
[[nodiscard]] milliseconds wall_milliseconds() noexcept;
[[nodiscard]] tick steady_now() noexcept;
/// Wall time in the local zone, "Nov 21 06:07:08".
[[nodiscard]] std::string local_time_text();

} // namespace fendmail::io
