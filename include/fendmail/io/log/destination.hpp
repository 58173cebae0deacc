// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Where an admin wants log lines to go.
///
/// Memory: the path.
/// Errors: a text that is none gives none.
/// Threads: values only.
namespace fendmail::io {

struct log_destination {
    enum class kind : std::uint8_t { standard_error, standard_output, syslog, journald, file };

    kind to = kind::standard_error;
    std::string path{}; ///< of a file, absolute

    friend bool operator==(const log_destination&, const log_destination&) = default;
};

/// "stderr", "stdout", "syslog", "journald" or "file:/path".
[[nodiscard]] std::optional<log_destination> parse_log_destination(std::string_view text);
/// As parse_log_destination() has it.
[[nodiscard]] std::string to_text(const log_destination& destination);

} // namespace fendmail::io
