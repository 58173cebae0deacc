// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/command.hpp"
#include "fendmail/core/smtp/extensions.hpp"
#include "fendmail/core/smtp/fault.hpp"
#include "fendmail/core/smtp/forbidden_commands.hpp"
#include "fendmail/core/smtp/line_reader.hpp"
#include "fendmail/core/smtp/own_names.hpp"
#include "fendmail/core/smtp/replay_dialog.hpp"
#include "fendmail/core/smtp/reply.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// Our own side of an SMTP session: for clients that are being tested, and for those whose
/// recipients are refused, so that the log shows helo, sender and recipients. It never accepts
/// mail.
///
/// Source: RFC 5321 §4.1 (commands), §4.5.3.1 (limits), RFC 3207 §4 (STARTTLS); replies are those
/// of postscreen's SMTP engine to the octet.
/// Units: octets; counts.
/// Memory: one command line, the helo name and the sender, each of about `line_limit_octets`; one
/// call returns at most `command_limit` + 1 replies and as many notes.
/// Errors: none; what a client does wrong is a reply and maybe a note.
/// Threads: one dialog belongs to one session.
///
/// The shell calls start(), writes `step.output`, and then, as `step.then` says, closes, starts
/// TLS, or reads and gives what came to on_octets(). Deadlines are the shell's; when one passes it
/// calls on_time_limit(). Several commands in one read are all answered in one step. Once a step
/// said close, all further octets are ignored.
namespace fendmail::smtp {

/// How the dialog meets the client.
enum class opening : std::uint8_t {
    greet,  ///< start() gives "220 hostname ESMTP"
    silent, ///< nothing: the client spoke before its turn, and a 220 now would answer its EHLO
};

/// Whether STARTTLS is offered.
enum class tls_level : std::uint8_t {
    none,
    may,
    encrypt, ///< and nothing goes without it
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
    tls_level tls = tls_level::none;
    forbidden_commands forbidden; ///< what the non-SMTP command test looks for
    smtp::own_names own_names;    ///< what own_helo looks for
    /// Local parts of recipients that refused clients reach all the same, lower case.
    std::vector<std::string> open_recipients{};
};

/// What differs from one session to the next. Views must outlive the dialog.
struct dialog_terms {
    smtp::opening opening = opening::greet;
    /// The reply to every RCPT (and VRFY); unset: 450 4.3.2, come back later.
    std::optional<reply> refusal{};
    /// Instead of that 450.
    std::optional<reply> come_back{};
    fault_rules faults{};
    /// For this client instead of those of the options.
    std::optional<std::span<const std::string>> hide_ehlo{};
    std::string footer{}; ///< behind every 4xx and 5xx, see smtp/footer
    ip_address local{};   ///< what the client connected to; one more address of ours
    /// The client goes on to the backend at the first RCPT of a transaction, or at STARTTLS when
    /// we speak no TLS ourselves, unless a fault refuses it before.
    bool hands_off = false;
    /// With hands_off: what the backend offers, which is all that we may offer then; null when
    /// it is not known.
    const extensions* backend_offers = nullptr;
};

/// Something that must be logged.
struct recipient_refused {
    reply answer;     ///< as sent, without footer
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
/// A fault that is watched for was seen; each is told once in a session.
struct fault_seen {
    fault what = fault::bare_newline;
    /// bare newline: ""; pipelining and own HELO: the verb of the line; non-SMTP command: the verb
    /// before it
    std::string_view after;
    std::string text; ///< the line; with pipelining what came behind it; with own HELO the name
};
/// Plain text came behind STARTTLS: an attacker between us and the client may have put it there
/// (CVE-2011-0411). The session ends.
struct plaintext_behind_starttls {
    std::string text;
};
using note = std::variant<recipient_refused, mail_without_recipient, limit_exceeded, fault_seen,
                          plaintext_behind_starttls>;

enum class next : std::uint8_t {
    read,      ///< wait for more octets
    start_tls, ///< write the output, do the handshake, call on_tls_started()
    /// Write the output, tell the backend what_to_replay(), send it octets_to_relay() and relay;
    /// or call on_backend_refused().
    hand_off,
    close, ///< write the output, then close
};

struct step {
    std::string output;      ///< replies in order, ready to be sent
    std::vector<note> notes; ///< in order
    next then = next::read;
    bool command_done = false;    ///< a whole command was answered: its time limit starts anew
    bool recipient_named = false; ///< an RCPT came: the deep tests are over
    bool dropped = false;         ///< with close: a fault ended the session
};

class dialog {
public:
    /// @param options must outlive the dialog
    dialog(const dialog_options& options, dialog_terms terms);

    /// A dialog that only has to say `answer` to the first command that is not QUIT, and then
    /// closes: for a client that got "220-" before the backend failed, because a 4xx may
    /// not complete a 220 reply (postscreen's X21 mode).
    [[nodiscard]] static dialog answering_once(const dialog_options& options, reply answer,
                                               std::string footer = {});

    [[nodiscard]] step start();
    /// @param waiting what has arrived behind `octets` and was only looked at: it will be given
    /// again. It shows that the client did not wait for the reply to its last command.
    [[nodiscard]] step on_octets(std::string_view octets, std::string_view waiting = {});
    [[nodiscard]] step on_time_limit();
    /// The handshake is done. What the client said before it is forgotten (RFC 3207 §4.2).
    void on_tls_started() noexcept;

    /// At hand_off: it is for the sake of this recipient, and the client stays refused.
    [[nodiscard]] bool is_for_open_recipient() const noexcept { return is_for_open_recipient_; }
    /// What a refused client is told, as sent.
    [[nodiscard]] const reply& refusal() const noexcept { return refusal_; }
    /// The sender of the transaction, as it is logged. @pre the last step was hand_off at a
    /// recipient
    [[nodiscard]] const std::string& from() const noexcept { return *from_; }
    [[nodiscard]] bool is_esmtp() const noexcept { return esmtp_; }

    /// @pre of these two: the last step was hand_off
    [[nodiscard]] replay what_to_replay() const { return {helo_line_, mail_line_}; }
    /// The command at which the client is handed off, and everything that came behind it.
    [[nodiscard]] const std::string& octets_to_relay() const noexcept { return held_; }
    /// The backend refuses this transaction, or cannot be had: `answer` is the reply to the
    /// command that was held, and to all recipients until the next MAIL.
    [[nodiscard]] step on_backend_refused(reply answer);
    /// False when the client was offered something that the backend does not offer it after all,
    /// so that a refusal may be our fault.
    [[nodiscard]] bool offered_what(const extensions& backend) const noexcept;

    [[nodiscard]] std::string_view last_verb() const noexcept { return last_verb_; }
    [[nodiscard]] const std::string& helo() const noexcept { return helo_; }

private:
    void answer(step& out, int code, std::string_view enhanced, std::string_view text) const;
    void answer(step& out, const reply& r) const;
    [[nodiscard]] reply as_sent(reply r) const;
    [[nodiscard]] bool hides(std::string_view keyword) const noexcept;
    void end_with(step& out, limit which, std::string_view after);
    /// @return true when the session ends
    bool found(step& out, fault what, std::string_view after, std::string_view text);
    bool look_for_faults(step& out, const line& input, const command& parsed,
                         std::string_view previous_verb);
    [[nodiscard]] bool is_foreign(const line& input, const command& parsed) const;
    [[nodiscard]] bool refused_for_want_of_helo(step& out) const;
    [[nodiscard]] bool offers_of_backend(std::string_view keyword) const noexcept;
    void on_auth(step& out, const command& input);
    void read_lines(step& out);
    /// @return true when `input` cannot be repeated to a backend; it was answered then
    [[nodiscard]] bool refused_as_unclean(step& out, const line& input, const command& parsed);
    void hold(std::string_view text);
    void forget_transaction() noexcept;
    void offer_for_backend(reply& greeting) const;
    void on_line(step& out, const line& input);
    void on_command(step& out, const command& input);
    /// Something of what the client says may be repeated to a backend.
    [[nodiscard]] bool may_repeat() const noexcept
    {
        return terms_.hands_off || !options_->open_recipients.empty();
    }
    [[nodiscard]] bool is_open(const command& rcpt) const;
    void on_ehlo(step& out, const command& input);
    void on_helo(step& out, const command& input);
    void on_mail(step& out, const command& input);
    void on_rcpt(step& out, const command& input);
    void on_data(step& out, const command& input) const;
    void on_bdat(step& out, const command& input) const;
    void on_vrfy(step& out, const command& input) const;
    void on_etrn(step& out, const command& input) const;
    void on_starttls(step& out, const command& input);

    const dialog_options* options_;
    dialog_terms terms_;
    reply refusal_; ///< as sent
    std::optional<reply> answer_once_;
    line_reader lines_;
    std::string_view waiting_; ///< during on_octets()
    std::string helo_;
    std::string helo_line_; ///< where it may be repeated, as it was sent
    std::string mail_line_; ///< likewise
    std::string held_;      ///< the command at which the client is handed off, and the rest
    std::optional<reply> of_backend_; ///< its refusal of the transaction under way
    std::optional<std::string> from_; ///< set between MAIL and the end of the transaction
    std::string_view last_verb_ = "CONNECT";
    std::size_t commands_ = 0;
    bool esmtp_ = false;
    bool encrypted_ = false;
    bool starts_tls_ = false;
    bool hands_off_now_ = false;
    bool is_refused_ = false; ///< by its tests, or for a fault
    bool is_for_open_recipient_ = false;
    bool closed_ = false;
};

[[nodiscard]] std::string_view to_string(opening o) noexcept;
[[nodiscard]] std::string_view to_string(tls_level t) noexcept;
[[nodiscard]] std::string_view to_string(limit l) noexcept;
[[nodiscard]] std::string_view to_string(next n) noexcept;

} // namespace fendmail::smtp
