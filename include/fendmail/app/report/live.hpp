// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/report/report.hpp"

#include <cstddef>
#include <optional>
#include <string>

/// A report of what a running fendmail remembers, without its log: the last decisions, which say
/// all of a session, and the verdicts of the last hour.
///
/// While the decisions reach back further than that hour, or to the start, the report is of their
/// time. Else it is of the hour: verdicts are of all its sessions, all else is of the decisions
/// that are kept, and the report says since when.
///
/// Source: docs/api.md.
/// Memory: that of the answers, of which the API bounds each, and of a report.
/// Errors: nothing when an answer is not understood.
/// Threads: a function of its arguments.
namespace fendmail::app {

/// The bodies of GET /api/v1/…
struct live_answers {
    std::string status;
    std::string history;
    std::string sessions;
    std::string lists;
};

/// @param top how many clients and networks are told
[[nodiscard]] std::optional<report> live_report(const live_answers& said, std::string host,
                                                instant now, std::size_t top);

} // namespace fendmail::app
