// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// Wall time as people and syslog write it, in a time zone that the caller gives.
///
/// Source: RFC 3164 §4.1.2 ("Nov 21 06:07:08", which has neither year nor zone), RFC 3339 §5.6.
/// Units: instants in whole seconds; fractions of a second are cut off.
/// Errors: what is no time is nothing.
/// Threads: one owner; a zone caches the offset that it found last.
namespace fendmail::app {

class time_zone {
public:
    /// @param offset_at seconds east of Greenwich at that instant
    explicit time_zone(std::function<seconds(instant)> offset_at)
        : offset_at_{std::move(offset_at)}
    {
    }

    /// The local clock at that instant, as if it were one of UTC.
    [[nodiscard]] instant to_local(instant when) const;
    /// @param local as to_local() gives it. Of an hour that there is twice it is one of the two.
    [[nodiscard]] instant from_local(instant local) const;

private:
    [[nodiscard]] seconds offset_at(instant when) const;

    std::function<seconds(instant)> offset_at_;
    mutable std::optional<instant> quarter_; ///< no zone changes within one
    mutable seconds offset_{0};
};

struct read_stamp {
    instant time;
    std::size_t octets = 0; ///< of the stamp, without a space behind it
};
/// "Nov 21 06:07:08" at the beginning of a line, in the year that brings it closest to `now`
/// without being more than a day after it.
[[nodiscard]] std::optional<read_stamp> read_syslog_stamp(std::string_view line,
                                                          const time_zone& zone, instant now);
/// "2025-11-21T06:07:08.123Z", or with an offset such as +01:00 or +0100; without one it is local.
/// A space may stand for the T.
[[nodiscard]] std::optional<read_stamp> read_iso_stamp(std::string_view line,
                                                       const time_zone& zone);

/// What an admin writes for a point in time: "now", "today", "yesterday" (their first moments),
/// a span before now ("1d"), "2025-11-21", "2025-11-21 06:07", or as RFC 3339 has it.
[[nodiscard]] std::optional<instant> read_point(std::string_view text, const time_zone& zone,
                                                instant now);

/// "2025-11-21T05:07:08Z"
[[nodiscard]] std::string utc_text(instant when);
/// "Fri 21 Nov 2025 06:07"
[[nodiscard]] std::string day_text(instant when, const time_zone& zone);
/// "21 Nov 06:07"
[[nodiscard]] std::string minute_text(instant when, const time_zone& zone);

} // namespace fendmail::app
