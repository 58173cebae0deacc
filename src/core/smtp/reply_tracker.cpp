// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/reply_tracker.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"

namespace fendmail::smtp {

namespace {

constexpr std::string_view chunking = "CHUNKING";

} // namespace

reply_event reply_tracker::take(char octet) noexcept
{
    if (octets_ == limits::relayed_reply_octets) return reply_event::too_long;
    if (octets_ == 0) {
        is_first_line_ = true;
        names_chunking_ = false;
    }
    if (line_octets_ < code_.size()) return take_digit(octet);

    const bool is_mark = line_octets_ == code_.size();
    if (is_mark && octet != ' ' && octet != '-' && octet != '\r' && octet != '\n')
        return reply_event::bad;
    ++octets_;
    ++line_octets_;
    if (is_mark) {
        is_last_line_ = octet != '-';
        matches_ = !is_first_line_;
        keyword_octets_ = 0;
    } else {
        take_text(octet);
    }
    return octet == '\n' ? end_line() : reply_event::more;
}

reply_event reply_tracker::take_digit(char octet) noexcept
{
    const bool is_class = line_octets_ == 0;
    if (is_class ? octet < '2' || octet > '5' : !is_digit(octet)) return reply_event::bad;
    if (is_first_line_)
        code_[line_octets_] = octet;
    else if (code_[line_octets_] != octet)
        return reply_event::bad;

    ++octets_;
    ++line_octets_;
    const bool is_known = is_first_line_ && line_octets_ == code_.size();
    return is_known ? reply_event::code : reply_event::more;
}

void reply_tracker::take_text(char octet) noexcept
{
    if (!matches_) return;
    if (keyword_octets_ < chunking.size()) {
        matches_ = to_upper(octet) == chunking[keyword_octets_++];
        return;
    }
    matches_ = false;
    if (octet == '\r' || octet == '\n' || octet == ' ') names_chunking_ = true;
}

reply_event reply_tracker::end_line() noexcept
{
    line_octets_ = 0;
    is_first_line_ = false;
    if (!is_last_line_) return reply_event::more;
    octets_ = 0;
    return reply_event::complete;
}

int reply_tracker::code() const noexcept
{
    int code = 0;
    for (const char digit : code_)
        code = code * 10 + (digit - '0');
    return code;
}

std::string_view to_string(reply_event e) noexcept
{
    switch (e) {
    case reply_event::more: return "more";
    case reply_event::code: return "code";
    case reply_event::complete: return "complete";
    case reply_event::bad: return "bad";
    case reply_event::too_long: return "too_long";
    }
    return "?";
}

} // namespace fendmail::smtp
