// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Recipients that refused clients reach all the same, by their local parts: "postmaster", "abuse".
///
/// Source: RFC 5321 §4.5.1 (postmaster, in any case and also without a domain), RFC 2142 §4.
/// Memory: the line.
/// Errors: what is not exactly such a recipient is none.
/// Threads: functions of their arguments only.
namespace fendmail::smtp {

/// Where servers could read a recipient in two ways, it is none: no source route, no second "@", no
/// "%" and "!", nothing behind the ">" but parameters.
/// @param argument of RCPT: "TO:<postmaster@example.org> NOTIFY=NEVER"
/// @param open lower case
/// @return the command for the backend, written anew: "RCPT TO:<postmaster@example.org> ..."
[[nodiscard]] std::optional<std::string> open_recipient(std::string_view argument,
                                                        std::span<const std::string> open);

/// Whether it can be one of `open`: letters, digits, ".", "_" and "-".
[[nodiscard]] bool is_plain_local_part(std::string_view text) noexcept;

} // namespace fendmail::smtp
