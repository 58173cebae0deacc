// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/log/destination.hpp"

#include <fmt/format.h>

namespace fendmail::io {

using kind = log_destination::kind;

std::optional<log_destination> parse_log_destination(std::string_view text)
{
    constexpr std::string_view file_prefix = "file:";
    if (text == "stderr") return log_destination{kind::standard_error, {}};
    if (text == "stdout") return log_destination{kind::standard_output, {}};
    if (text == "syslog") return log_destination{kind::syslog, {}};
    if (text == "journald") return log_destination{kind::journald, {}};
    if (!text.starts_with(file_prefix)) return std::nullopt;
    const auto path = text.substr(file_prefix.size());
    if (!path.starts_with('/')) return std::nullopt;
    return log_destination{kind::file, std::string{path}};
}

std::string to_text(const log_destination& destination)
{
    switch (destination.to) {
    case kind::standard_error: return "stderr";
    case kind::standard_output: return "stdout";
    case kind::syslog: return "syslog";
    case kind::journald: return "journald";
    case kind::file: return fmt::format("file:{}", destination.path);
    }
    return {};
}

} // namespace fendmail::io
