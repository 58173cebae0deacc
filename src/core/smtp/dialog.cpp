// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/dialog.hpp"

#include "fendmail/core/smtp/footer.hpp"

#include <utility>

namespace fendmail::smtp {

namespace {

reply default_refusal()
{
    return make_reply(450, "4.3.2", "Service currently unavailable");
}

} // namespace

dialog::dialog(const dialog_options& options, dialog_terms terms)
    : options_{&options}
    , terms_{std::move(terms)}
    , refusal_{as_sent(terms_.refusal     ? *terms_.refusal
                       : terms_.come_back ? *terms_.come_back
                                          : default_refusal())}
    , lines_{options.line_limit_octets}
    , is_refused_{terms_.refusal.has_value()}
{
}

dialog dialog::answering_once(const dialog_options& options, reply answer, std::string footer)
{
    dialog_terms terms;
    terms.footer = std::move(footer);
    dialog out{options, std::move(terms)};
    out.answer_once_ = std::move(answer);
    return out;
}

step dialog::start()
{
    step out;
    switch (terms_.opening) {
    case opening::greet:
        answer(out, 220, "",
               options_->greeting.empty() ? options_->hostname + " ESMTP" : options_->greeting);
        break;
    case opening::silent: break;
    }
    return out;
}

step dialog::on_octets(std::string_view octets, std::string_view waiting)
{
    step out;
    waiting_ = waiting;
    if (!closed_) lines_.feed(octets);
    read_lines(out);
    waiting_ = {};
    return out;
}

void dialog::read_lines(step& out)
{
    while (!closed_ && !starts_tls_ && !hands_off_now_) {
        const std::optional<line> input = lines_.next();
        if (!input) break;
        on_line(out, *input);
    }
    // A line without an end is cut off as soon as it is too long, not when its <LF> comes.
    if (!closed_ && !hands_off_now_ && lines_.overflowed())
        end_with(out, limit::command_length, last_verb_);
    out.then = closed_          ? next::close
               : hands_off_now_ ? next::hand_off
               : starts_tls_    ? next::start_tls
                                : next::read;
}

step dialog::on_backend_refused(reply answer_text)
{
    step out;
    hands_off_now_ = false;
    is_for_open_recipient_ = false;
    const bool is_recipient = !mail_line_.empty();
    const auto end = held_.find("\r\n");
    const command held = parse_command(std::string_view{held_}.substr(0, end));
    if (is_recipient)
        of_backend_ = std::move(answer_text);
    else
        answer(out, 454, "4.7.0", "Not available due to local problem");
    if (is_recipient) on_rcpt(out, held);
    out.command_done = true;
    // What came behind it was meant for the backend, and is ours to answer now.
    const std::string rest = held_.substr(end + 2);
    held_.clear();
    lines_.feed(rest);
    read_lines(out);
    return out;
}

/// Keeps a command for the backend, with everything behind it.
void dialog::hold(std::string_view text)
{
    hands_off_now_ = true;
    held_ = text;
    held_ += "\r\n";
    held_ += lines_.take_unread();
}

void dialog::on_tls_started() noexcept
{
    starts_tls_ = false;
    encrypted_ = true;
    helo_.clear();
    helo_line_.clear();
    forget_transaction();
    esmtp_ = false;
}

void dialog::forget_transaction() noexcept
{
    from_.reset();
    mail_line_.clear();
    of_backend_.reset();
}

step dialog::on_time_limit()
{
    step out;
    if (!closed_) end_with(out, limit::command_time, last_verb_);
    out.then = next::close;
    return out;
}

void dialog::answer(step& out, int code, std::string_view enhanced, std::string_view text) const
{
    answer(out, make_reply(code, enhanced, text));
}

void dialog::answer(step& out, const reply& r) const
{
    out.output += to_wire(with_footer(as_sent(r), terms_.footer));
}

reply dialog::as_sent(reply r) const
{
    return options_->soft_bounce ? softened(std::move(r)) : r;
}

void dialog::end_with(step& out, limit which, std::string_view after)
{
    closed_ = true;
    out.notes.emplace_back(limit_exceeded{.which = which, .after = after});
    const std::string& host = options_->hostname;
    switch (which) {
    case limit::command_count:
    case limit::command_length:
        return answer(out, 421, "", host + " Service unavailable - try again later");
    case limit::command_time: return answer(out, 421, "4.4.2", host + " Error: timeout exceeded");
    }
}

namespace {

/// What writes lines in "text mode" on Windows ends them in <CR><CR><LF>. Servers take that for an
/// end (Postfix and Exim do, postscreen does not), and nothing is hidden in it.
line without_more_crs(line input)
{
    if (input.too_long) return input; // its end is not there
    while (input.text.ends_with('\r'))
        input.text.remove_suffix(1);
    input.bare_cr = input.text.find('\r') != std::string_view::npos;
    return input;
}

} // namespace

void dialog::on_line(step& out, const line& as_read)
{
    const line input = terms_.hands_off ? without_more_crs(as_read) : as_read;
    if (input.too_long) return end_with(out, limit::command_length, last_verb_);

    const command parsed = parse_command(input.text);
    const std::string_view previous_verb = std::exchange(last_verb_, parsed.verb_text);
    out.command_done = true;
    if (answer_once_ && parsed.verb != verb::quit) {
        closed_ = true;
        return answer(out, *answer_once_);
    }
    if (look_for_faults(out, input, parsed, previous_verb)) return;
    // Whatever comes of it: a client that names a recipient has come to the end of what is tested.
    if (parsed.verb == verb::rcpt) out.recipient_named = true;

    const verb_row& row = row_of(parsed.verb);
    if (++commands_ > options_->command_limit && row.is_limited)
        return end_with(out, limit::command_count, previous_verb);

    if (may_repeat() && refused_as_unclean(out, input, parsed)) return;
    on_command(out, parsed);
    if (row.ends_session) closed_ = true;
}

/// In postscreen's order, which shows when two faults come with one line.
bool dialog::look_for_faults(step& out, const line& input, const command& parsed,
                             std::string_view previous_verb)
{
    if (input.bare_lf && found(out, fault::bare_newline, {}, input.text)) return true;
    if (terms_.faults[fault::non_smtp_command] != on_fault::unwatched &&
        is_foreign(input, parsed) && found(out, fault::non_smtp_command, previous_verb, input.text))
        return true;
    const bool greets = parsed.verb == verb::ehlo || parsed.verb == verb::helo;
    const std::string_view name = greets ? first_word(parsed.argument) : std::string_view{};
    if (terms_.faults[fault::own_helo] != on_fault::unwatched && greets &&
        options_->own_names.has(name, terms_.local) &&
        found(out, fault::own_helo, parsed.verb_text, name))
        return true;
    // What follows BDAT in one go is a piece of mail (RFC 3030 §2).
    const std::string_view behind = lines_.unread().empty() ? waiting_ : lines_.unread();
    return parsed.verb != verb::bdat && !behind.empty() &&
           found(out, fault::pipelining, parsed.verb_text, behind);
}

bool dialog::is_foreign(const line& input, const command& parsed) const
{
    if (parsed.verb != verb::unknown || parsed.token.empty()) return false;
    const auto leading = static_cast<std::size_t>(parsed.token.data() - input.text.data());
    return is_header_like(input.text.substr(leading)) ||
           (!hides("SMTPUTF8") && !is_utf8(input.text)) ||
           options_->forbidden.matches(parsed.token);
}

bool dialog::found(step& out, fault what, std::string_view after, std::string_view text)
{
    const on_fault rule = std::exchange(terms_.faults[what], on_fault::unwatched);
    if (rule == on_fault::unwatched) return false;
    out.notes.emplace_back(fault_seen{what, after, std::string{text}});
    switch (rule) {
    case on_fault::unwatched:
    case on_fault::tell: return false;
    case on_fault::refuse:
        refusal_ = as_sent(refusal_of(what));
        is_refused_ = true;
        terms_.hands_off = false;
        return false;
    case on_fault::end: break;
    }
    closed_ = true;
    out.dropped = true;
    answer(out, last_words_of(what));
    return true;
}

std::string_view to_string(opening o) noexcept
{
    switch (o) {
    case opening::greet: return "greet";
    case opening::silent: return "silent";
    }
    return "?";
}

std::string_view to_string(tls_level t) noexcept
{
    switch (t) {
    case tls_level::none: return "none";
    case tls_level::may: return "may";
    case tls_level::encrypt: return "encrypt";
    }
    return "?";
}

std::string_view to_string(limit l) noexcept
{
    switch (l) {
    case limit::command_count: return "command_count";
    case limit::command_length: return "command_length";
    case limit::command_time: return "command_time";
    }
    return "?";
}

std::string_view to_string(next n) noexcept
{
    switch (n) {
    case next::read: return "read";
    case next::start_tls: return "start_tls";
    case next::hand_off: return "hand_off";
    case next::close: return "close";
    }
    return "?";
}

} // namespace fendmail::smtp
