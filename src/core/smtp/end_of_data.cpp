// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/end_of_data.hpp"

namespace fendmail::smtp {

strict_end_of_data::shape strict_end_of_data::with(shape line, char octet) noexcept
{
    const bool is_nul = octet == '\0';
    const bool is_dot = octet == '.';
    switch (line) {
    case shape::empty:
        if (is_dot) return shape::dot;
        return is_nul ? shape::nuls : shape::text;
    case shape::nuls:
        if (is_dot) return shape::nul_dot;
        return is_nul ? shape::nuls : shape::text;
    case shape::dot:
    case shape::nul_dot: return is_nul ? shape::nul_dot : shape::text;
    case shape::text: break;
    }
    return shape::text;
}

data_step strict_end_of_data::take(std::string_view octets) noexcept
{
    std::size_t at = 0;
    while (at < octets.size()) {
        // Nearly every line is text with its first octet, and then this looks at no other.
        while (line_ != shape::text && at < octets.size() && octets[at] != '\r' &&
               octets[at] != '\n')
            line_ = with(line_, octets[at++]);

        // Two searches of the C library, the second bounded by the first: linear, and three times
        // as fast as one search for either octet.
        const std::string_view rest = octets.substr(at);
        const std::size_t cr = rest.find('\r');
        const std::size_t lf = rest.substr(0, cr).find('\n');
        if (lf != std::string_view::npos) return {at + lf, data_next::bare_lf};
        if (cr == std::string_view::npos) break;
        if (cr + 1 == rest.size()) return {at + cr, data_next::more};
        if (rest[cr + 1] != '\n') return {at + cr, data_next::bare_cr};
        if (line_ == shape::nul_dot) return {at + cr, data_next::nul_dot};

        const bool is_end = line_ == shape::dot;
        line_ = shape::empty;
        at += cr + 2;
        if (is_end) return {at, data_next::end};
    }
    return {octets.size(), data_next::more};
}

lax_end_of_data strict_end_of_data::lax() const noexcept
{
    lax_end_of_data out;
    switch (line_) {
    case shape::empty: break;
    case shape::nuls: out.is_proper_ = false; break;
    case shape::dot: out.line_ = lax_end_of_data::shape::dot; break;
    case shape::nul_dot:
        out.line_ = lax_end_of_data::shape::dot;
        out.is_proper_ = false;
        break;
    case shape::text: out.line_ = lax_end_of_data::shape::text; break;
    }
    return out;
}

data_end lax_end_of_data::feed(std::string_view octets) noexcept
{
    for (const char octet : octets) {
        if (found_ == data_end::strict) break;
        take(octet);
    }
    return found_;
}

void lax_end_of_data::take(char octet) noexcept
{
    if (octet == '\n' && after_cr_) { // the second half of <CRLF>
        after_cr_ = false;
        is_proper_ = true;
        if (ended_proper_) found_ = data_end::strict;
        return;
    }
    after_cr_ = octet == '\r';
    if (octet == '\r' || octet == '\n') return end_line(octet);

    found_ = data_end::none;
    if (octet == '\0')
        is_proper_ = false;
    else
        line_ = line_ == shape::empty && octet == '.' ? shape::dot : shape::text;
}

void lax_end_of_data::end_line(char octet) noexcept
{
    const bool is_end = line_ == shape::dot;
    found_ = is_end ? data_end::lax : data_end::none;
    ended_proper_ = is_end && is_proper_ && octet == '\r';
    line_ = shape::empty;
    is_proper_ = false; // until an <LF> makes this a <CRLF>
}

std::string_view to_string(data_next n) noexcept
{
    switch (n) {
    case data_next::more: return "more";
    case data_next::end: return "end";
    case data_next::bare_lf: return "bare_lf";
    case data_next::bare_cr: return "bare_cr";
    case data_next::nul_dot: return "nul_dot";
    }
    return "?";
}

std::string_view to_string(data_end e) noexcept
{
    switch (e) {
    case data_end::none: return "none";
    case data_end::lax: return "lax";
    case data_end::strict: return "strict";
    }
    return "?";
}

} // namespace fendmail::smtp
