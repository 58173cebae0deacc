// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/open_dialog.hpp"

#include "fendmail/core/smtp/footer.hpp"
#include "fendmail/core/smtp/open_recipients.hpp"
#include "fendmail/core/smtp/path.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

namespace fendmail::smtp {

namespace {

/// What needs no command but those that pass here.
constexpr std::array<std::string_view, 5> let_through{"SIZE", "8BITMIME", "DSN", "SMTPUTF8",
                                                      "ENHANCEDSTATUSCODES"};

bool is_clean(std::string_view line) noexcept
{
    return std::ranges::none_of(line, [](char c) {
        const auto octet = static_cast<unsigned char>(c);
        return (octet < ' ' && c != '\t') || octet == 0x7f;
    });
}

} // namespace

open_dialog::open_dialog(const dialog_options& options, std::span<const std::string> hidden,
                         reply refusal, std::string footer)
    : options_{&options}
    , hidden_{hidden}
    , refusal_{std::move(refusal)}
    , footer_{std::move(footer)}
{
}

open_step open_dialog::begin(std::string helo, bool is_esmtp, std::string from,
                             std::string_view held)
{
    helo_ = std::move(helo);
    is_esmtp_ = is_esmtp;
    from_ = std::move(from);
    return on_client(held);
}

open_step open_dialog::on_client(std::string_view octets)
{
    open_step out;
    unread_ += octets;
    go_on(out);
    return out;
}

void open_dialog::go_on(open_step& out)
{
    while (!is_over_ && awaited_ == awaited::nothing) {
        if (in_message_) {
            take_message(out);
            break;
        }
        if (!take_line(out)) break;
    }
    out.then = is_over_                       ? open_next::close
               : awaited_ != awaited::nothing ? open_next::read_backend
                                              : open_next::read_client;
}

void open_dialog::take_message(open_step& out)
{
    std::string_view rest = unread_;
    for (bool more = true; more;) {
        const auto step = end_.take(rest);
        out.to_backend += rest.substr(0, step.octets);
        rest.remove_prefix(step.octets);
        switch (step.then) {
        case data_next::more: more = false; break;
        case data_next::stuff: out.to_backend += '.'; break;
        case data_next::add_cr: out.to_backend += '\r'; break;
        case data_next::end:
            in_message_ = false;
            awaited_ = awaited::message;
            more = false;
            break;
        }
    }
    unread_ = std::string{rest};
}

bool open_dialog::take_line(open_step& out)
{
    const auto line_end = unread_.find('\n');
    const auto octets = std::min(line_end, unread_.size());
    if (octets > options_->line_limit_octets + 1) {
        answer(out, 421, "", options_->hostname + " Service unavailable - try again later");
        end(out);
        return false;
    }
    if (line_end == std::string::npos) return false;
    std::string line = unread_.substr(0, line_end);
    unread_.erase(0, line_end + 1);
    const bool has_cr = line.ends_with('\r');
    if (has_cr) line.pop_back();
    // What the backend could read as something else than it was here does not go there.
    if (!has_cr || !is_clean(line))
        answer(out, 500, "5.5.2", "Error: bad syntax");
    else
        on_line(out, line);
    return true;
}

void open_dialog::on_line(open_step& out, std::string_view line)
{
    const command input = parse_command(line);
    if (++commands_ > options_->command_limit && row_of(input.verb).is_limited) {
        answer(out, 421, "", options_->hostname + " Service unavailable - try again later");
        return end(out);
    }
    on_command(out, input);
}

void open_dialog::on_command(open_step& out, const command& input)
{
    switch (input.verb) {
    case verb::ehlo:
    case verb::helo: return on_hello(out, input);
    case verb::mail: return on_mail(out, input);
    case verb::rcpt: return on_rcpt(out, input);
    case verb::data: return on_data(out, input);
    case verb::rset: return ask(out, "RSET", awaited::reset);
    case verb::noop: return answer(out, 250, "2.0.0", "Ok");
    case verb::quit: answer(out, 221, "2.0.0", "Bye"); return end(out);
    case verb::bdat: // a chunk follows, which must not be read as commands
        answer(out, 502, "5.5.1", "Error: command not implemented");
        return end(out);
    case verb::vrfy:
    case verb::etrn:
    case verb::starttls:
    case verb::auth: return answer(out, 502, "5.5.1", "Error: command not implemented");
    case verb::unknown:
    case verb::xclient:
    case verb::xforward: return answer(out, 502, "5.5.2", "Error: command not recognized");
    }
}

void open_dialog::on_hello(open_step& out, const command& input)
{
    const std::string_view name = first_word(input.argument);
    if (name.empty())
        return answer(out, 501, "", fmt::format("Syntax: {} hostname", input.verb_text));
    helo_ = name;
    is_esmtp_ = is_esmtp_ || input.verb == verb::ehlo;
    ask(out, fmt::format("{} {}", input.verb_text, helo_), awaited::hello);
}

void open_dialog::on_mail(open_step& out, const command& input)
{
    if (from_) return answer(out, 503, "5.5.1", "Error: nested MAIL command");
    const auto path = parse_path(input.argument);
    if (!path) return answer(out, 501, "5.5.4", "Syntax: MAIL FROM:<address>");
    asked_ = to_log_form(*path);
    ask(out, fmt::format("MAIL {}", input.argument), awaited::mail);
}

void open_dialog::on_rcpt(open_step& out, const command& input)
{
    if (!from_) return answer(out, 503, "5.5.1", "Error: need MAIL command");
    const auto path = parse_path(input.argument);
    if (!path) return answer(out, 501, "5.5.4", "Syntax: RCPT TO:<address>");
    asked_ = to_log_form(*path);
    if (const auto line = open_recipient(input.argument, options_->open_recipients))
        return ask(out, *line, awaited::rcpt);
    out.refused.push_back({refusal_, *from_, asked_, helo_, is_esmtp_});
    answer(out, refusal_);
}

void open_dialog::on_data(open_step& out, const command& input)
{
    if (!first_word(input.argument).empty()) return answer(out, 501, "5.5.4", "Syntax: DATA");
    if (from_ && taken_ != 0) return ask(out, "DATA", awaited::data);
    // What follows may be mail, which must not be read as commands.
    answer(out, 554, "5.5.1", "Error: no valid recipients");
    end(out);
}

void open_dialog::ask(open_step& out, std::string_view line, awaited what)
{
    out.to_backend += line;
    out.to_backend += "\r\n";
    awaited_ = what;
}

void open_dialog::answer(open_step& out, int code, std::string_view enhanced, std::string_view text)
{
    answer(out, make_reply(code, enhanced, text));
}

void open_dialog::answer(open_step& out, const reply& r)
{
    const auto sent = options_->soft_bounce ? softened(r) : r;
    out.to_client += to_wire(with_footer(sent, footer_));
}

/// Between mails; the backend would else wait for a command.
void open_dialog::end(open_step& out)
{
    out.to_backend += "QUIT\r\n";
    is_over_ = true;
}

void open_dialog::give_up_backend(open_step& out)
{
    has_backend_failed_ = true;
    is_over_ = true;
    if (!reply_.started() || reply_.complete())
        answer(out, 421, "4.3.0", "Error: mail server closed the connection");
    out.then = open_next::close;
}

open_step open_dialog::on_backend_gone()
{
    open_step out;
    give_up_backend(out);
    return out;
}

open_step open_dialog::on_time_limit()
{
    open_step out;
    answer(out, 421, "4.4.2", options_->hostname + " Error: timeout exceeded");
    is_over_ = true; // without QUIT: a mail that has begun must not look complete
    out.then = open_next::close;
    return out;
}

open_step open_dialog::on_backend(std::string_view octets)
{
    open_step out;
    const auto taken = reply_.feed(octets);
    if (!taken) {
        reply_.reset(); // nothing of it went on
        give_up_backend(out);
        return out;
    }
    if (!reply_.complete()) {
        out.then = open_next::read_backend;
        return out;
    }
    const auto got = reply_.get();
    reply_.reset();
    // One command at a time has one reply.
    if (*taken != octets.size() || !fits(got)) {
        give_up_backend(out);
        return out;
    }
    on_reply(out, got);
    go_on(out);
    return out;
}

bool open_dialog::fits(const reply& got) const noexcept
{
    const bool is_intermediate = got.code >= 300 && got.code < 400;
    if (awaited_ == awaited::data) return got.code == 354 || got.code >= 400;
    return !is_intermediate;
}

void open_dialog::on_reply(open_step& out, const reply& got)
{
    const auto what = std::exchange(awaited_, awaited::nothing);
    const bool is_taken = got.is_positive();
    switch (what) {
    case awaited::nothing: break;
    case awaited::hello:
        if (is_taken) forget_transaction();
        out.to_client += to_wire(is_taken ? filtered(got) : got);
        break;
    case awaited::mail:
        if (is_taken) from_ = std::exchange(asked_, {});
        break;
    case awaited::rcpt:
        if (is_taken) ++taken_;
        out.relayed.push_back({got, *from_, std::exchange(asked_, {})});
        break;
    case awaited::data:
        in_message_ = is_taken;
        end_ = end_of_data{};
        break;
    case awaited::message: forget_transaction(); break;
    case awaited::reset:
        if (is_taken) forget_transaction();
        break;
    }
    if (what != awaited::hello) out.to_client += to_wire(got);
    if (got.code == 421) is_over_ = true;
}

reply open_dialog::filtered(reply offer) const
{
    const auto is_hidden = [&](const std::string& line) {
        const auto word = first_word(line);
        const auto is_it = [word](std::string_view one) { return equals_ignoring_case(one, word); };
        return std::ranges::none_of(let_through, is_it) || std::ranges::any_of(hidden_, is_it);
    };
    const auto keywords = offer.lines.begin() + 1;
    offer.lines.erase(std::remove_if(keywords, offer.lines.end(), is_hidden), offer.lines.end());
    return offer;
}

void open_dialog::forget_transaction() noexcept
{
    from_.reset();
    taken_ = 0;
}

} // namespace fendmail::smtp
