// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/offence.hpp"

#include <fmt/format.h>
#include <iterator>

namespace fendmail::abuse {

std::string_view to_string(offence o) noexcept
{
    switch (o) {
    case offence::pregreet: return "pregreet";
    case offence::dnsbl: return "dnsbl";
    case offence::non_smtp_command: return "non_smtp_command";
    case offence::pipelining: return "pipelining";
    case offence::bare_newline: return "bare_newline";
    case offence::rate: return "rate";
    case offence::no_ptr: return "no_ptr";
    case offence::unknown_recipients: return "unknown_recipients";
    }
    return "unknown offence";
}

std::string to_text(const by_offence<std::uint16_t>& seen)
{
    std::string text;
    for (const offence each : all_offences) {
        if (seen[each] == 0) continue;
        if (!text.empty()) text += ',';
        text += to_string(each);
        if (seen[each] > 1) fmt::format_to(std::back_inserter(text), "*{}", seen[each]);
    }
    return text;
}

} // namespace fendmail::abuse
