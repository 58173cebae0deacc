// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

/// When a suspect that was asked to come back may, and for how long that counts.
///
/// Units: seconds.
/// Threads: values.
namespace fendmail::abuse {

struct grey_rules {
    seconds delay = std::chrono::minutes{5}; ///< who comes back sooner is asked again
    seconds window = std::chrono::days{2};   ///< who comes back later is asked again
    seconds ttl = std::chrono::days{30};     ///< from the last time that it came

    friend bool operator==(const grey_rules&, const grey_rules&) = default;
};

} // namespace fendmail::abuse
