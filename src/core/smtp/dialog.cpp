// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/dialog.hpp"

#include "fendmail/core/smtp/ascii.hpp"
#include "fendmail/core/smtp/extensions.hpp"
#include "fendmail/core/smtp/path.hpp"

#include <algorithm>
#include <utility>

namespace fendmail::smtp {

namespace {

reply default_refusal()
{
    return make_reply(450, "4.3.2", "Service currently unavailable");
}

bool hides(const dialog_options& options, std::string_view keyword)
{
    return std::ranges::any_of(options.hide_ehlo, [&](const std::string& hidden) {
        return equals_ignoring_case(hidden, keyword);
    });
}

} // namespace

dialog::dialog(const dialog_options& options, opening how, std::optional<reply> refusal)
    : options_{&options}
    , opening_{how}
    , refusal_{as_sent(refusal ? *std::move(refusal) : default_refusal())}
    , lines_{options.line_limit_octets}
{
}

dialog dialog::answering_once(const dialog_options& options, reply answer)
{
    dialog out{options, opening::greet, std::nullopt};
    out.answer_once_ = std::move(answer);
    return out;
}

step dialog::start()
{
    step out;
    switch (opening_) {
    case opening::greet:
        answer(out, 220, "",
               options_->greeting.empty() ? options_->hostname + " ESMTP" : options_->greeting);
        break;
    case opening::silent: break;
    }
    return out;
}

step dialog::on_octets(std::string_view octets)
{
    step out;
    if (!closed_) lines_.feed(octets);
    while (!closed_) {
        const std::optional<line> input = lines_.next();
        if (!input) break;
        on_line(out, *input);
    }
    // A line without an end is cut off as soon as it is too long, not when its <LF> comes.
    if (!closed_ && lines_.overflowed()) end_with(out, limit::command_length, last_verb_);
    out.then = closed_ ? next::close : next::read;
    return out;
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
    out.output += to_wire(as_sent(r));
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

void dialog::on_line(step& out, const line& input)
{
    if (input.too_long) return end_with(out, limit::command_length, last_verb_);

    const command parsed = parse_command(input.text);
    const std::string_view previous_verb = std::exchange(last_verb_, parsed.verb_text);
    out.command_done = true;
    if (answer_once_ && parsed.verb != verb::quit) {
        closed_ = true;
        return answer(out, *answer_once_);
    }
    const verb_row& row = row_of(parsed.verb);
    if (++commands_ > options_->command_limit && row.is_limited)
        return end_with(out, limit::command_count, previous_verb);

    on_command(out, parsed);
    if (row.ends_session) closed_ = true;
}

void dialog::on_command(step& out, const command& input)
{
    switch (input.verb) {
    case verb::unknown: return answer(out, 502, "5.5.2", "Error: command not recognized");
    case verb::ehlo: return on_ehlo(out, input);
    case verb::helo: return on_helo(out, input);
    case verb::mail: return on_mail(out, input);
    case verb::rcpt: return on_rcpt(out, input);
    case verb::data: return on_data(out, input);
    case verb::bdat: return on_bdat(out, input);
    case verb::rset: from_.reset(); return answer(out, 250, "2.0.0", "Ok");
    case verb::noop: return answer(out, 250, "2.0.0", "Ok");
    case verb::vrfy: return on_vrfy(out, input);
    case verb::etrn: return on_etrn(out, input);
    case verb::starttls: return on_starttls(out, input);
    case verb::quit: return answer(out, 221, "2.0.0", "Bye");
    }
}

void dialog::on_ehlo(step& out, const command& input)
{
    const std::string_view name = first_word(input.argument);
    if (name.empty()) return answer(out, 501, "", "Syntax: EHLO hostname");
    helo_ = name;
    from_.reset();
    esmtp_ = true;

    reply greeting = make_reply(250, "", options_->hostname);
    for (std::string& keyword : offered_extensions(options_->size_limit_octets,
                                                   options_->disable_vrfy, options_->hide_ehlo))
        greeting.lines.push_back(std::move(keyword));
    answer(out, greeting);
}

void dialog::on_helo(step& out, const command& input)
{
    const std::string_view name = first_word(input.argument);
    if (name.empty()) return answer(out, 501, "", "Syntax: HELO hostname");
    helo_ = name;
    from_.reset();
    // esmtp_ stays: a client that said EHLO once has shown that it speaks ESMTP.
    answer(out, 250, "", options_->hostname);
}

bool dialog::refused_for_want_of_helo(step& out) const
{
    if (!options_->helo_required || !helo_.empty()) return false;
    answer(out, 503, "5.5.1", "Error: send HELO/EHLO first");
    return true;
}

void dialog::on_mail(step& out, const command& input)
{
    if (refused_for_want_of_helo(out)) return;
    if (from_) return answer(out, 503, "5.5.1", "Error: nested MAIL command");
    const std::optional<std::string> path = parse_path(input.argument);
    if (!path) return answer(out, 501, "5.5.4", "Syntax: MAIL FROM:<address>");
    from_ = to_log_form(*path);
    answer(out, 250, "2.1.0", "Ok");
}

void dialog::on_rcpt(step& out, const command& input)
{
    if (!from_) return answer(out, 503, "5.5.1", "Error: need MAIL command");
    const std::optional<std::string> path = parse_path(input.argument);
    if (!path) return answer(out, 501, "5.5.4", "Syntax: RCPT TO:<address>");
    out.notes.emplace_back(recipient_refused{.answer = refusal_,
                                             .from = *from_,
                                             .to = to_log_form(*path),
                                             .helo = helo_,
                                             .esmtp = esmtp_});
    answer(out, refusal_);
}

// DATA and BDAT end the session whatever their reply is. Every recipient was refused and
// PIPELINING is not offered, so no sound client comes here; for another one, the lines that follow
// may be mail, which must not be read as commands.

void dialog::on_data(step& out, const command& input) const
{
    out.notes.emplace_back(mail_without_recipient{input.verb_text});
    if (!first_word(input.argument).empty()) return answer(out, 501, "5.5.4", "Syntax: DATA");
    if (!from_) return answer(out, 503, "5.5.1", "Error: need RCPT command");
    answer(out, 554, "5.5.1", "Error: no valid recipients");
}

void dialog::on_bdat(step& out, const command& input) const
{
    out.notes.emplace_back(mail_without_recipient{input.verb_text});
    if (hides(*options_, "CHUNKING"))
        return answer(out, 502, "5.5.1", "Error: command not implemented");
    if (first_word(input.argument).empty())
        return answer(out, 501, "5.5.4", "Syntax: BDAT count [LAST]");
    if (!from_) return answer(out, 554, "5.5.1", "Error: need MAIL command");
    answer(out, 554, "5.5.1", "Error: no valid recipients");
}

void dialog::on_vrfy(step& out, const command& input) const
{
    if (first_word(input.argument).empty())
        return answer(out, 501, "5.5.4", "Syntax: VRFY address");
    if (options_->disable_vrfy) return answer(out, 502, "5.5.1", "VRFY command is disabled");
    answer(out, refusal_);
}

void dialog::on_etrn(step& out, const command& input) const
{
    if (refused_for_want_of_helo(out)) return;
    if (first_word(input.argument).empty()) return answer(out, 500, "", "Syntax: ETRN domain");
    answer(out, 458, "", "Unable to queue messages");
}

void dialog::on_starttls(step& out, const command& input) const
{
    if (!first_word(input.argument).empty()) return answer(out, 501, "5.5.4", "Syntax: STARTTLS");
    answer(out, 502, "5.5.1", "Error: command not implemented");
}

std::string_view to_string(opening o) noexcept
{
    switch (o) {
    case opening::greet: return "greet";
    case opening::silent: return "silent";
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
    case next::close: return "close";
    }
    return "?";
}

} // namespace fendmail::smtp
