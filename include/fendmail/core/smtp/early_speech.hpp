// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

/// What a client speaks that speaks before its turn: bots that look for other servers, or SMTP in
/// a hurry.
///
/// Source: RFC 8446 §5.1 (TLS records), RFC 9112 §3 (HTTP), RFC 1928 §3 (SOCKS 5), SOCKS 4,
/// [MS-RDPBCGR] §2.2.1.1 (a TPKT header, RFC 1006 §6), RFC 4253 §4.2 (SSH), RFC 5321 §4.1.
/// Memory: none.
/// Errors: none; what is nothing that we know is `unknown`.
/// Threads: a pure function.
namespace fendmail::smtp {

enum class speech : std::uint8_t { unknown, smtp, tls, http, socks, rdp, ssh };
inline constexpr std::array all_speeches{speech::unknown, speech::smtp, speech::tls, speech::http,
                                         speech::socks,   speech::rdp,  speech::ssh};

/// @param octets the first ones, as many as there are
[[nodiscard]] speech speech_of(std::string_view octets) noexcept;
[[nodiscard]] std::string_view to_string(speech s) noexcept;

} // namespace fendmail::smtp
