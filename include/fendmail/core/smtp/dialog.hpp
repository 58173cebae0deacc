// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/command.hpp"
#include "fendmail/core/smtp/line_reader.hpp"
#include "fendmail/core/smtp/reply.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// Our own side of an SMTP session: for clients whose recipients are refused, so that the log
/// shows helo, sender and recipients. It never accepts mail.
///
/// Source: RFC 5321 §4.1 (commands), §4.5.3.1 (limits); replies are those of postscreen's SMTP
/// engine to the octet.
/// Units: octets; counts.
/// Memory: one command line, the helo name and the sender, each of about `line_limit_octets`; one
/// call returns at most `command_limit` + 1 replies and as many notes.
/// Errors: none; what a client does wrong is a reply and maybe a note.
/// Threads: one dialog belongs to one session.
///
/// The shell calls start(), writes `step.output`, and then, as `step.then` says, closes or reads
/// and gives what came to on_octets(). Deadlines are the shell's; when one passes it calls
/// on_time_limit(). Several commands in one read are all answered in one step. Once a step said
/// close, all further octets are ignored.
namespace fendmail::smtp {

/// How the dialog meets the client.
enum class opening : std::uint8_t {
    greet,  ///< start() gives "220 hostname ESMTP"
    silent, ///< nothing: the client spoke before its turn, and a 220 now would answer its EHLO
};

struct dialog_options {
    std::string hostname;
    std::string greeting;                 ///< text behind "220 "; "" = hostname + " ESMTP"
    std::size_t command_limit = 20;       ///< commands answered in one session, QUIT not counted
    std::size_t line_limit_octets = 2048; ///< longest command line, its ending not counted
    bool helo_required = false;
    bool disable_vrfy = false;
    bool soft_bounce = false;            ///< every 5xx is sent and noted as 4xx
    std::uint64_t size_limit_octets = 0; ///< EHLO SIZE; 0 = "SIZE" without a number
    std::vector<std::string> hide_ehlo;  ///< keywords not to offer, upper case
};

/// Something that must be logged.
struct recipient_refused {
    reply answer;     ///< as sent
    std::string from; ///< path without <> and source route; "" for <>
    std::string to;
    std::string helo;
    bool esmtp = false;
};
struct mail_without_recipient {
    std::string_view verb; ///< "DATA" or "BDAT"; the session ends
};
enum class limit : std::uint8_t { command_count, command_length, command_time };
struct limit_exceeded {
    limit which = limit::command_count;
    std::string_view after; ///< last verb, "CONNECT" before the first, "UNIMPLEMENTED" if unknown
};
using note = std::variant<recipient_refused, mail_without_recipient, limit_exceeded>;

enum class next : std::uint8_t {
    read,  ///< wait for more octets
    close, ///< write the output, then close
};

struct step {
    std::string output;      ///< replies in order, ready to be sent
    std::vector<note> notes; ///< in order
    next then = next::read;
    bool command_done = false; ///< a whole command was answered: its time limit starts anew
};

class dialog {
public:
    /// @param options must outlive the dialog
    /// @param refusal the reply to every RCPT (and VRFY); unset: 450 4.3.2, come back later
    dialog(const dialog_options& options, opening how, std::optional<reply> refusal);

    /// A dialog that only has to say `answer` to the first command that is not QUIT, and then
    /// closes: for a client to whom "220-" was said before the backend failed, because a 4xx may
    /// not complete a 220 reply (postscreen's X21 mode).
    [[nodiscard]] static dialog answering_once(const dialog_options& options, reply answer);

    [[nodiscard]] step start();
    [[nodiscard]] step on_octets(std::string_view octets);
    [[nodiscard]] step on_time_limit();

    [[nodiscard]] std::string_view last_verb() const noexcept { return last_verb_; }
    [[nodiscard]] const std::string& helo() const noexcept { return helo_; }

private:
    void answer(step& out, int code, std::string_view enhanced, std::string_view text) const;
    void answer(step& out, const reply& r) const;
    [[nodiscard]] reply as_sent(reply r) const;
    void end_with(step& out, limit which, std::string_view after);
    [[nodiscard]] bool refused_for_want_of_helo(step& out) const;
    void on_line(step& out, const line& input);
    void on_command(step& out, const command& input);
    void on_ehlo(step& out, const command& input);
    void on_helo(step& out, const command& input);
    void on_mail(step& out, const command& input);
    void on_rcpt(step& out, const command& input);
    void on_data(step& out, const command& input) const;
    void on_bdat(step& out, const command& input) const;
    void on_vrfy(step& out, const command& input) const;
    void on_etrn(step& out, const command& input) const;
    void on_starttls(step& out, const command& input) const;

    const dialog_options* options_;
    opening opening_;
    reply refusal_; ///< as sent
    std::optional<reply> answer_once_;
    line_reader lines_;
    std::string helo_;
    std::optional<std::string> from_; ///< set between MAIL and the end of the transaction
    std::string_view last_verb_ = "CONNECT";
    std::size_t commands_ = 0;
    bool esmtp_ = false;
    bool closed_ = false;
};

[[nodiscard]] std::string_view to_string(opening o) noexcept;
[[nodiscard]] std::string_view to_string(limit l) noexcept;
[[nodiscard]] std::string_view to_string(next n) noexcept;

} // namespace fendmail::smtp
