// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/identity.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>

namespace fendmail::smtp {

namespace {

/// RFC 5321 §4.5.3.1.4, without the <CRLF>: no server cuts a shorter line in two.
constexpr std::size_t command_line_octets = 510;
constexpr int goodbye = 221;

} // namespace

bool is_farewell(std::string_view unasked) noexcept
{
    return unasked.starts_with('4');
}

bool is_about_early_talk(const reply& r)
{
    if (!r.is_permanent()) return false;
    // Exim: "554 SMTP synchronization error"; Postfix: "554 5.5.0 Error: SMTP protocol
    // synchronization".
    return std::ranges::any_of(r.lines, [](const std::string& line) {
        return to_upper(line).find("SYNCHRONI") != std::string::npos;
    });
}

bool is_about_protocol(int code) noexcept
{
    return code == 500 || code == 502 || code == 503;
}

bool is_plain_hello(std::string_view line) noexcept
{
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() < 4 || line.size() > command_line_octets) return false;
    if (!std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; })) return false;
    if (line.size() > 4 && line[4] != ' ') return false;
    const auto verb = line.substr(0, 4);
    return equals_ignoring_case(verb, "EHLO") || equals_ignoring_case(verb, "HELO");
}

bool farewell_count::feed(std::string_view octets) noexcept
{
    for (const char octet : octets) {
        if (done_) return false;
        switch (reply_.take(octet)) {
        case reply_event::more:
        case reply_event::code: break;
        case reply_event::complete:
            ++replies_;
            done_ = reply_.code() == goodbye;
            break;
        case reply_event::bad:
        case reply_event::too_long: done_ = true; break;
        }
    }
    return !done_;
}

std::string_view to_string(identity i) noexcept
{
    switch (i) {
    case identity::fine: return "fine";
    case identity::unclear: return "unclear";
    case identity::mistaken: return "mistaken";
    }
    return "?";
}

} // namespace fendmail::smtp
