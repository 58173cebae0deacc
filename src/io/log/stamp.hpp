// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ctime>
#include <string>
#include <string_view>

/// The time at the beginning of a line of syslog's files: "Nov 21 06:07:08 ", local time.
///
/// Source: RFC 3164 §4.1.2.
/// Errors: none.
/// Threads: one owner.
namespace fendmail::io {

class log_stamp {
public:
    /// localtime takes a lock and looks at the zone, so it runs once a second. Valid until the next
    /// call.
    [[nodiscard]] std::string_view at(std::time_t second);

private:
    std::time_t second_ = 0;
    std::string text_;
};

} // namespace fendmail::io
