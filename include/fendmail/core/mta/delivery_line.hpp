// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Which host took a mail of ours, by a line of a mail server's log.
///
/// Strangers write much of such a line: recipients, names of hosts, replies of their servers. So a
/// line counts only when it has exactly the form that the mail server gives it, from its first
/// octet on, with nothing in front of the address but what no stranger can choose freely. Whatever
/// could be read in two ways tells nothing.
///
/// Source: Postfix's smtp(8) and syslog headers as in RFC 3164 §4.1 or RFC 3339; Exim's main log,
/// "Log files" in its specification. Only programs that deliver over SMTP count.
/// Units: octets.
/// Memory: none but the result.
/// Errors: none; a line that does not tell a delivery is none.
/// Threads: functions of their arguments only.
namespace fendmail::mta {

/// A longer line may have been cut on its way, and then it is not known what was cut off: RFC 3164
/// §4.1 lets a relay cut at 1024.
inline constexpr std::size_t line_octets_max = 900;

struct delivery {
    ip_address address;
    std::string host; ///< its name as the mail server has it, at most 253 octets; no odd characters
};

/// @param line without its end
[[nodiscard]] std::optional<delivery> parse_delivery(std::string_view line);

} // namespace fendmail::mta
