// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/data_guard.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace fendmail::smtp {

namespace {

/// What isspace() has in the C locale: some servers look for the verb behind any of these. <CR>
/// and <LF> do not come here.
bool is_blank(char c) noexcept
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

bool begins_with(std::string_view text, std::string_view verb) noexcept
{
    return equals_ignoring_case(text.substr(0, verb.size()), verb);
}

std::string_view without_blanks_behind(std::string_view text) noexcept
{
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

struct chunk_header {
    std::uint64_t octets = 0;
    bool is_last = false;
};

/// "BDAT 1000" or "BDAT 1000 LAST", blanks behind it allowed (RFC 5321 §4.1.1). A size of 0
/// without LAST does nothing but stop Exim from reading chunks.
std::optional<chunk_header> parse_bdat(std::string_view text) noexcept
{
    constexpr std::string_view verb = "BDAT ";
    if (!begins_with(text, verb)) return std::nullopt;
    text.remove_prefix(verb.size());

    chunk_header out;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out.octets);
    if (failed != std::errc{} || out.octets > limits::relayed_chunk_octets) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));

    text = without_blanks_behind(text);
    out.is_last = equals_ignoring_case(text, " LAST");
    if (!out.is_last && (!text.empty() || out.octets == 0)) return std::nullopt;
    return out;
}

} // namespace

void data_guard::line_start::keep(char octet) noexcept
{
    if (size == 0 && is_blank(octet)) {
        is_indented = true;
        return;
    }
    if (size == octets.size())
        is_cut = true;
    else
        octets[size++] = octet;
}

data_guard::data_guard(const guard_options& options) noexcept
    : line_octets_max_{options.line_octets}
    , hides_chunking_{options.hides_chunking}
    , awaited_{options.replies_awaited}
    , has_chunking_{options.has_chunking}
{
}

guard_step data_guard::on_client(std::string_view octets) noexcept
{
    std::size_t at = 0;
    insert_ = {};
    while (at < octets.size() && !fault_ && insert_.empty() && hold_ == hold::none &&
           phase_ != phase::ended) {
        const std::string_view rest = octets.substr(at);
        std::size_t taken = 0;
        switch (phase_) {
        case phase::command: taken = take_commands(rest); break;
        case phase::message: taken = take_message(rest); break;
        case phase::chunk: taken = take_chunk(rest); break;
        case phase::transparent: taken = rest.size(); break;
        case phase::ended: break;
        }
        if (taken == 0) break; // a <CR>, and what comes behind it decides
        at += taken;
    }

    const std::string_view forward = octets.substr(0, at);
    if (!fault_ && phase_ != phase::ended && hold_ == hold::starttls && at < octets.size()) {
        // Whatever sent this, the backend must not take it for what comes under TLS. The reply to
        // STARTTLS is nothing that the client may see any more.
        fail(guard_fault_kind::behind_starttls, guard_place::command, 0);
        hold_ = hold::none;
        --awaited_;
    }
    if (fault_) return {forward, {}, guard_next::fault};
    if (phase_ == phase::ended && is_backend_done_) return {forward, {}, guard_next::ended};
    return {forward, insert_, client_waits() ? guard_next::wait : guard_next::go_on};
}

/// Up to the end of one line, or of what has come of it.
std::size_t data_guard::take_commands(std::string_view octets) noexcept
{
    const auto stop = [this](guard_fault_kind kind, std::size_t at) {
        fail(kind, guard_place::command, line_.line_octets);
        return at;
    };
    for (std::size_t at = 0; at < octets.size(); ++at) {
        const char octet = octets[at];
        if (line_.line_octets == line_octets_max_) return stop(guard_fault_kind::line_too_long, at);
        if (octet == '\0') return stop(guard_fault_kind::nul, at);
        if (octet == '\r') {
            if (at + 1 == octets.size()) return at;
            // More than one of them before the <LF> is the line's end as well, or an empty line.
            if (octets[at + 1] == '\r')
                line_.has_more_crs = true;
            else if (octets[at + 1] != '\n')
                return stop(guard_fault_kind::bare_cr, at);
        } else if (octet == '\n') {
            const bool has_cr = (at > 0 && octets[at - 1] == '\r') || has_own_cr_;
            if (!has_cr && lacks_cr()) {
                has_own_cr_ = true;
                insert_ = "\r";
                return at;
            }
            if (const auto kind = end_line(has_cr)) return stop(*kind, at);
            has_own_cr_ = false;
            line_ = {};
            return at + 1;
        } else {
            line_.keep(octet);
        }
        ++line_.line_octets;
    }
    return octets.size();
}

/// Decides what follows the line that ends here; its <LF> is forwarded unless it is at fault.
std::optional<guard_fault_kind> data_guard::end_line(bool has_cr) noexcept
{
    const std::string_view text = line_.text();
    const bool is_exact = !line_.is_indented && !line_.is_cut && !line_.has_more_crs;
    ending_ = has_cr ? line_ending::crlf : line_ending::lf;

    if (is_response_) { // of AUTH; whatever it looks like
        is_response_ = false;
        hold_ = hold::auth;
    } else if (begins_with(text, "BDAT")) {
        if (const auto kind = begin_chunk(is_exact)) return kind;
    } else if (is_last_chunk_due_) {
        const std::string_view verb = without_blanks_behind(text);
        const bool is_reset = equals_ignoring_case(verb, "RSET");
        if (!is_exact ||
            !(is_reset || equals_ignoring_case(verb, "NOOP") || equals_ignoring_case(verb, "QUIT")))
            return guard_fault_kind::bad_bdat;
        is_last_chunk_due_ = !is_reset;
    } else if (begins_with(text, "DATA")) {
        hold_ = hold::data;
    } else if (begins_with(text, "EHLO") || begins_with(text, "HELO")) {
        hold_ = hold::hello;
    } else if (begins_with(text, "AUTH")) {
        hold_ = hold::auth;
    } else if (begins_with(text, "STARTTLS")) {
        hold_ = hold::starttls;
    }
    if ((!has_cr || line_.has_more_crs) && hold_ == hold::none) hold_ = hold::line;
    ++awaited_;
    return std::nullopt;
}

std::optional<guard_fault_kind> data_guard::begin_chunk(bool is_exact) noexcept
{
    const std::optional<chunk_header> header = parse_bdat(line_.text());
    if (!is_exact || !header) return guard_fault_kind::bad_bdat;
    if (!has_chunking_ || hides_chunking_) return guard_fault_kind::no_chunking;

    is_last_chunk_due_ = !header->is_last;
    chunk_octets_ = header->octets;
    if (chunk_octets_ > 0) phase_ = phase::chunk;
    return std::nullopt;
}

/// A chunk begins behind this line, and there is no reply to wait for before it.
bool data_guard::lacks_cr() const noexcept
{
    return !is_response_ && begins_with(line_.text(), "BDAT");
}

std::size_t data_guard::take_message(std::string_view octets) noexcept
{
    const data_step step = end_.take(octets);
    message_octets_ += step.octets;
    switch (step.then) {
    case data_next::more: break;
    case data_next::end:
        phase_ = phase::command;
        ++awaited_;
        if (end_.is_irregular()) hold_ = hold::message;
        break;
    case data_next::stuff:
        insert_ = ".";
        had_false_end_ = true;
        break;
    case data_next::add_cr: insert_ = "\r"; break;
    }
    return step.octets;
}

std::size_t data_guard::take_chunk(std::string_view octets) noexcept
{
    const auto taken =
        static_cast<std::size_t>(std::min<std::uint64_t>(chunk_octets_, octets.size()));
    chunk_octets_ -= taken;
    if (chunk_octets_ == 0) phase_ = phase::command;
    return taken;
}

guard_step data_guard::on_backend(std::string_view octets) noexcept
{
    std::size_t at = 0;
    while (at < octets.size() && phase_ != phase::transparent && take_reply(octets[at]))
        ++at;
    if (phase_ == phase::transparent) return {octets, {}, guard_next::go_on};

    const std::string_view forward = octets.substr(0, at);
    if (fault_ && (is_backend_done_ || awaited_ == 0)) return {forward, {}, guard_next::fault};
    if (is_backend_done_) return {forward, {}, guard_next::ended};
    return {forward, {}, guard_next::go_on};
}

/// False when this octet may not be forwarded, nor any behind it.
bool data_guard::take_reply(char octet) noexcept
{
    if (is_backend_done_) return false;
    if (!reply_.is_under_way() && !begin_reply(octet)) return false;

    switch (reply_.take(octet)) {
    case reply_event::more: break;
    case reply_event::bad: return refuse_reply(guard_fault_kind::bad_reply, reply_.octets());
    case reply_event::too_long:
        return refuse_reply(guard_fault_kind::reply_too_long, reply_.octets());
    case reply_event::code:
        if (!may_have_code(reply_.code()))
            return refuse_reply(guard_fault_kind::unexpected_reply, reply_.octets() - 1);
        // RFC 5321 §3.8: whether or not it answers a command, the backend closes.
        if (reply_.code() == 421) phase_ = phase::ended;
        break;
    case reply_event::complete: end_reply(); break;
    }
    return true;
}

/// @param octet the first digit, if it is one: enough to see most of what cannot be
bool data_guard::begin_reply(char octet) noexcept
{
    const bool is_positive = octet == '2' || octet == '3';
    if (awaited_ == 0) {
        if (fault_) return false;
        if (octet == '4' || octet == '5') {
            // The backend gives up. In a message it may by now take for commands what it gets.
            phase_ = phase::ended;
            return true;
        }
        // A client would take this for the answer to what it sends next: a mail's acceptance.
        return refuse_reply(
            is_positive ? guard_fault_kind::unexpected_reply : guard_fault_kind::bad_reply, 0);
    }
    const bool is_for_data = hold_ == hold::data && awaited_ == 1;
    const bool may_go_on = hold_ == hold::data || hold_ == hold::auth;
    if ((octet == '2' && is_for_data) || (octet == '3' && !may_go_on))
        return refuse_reply(guard_fault_kind::unexpected_reply, 0);
    return true;
}

/// A 3yz is the answer to what is held at, wherever it stands in the count: nothing else is
/// answered so, and nothing behind that was sent.
bool data_guard::may_have_code(int code) const noexcept
{
    if (code < 300 || code >= 400) return true;
    return (code == 354 && hold_ == hold::data) || (code == 334 && hold_ == hold::auth);
}

bool data_guard::refuse_reply(guard_fault_kind kind, std::size_t offset) noexcept
{
    is_backend_done_ = true;
    fail(kind, guard_place::reply, offset);
    return false;
}

void data_guard::end_reply() noexcept
{
    if (phase_ == phase::ended) {
        is_backend_done_ = true;
        return;
    }
    const bool is_3yz = reply_.code() / 100 == 3;
    awaited_ = is_3yz ? 0 : awaited_ - 1;
    if (awaited_ == 0) release();
}

/// The reply to what was held at has come.
void data_guard::release() noexcept
{
    const int code = reply_.code();
    switch (hold_) {
    case hold::none:
    case hold::line:
    case hold::message: break;
    case hold::hello: has_chunking_ = code == 250 && reply_.names_chunking(); break;
    case hold::auth: is_response_ = code == 334; break;
    case hold::starttls:
        if (code == 220) phase_ = phase::transparent;
        break;
    case hold::data:
        if (code != 354) break; // refused
        phase_ = phase::message;
        end_ = end_of_data{ending_};
        message_octets_ = 0;
        break;
    }
    hold_ = hold::none;
}

void data_guard::give_up_message() noexcept
{
    FENDMAIL_ASSERT(is_at_false_end());
    fail(guard_fault_kind::false_end, guard_place::message, message_octets_);
}

void data_guard::fail(guard_fault_kind kind, guard_place place, std::uint64_t offset) noexcept
{
    if (!fault_) fault_ = {kind, place, offset};
}

reply last_words_of(const guard_fault& f)
{
    constexpr int code = 521;
    switch (f.kind) {
    case guard_fault_kind::bare_cr:
        return make_reply(code, "5.5.2", "Error: bare <CR> in a command");
    case guard_fault_kind::nul: return make_reply(code, "5.5.2", "Error: NUL in a command");
    case guard_fault_kind::line_too_long:
        return make_reply(code, "5.5.2", "Error: command line too long");
    case guard_fault_kind::false_end:
        return make_reply(451, "4.5.2", "Error: only <CRLF>.<CRLF> ends a message");
    case guard_fault_kind::bad_bdat:
        return make_reply(code, "5.5.4", "Error: BDAT size [LAST], and only BDAT before LAST");
    case guard_fault_kind::no_chunking:
        return make_reply(code, "5.5.1", "Error: BDAT is not offered");
    case guard_fault_kind::behind_starttls:
        return make_reply(421, "4.7.0", "Error: plain text behind STARTTLS");
    case guard_fault_kind::bad_reply:
    case guard_fault_kind::reply_too_long:
    case guard_fault_kind::unexpected_reply: break;
    }
    return make_reply(421, "4.3.2", "Error: mail service failed, try again later");
}

std::string_view to_string(guard_next n) noexcept
{
    switch (n) {
    case guard_next::go_on: return "go_on";
    case guard_next::wait: return "wait";
    case guard_next::ended: return "ended";
    case guard_next::fault: return "fault";
    }
    return "?";
}

std::string_view to_string(guard_place p) noexcept
{
    switch (p) {
    case guard_place::command: return "command";
    case guard_place::message: return "message";
    case guard_place::reply: return "reply";
    }
    return "?";
}

std::string_view to_string(guard_fault_kind k) noexcept
{
    switch (k) {
    case guard_fault_kind::bare_cr: return "bare_cr";
    case guard_fault_kind::nul: return "nul";
    case guard_fault_kind::line_too_long: return "line_too_long";
    case guard_fault_kind::false_end: return "false_end";
    case guard_fault_kind::bad_bdat: return "bad_bdat";
    case guard_fault_kind::no_chunking: return "no_chunking";
    case guard_fault_kind::behind_starttls: return "behind_starttls";
    case guard_fault_kind::bad_reply: return "bad_reply";
    case guard_fault_kind::reply_too_long: return "reply_too_long";
    case guard_fault_kind::unexpected_reply: return "unexpected_reply";
    }
    return "?";
}

} // namespace fendmail::smtp
