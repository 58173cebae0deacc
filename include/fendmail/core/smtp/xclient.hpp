// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/smtp/extensions.hpp"

#include <optional>
#include <string>
#include <string_view>

/// The XCLIENT command: tells a backend which client it is that we speak for.
///
/// Source: Postfix XCLIENT_README (attributes, their values); RFC 3461 §4 (xtext).
/// Memory: one line of less than 512 octets.
/// Errors: a backend that does not offer ADDR cannot be told, which is an empty optional.
/// Threads: functions of their arguments only.
namespace fendmail::smtp {

/// RFC 3461 §4: "+", "=" and all but the visible ASCII octets become "+" and two hex digits.
[[nodiscard]] std::string to_xtext(std::string_view text);

/// "XCLIENT NAME=[UNAVAILABLE] … ADDR=192.0.2.1 PORT=4444 …", without <CRLF>, with those
/// attributes only that the backend offered.
/// @param local where the client connected to
/// @return nothing when XCLIENT or its ADDR is not offered
[[nodiscard]] std::optional<std::string>
xclient_command(const extensions& offered, const endpoint& client, const endpoint& local);

} // namespace fendmail::smtp
