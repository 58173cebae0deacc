// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/report/report.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// A report as tables, which text and HTML only put down.
///
/// Memory: some kilobytes.
/// Errors: none.
/// Threads: functions of their arguments.
namespace fendmail::app {

struct report_column {
    std::string head{};
    std::size_t width = 0; ///< in text; longer values are cut
    bool is_number = false;
};

struct report_section {
    std::string title{};
    std::vector<report_column> columns{};
    std::vector<std::vector<std::string>> rows{};
    std::vector<std::string> lines{}; ///< sentences in place of a table
    std::string note{};               ///< what the columns mean
    std::string if_empty{};           ///< "" = without rows and lines it is left out
    bool is_alarming = false;
    /// A picture of the rows: what came in, and what did not.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> bars{};
};

[[nodiscard]] std::vector<report_section> sections_of(const report& about, const time_zone& zone);
/// "Thu 20 Nov 2025 00:00 to Fri 21 Nov 2025 00:00"
[[nodiscard]] std::string period_text(const report& about, const time_zone& zone);

} // namespace fendmail::app
