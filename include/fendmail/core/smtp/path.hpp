// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

/// The path of MAIL FROM:<path> and RCPT TO:<path>, as far as a log line needs it. Nothing is
/// validated, because nothing is delivered: spam bots send the strangest forms, and all of them
/// are wanted in the log.
///
/// Source: RFC 5321 §4.1.2 (syntax), §4.1.1.3 and appendix C (source routes are to be ignored);
/// postscreen's reading of malformed paths.
/// Memory: about the argument's length; the log form at most twice that.
/// Errors: none but an absent ":", which is an empty optional.
/// Threads: functions of their arguments only.
namespace fendmail::smtp {

/// The address in the argument "FROM:<address> parameters": without <>, source route, quotes and
/// backslashes. Without a "<" the address ends at a <SP>. A quote that is not closed runs to the
/// end of the argument. "" for <> and for nothing at all.
/// @return nothing when the argument has no ":"
[[nodiscard]] std::optional<std::string> parse_path(std::string_view argument);

/// An address from parse_path() as it is logged: the local part is put in quotes again where
/// RFC 5321 §4.1.2 asks for it. Line breaks and the like are the renderer's to escape.
[[nodiscard]] std::string to_log_form(std::string_view address);

} // namespace fendmail::smtp
