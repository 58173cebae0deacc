// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

/// The two kinds of "now". The core never reads a clock: code that needs the time gets it as an
/// argument, so that a test decides what time it is.
namespace fendmail {

using std::chrono::seconds;
using milliseconds = std::chrono::milliseconds;

/// Wall time in whole seconds since 1970: what is stored and survives a restart.
using instant = std::chrono::sys_seconds;

/// Steady time: deadlines and durations within one process.
using tick = std::chrono::steady_clock::time_point;
using tick_span = std::chrono::steady_clock::duration;

} // namespace fendmail
