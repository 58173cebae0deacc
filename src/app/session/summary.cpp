// SPDX-License-Identifier: Apache-2.0
#include "summary.hpp"

namespace fendmail::app {

void score_summary::note(const dnsbl::score& found) noexcept
{
    value = found.value;
    is_complete = found.complete;
    retries = found.retries;
    is_private = found.is_private;
    is_withheld = found.withheld;
}

void score_summary::write_to(event::session_ended& summary) const noexcept
{
    summary.dnsbl_score = value;
    summary.dnsbl_complete = is_complete;
    if (listings) summary.dnsbl_lists = *listings;
    summary.dnsbl_retries = retries;
    if (is_private) summary.dnsbl_skipped = "private_address";
}

bool score_summary::is_allowed_by_list() const noexcept
{
    // As core/dnsbl writes it: "list.example:127.0.0.2*-3".
    return value < 0 || (listings && listings->find("*-") != std::string::npos);
}

void outcome::add_reason(std::string_view why)
{
    if (!reasons.empty() && !why.empty()) reasons += ',';
    reasons += why;
}

void outcome::write_to(event::session_ended& summary) const noexcept
{
    summary.late_wait = late_wait;
    summary.reasons = reasons;
    summary.reply = reply;
    summary.helo = helo;
    summary.hand_off = hand_off_time;
    summary.octets_in = octets_in;
    summary.octets_out = octets_out;
    summary.backend = backend;
}

} // namespace fendmail::app
