// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/reply.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// The text behind each rejection: where a sender finds help, and what to tell there.
///
/// Source: Postfix's smtpd_reject_footer: "\n" begins a new line of the reply, "\c" at the start
/// goes on in the last line; $name and ${name} are replaced.
/// Units: octets; lines are cut so that a reply line keeps to `limits::reply_line_octets`.
/// Memory: the expanded text.
/// Errors: none; a macro that does not exist stands for nothing.
/// Threads: functions of their arguments only.
namespace fendmail::smtp {

struct footer_values {
    std::string client_address;
    std::uint16_t client_port = 0;
    std::string localtime; ///< "Nov 21 06:07:08"
    std::string server_name;
};

/// Replaces client_address, client_port, localtime and server_name.
[[nodiscard]] std::string expand_footer(std::string_view text, const footer_values& values);

/// The first macro of `text` that expand_footer() does not know; "" for none.
[[nodiscard]] std::string_view unknown_macro(std::string_view text);

/// `r` with the footer when it is a 4xx or 5xx and there is one.
/// @param expanded from expand_footer()
[[nodiscard]] reply with_footer(reply r, std::string_view expanded);

} // namespace fendmail::smtp
