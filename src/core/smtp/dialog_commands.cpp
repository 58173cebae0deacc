// SPDX-License-Identifier: Apache-2.0
// The commands one by one; reading them, faults and limits are in dialog.cpp.
#include "fendmail/core/smtp/dialog.hpp"
#include "fendmail/core/smtp/extensions.hpp"
#include "fendmail/core/smtp/open_recipients.hpp"
#include "fendmail/core/smtp/path.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace fendmail::smtp {

bool dialog::hides(std::string_view keyword) const noexcept
{
    const std::span<const std::string> hidden = terms_.hide_ehlo.value_or(options_->hide_ehlo);
    return std::ranges::any_of(
        hidden, [&](const std::string& word) { return equals_ignoring_case(word, keyword); });
}

void dialog::on_command(step& out, const command& input)
{
    if (options_->tls == tls_level::encrypt && !encrypted_ && !row_of(input.verb).before_tls)
        return answer(out, 530, "5.7.0", "Must issue a STARTTLS command first");
    switch (input.verb) {
    case verb::auth: return on_auth(out, input);
    case verb::unknown:
    case verb::xclient:
    case verb::xforward: return answer(out, 502, "5.5.2", "Error: command not recognized");
    case verb::ehlo: return on_ehlo(out, input);
    case verb::helo: return on_helo(out, input);
    case verb::mail: return on_mail(out, input);
    case verb::rcpt: return on_rcpt(out, input);
    case verb::data: return on_data(out, input);
    case verb::bdat: return on_bdat(out, input);
    case verb::rset: forget_transaction(); return answer(out, 250, "2.0.0", "Ok");
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
    forget_transaction();
    esmtp_ = true;

    reply greeting = make_reply(250, "", options_->hostname);
    if (may_repeat()) helo_line_ = fmt::format("EHLO {}", helo_);
    if (terms_.hands_off) {
        offer_for_backend(greeting);
        return answer(out, greeting);
    }
    const bool offers_tls = options_->tls != tls_level::none && !encrypted_;
    for (const std::string_view keyword : offered_extensions) {
        if (hides(keyword)) continue;
        if (keyword == "VRFY" && options_->disable_vrfy) continue;
        if (keyword == "STARTTLS" && !offers_tls) continue;
        greeting.lines.emplace_back(keyword);
        if (keyword == "SIZE" && options_->size_limit_octets != 0)
            greeting.lines.back() += ' ' + std::to_string(options_->size_limit_octets);
    }
    answer(out, greeting);
}

void dialog::on_helo(step& out, const command& input)
{
    const std::string_view name = first_word(input.argument);
    if (name.empty()) return answer(out, 501, "", "Syntax: HELO hostname");
    helo_ = name;
    forget_transaction();
    if (may_repeat()) helo_line_ = fmt::format("HELO {}", helo_);
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
    of_backend_.reset();
    if (may_repeat()) mail_line_ = fmt::format("MAIL {}", input.argument);
    answer(out, 250, "2.1.0", "Ok");
}

void dialog::on_rcpt(step& out, const command& input)
{
    if (!from_) return answer(out, 503, "5.5.1", "Error: need MAIL command");
    const std::optional<std::string> path = parse_path(input.argument);
    if (!path) return answer(out, 501, "5.5.4", "Syntax: RCPT TO:<address>");
    is_for_open_recipient_ = is_open(input);
    if ((terms_.hands_off || is_for_open_recipient_) && !of_backend_)
        return hold(fmt::format("RCPT {}", input.argument));
    // What the backend said is not about recipients that are refused anyway.
    const bool is_of_backend = of_backend_ && (!is_refused_ || is_for_open_recipient_);
    const reply& refusal = is_of_backend ? *of_backend_ : refusal_;
    out.notes.emplace_back(recipient_refused{.answer = refusal,
                                             .from = *from_,
                                             .to = to_log_form(*path),
                                             .helo = helo_,
                                             .esmtp = esmtp_});
    answer(out, refusal);
}

bool dialog::is_open(const command& rcpt) const
{
    return is_refused_ && open_recipient(rcpt.argument, options_->open_recipients).has_value();
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
    if (hides("CHUNKING")) return answer(out, 502, "5.5.1", "Error: command not implemented");
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

void dialog::on_starttls(step& out, const command& input)
{
    if (!first_word(input.argument).empty()) return answer(out, 501, "5.5.4", "Syntax: STARTTLS");
    if (encrypted_) return answer(out, 554, "5.5.1", "Error: TLS already active");
    const bool is_backends = options_->tls == tls_level::none && offers_of_backend("STARTTLS");
    if (!is_backends && (options_->tls == tls_level::none || hides("STARTTLS")))
        return answer(out, 502, "5.5.1", "Error: command not implemented");
    const std::string_view behind = lines_.unread().empty() ? waiting_ : lines_.unread();
    if (!behind.empty()) {
        // RFC 3207 §4 lets nothing follow STARTTLS before the handshake. The client may be the
        // victim here, so it is told to come back and not refused for good.
        closed_ = true;
        out.notes.emplace_back(plaintext_behind_starttls{std::string{behind}});
        return answer(out, 421, "4.7.0", options_->hostname + " Error: plain text behind STARTTLS");
    }
    if (is_backends) {
        forget_transaction(); // as the client will have to, RFC 3207 §4.2
        return hold("STARTTLS");
    }
    starts_tls_ = true;
    answer(out, 220, "2.0.0", "Ready to start TLS");
}

/// AUTH is the backend's: it knows users and mechanisms, and its challenges are not lines of ours.
void dialog::on_auth(step& out, const command& input)
{
    if (!offers_of_backend("AUTH"))
        return answer(out, 502, "5.5.2", "Error: command not recognized");
    if (from_) return answer(out, 503, "5.5.1", "Error: MAIL transaction in progress");
    hold(fmt::format("AUTH {}", input.argument));
}

bool dialog::offers_of_backend(std::string_view keyword) const noexcept
{
    return terms_.hands_off && terms_.backend_offers != nullptr &&
           terms_.backend_offers->has(keyword) && !hides(keyword);
}

void dialog::offer_for_backend(reply& greeting) const
{
    const bool own_tls = options_->tls != tls_level::none;
    for (const std::string_view keyword : relayed_extensions) {
        if (keyword == "STARTTLS" && own_tls) {
            if (!encrypted_ && !hides(keyword)) greeting.lines.emplace_back(keyword);
            continue;
        }
        if (!offers_of_backend(keyword)) continue;
        if (keyword == "STARTTLS" && encrypted_) continue;
        if (keyword == "AUTH" && options_->tls == tls_level::encrypt && !encrypted_) continue;
        // A client that pipelines without an offer shows what it is; with one it shows nothing.
        if (keyword == "PIPELINING" && terms_.faults[fault::pipelining] != on_fault::unwatched)
            continue;
        std::string& text = greeting.lines.emplace_back(keyword);
        for (const std::string& parameter : terms_.backend_offers->parameters(keyword))
            text += ' ' + parameter;
    }
}

bool dialog::offered_what(const extensions& backend) const noexcept
{
    // The others say nothing about what follows MAIL, or change behind STARTTLS.
    return std::ranges::all_of(relayed_extensions, [&](std::string_view keyword) {
        return keyword == "STARTTLS" || keyword == "AUTH" || keyword == "ENHANCEDSTATUSCODES" ||
               !offers_of_backend(keyword) || backend.has(keyword);
    });
}

bool dialog::refused_as_unclean(step& out, const line& input, const command& parsed)
{
    if (!row_of(parsed.verb).is_repeated) return false;
    // <HT> is white space to every server, and divides no lines.
    const auto is_control = [](char c) {
        return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f;
    };
    if (!input.bare_cr && !input.has_nul && std::ranges::none_of(input.text, is_control))
        return false;
    // Repeated to a backend, it might be read as something else there than it was here.
    answer(out, 500, "5.5.2", "Error: bad syntax");
    return true;
}

} // namespace fendmail::smtp
