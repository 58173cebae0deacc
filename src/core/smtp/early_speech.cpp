// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/early_speech.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <cstddef>

namespace fendmail::smtp {

namespace {

constexpr unsigned octet(std::string_view text, std::size_t at) noexcept
{
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0x100U;
}

/// A handshake record of SSL 3 to TLS 1.3, of which the type alone may be there.
bool is_tls(std::string_view text) noexcept
{
    if (octet(text, 0) != 0x16) return false;
    return text.size() < 3 || (octet(text, 1) == 3 && octet(text, 2) <= 4);
}

/// Version 5 offers methods, version 4 wants CONNECT or BIND.
bool is_socks(std::string_view text) noexcept
{
    const bool is_5 = octet(text, 0) == 5 && octet(text, 1) >= 1 && octet(text, 1) <= 16 &&
                      text.size() <= 2U + octet(text, 1);
    const bool is_4 = octet(text, 0) == 4 && (octet(text, 1) == 1 || octet(text, 1) == 2);
    return is_5 || is_4;
}

/// A TPKT header, and behind it a connection request of X.224.
bool is_rdp(std::string_view text) noexcept
{
    return octet(text, 0) == 3 && octet(text, 1) == 0 &&
           (text.size() < 6 || octet(text, 5) == 0xe0);
}

bool is_http(std::string_view text) noexcept
{
    constexpr std::array<std::string_view, 9> methods{"GET ",    "POST ",    "HEAD ",
                                                      "PUT ",    "CONNECT ", "OPTIONS ",
                                                      "DELETE ", "TRACE ",   "PRI * HTTP/"};
    return std::ranges::any_of(methods, [&](std::string_view m) { return text.starts_with(m); });
}

bool is_smtp(std::string_view text) noexcept
{
    constexpr std::array<std::string_view, 12> verbs{"EHLO", "HELO", "MAIL",    "RCPT",
                                                     "DATA", "RSET", "NOOP",    "QUIT",
                                                     "AUTH", "LHLO", "XCLIENT", "STARTTLS"};
    return std::ranges::any_of(verbs, [&](std::string_view v) {
        if (text.size() < v.size() || !equals_ignoring_case(text.substr(0, v.size()), v))
            return false;
        const char next = text.size() > v.size() ? text[v.size()] : '\n';
        return next == ' ' || next == '\r' || next == '\n' || next == ':';
    });
}

} // namespace

speech speech_of(std::string_view octets) noexcept
{
    if (octets.empty()) return speech::unknown;
    if (is_tls(octets)) return speech::tls;
    if (is_rdp(octets)) return speech::rdp;
    if (is_socks(octets)) return speech::socks;
    if (octets.starts_with("SSH-")) return speech::ssh;
    if (is_http(octets)) return speech::http;
    return is_smtp(octets) ? speech::smtp : speech::unknown;
}

std::string_view to_string(speech s) noexcept
{
    switch (s) {
    case speech::unknown: return "unknown";
    case speech::smtp: return "smtp";
    case speech::tls: return "tls";
    case speech::http: return "http";
    case speech::socks: return "socks";
    case speech::rdp: return "rdp";
    case speech::ssh: return "ssh";
    }
    return "unknown";
}

} // namespace fendmail::smtp
