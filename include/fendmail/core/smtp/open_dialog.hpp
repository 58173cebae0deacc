// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/command.hpp"
#include "fendmail/core/smtp/dialog.hpp"
#include "fendmail/core/smtp/end_of_data.hpp"
#include "fendmail/core/smtp/reply.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The session of a refused client with the backend, for the sake of recipients that all may reach
/// (open_recipients.hpp): its other recipients stay refused, in whatever order they come.
///
/// It stands between the two and answers for each in turn: a command goes to the backend only when
/// the reply to the one before has come, and only if it is EHLO, HELO, MAIL, RCPT to an open
/// recipient, DATA behind one that was taken, RSET or QUIT. All others are answered here. So the
/// order of replies holds however the client pipelines, and the backend hears nothing else of it.
///
/// Source: RFC 5321 §4.1 (commands), §4.2 (replies), §4.5.1; end_of_data.hpp for the end of a mail.
/// Units: octets.
/// Memory: one line of the client, what it sent behind it in one read, one reply of the backend.
/// Errors: what the backend says that is no reply, or no answer to its command, ends the session.
/// Threads: one of these belongs to one session.
///
/// The shell writes `to_backend` and `to_client`, tells the notes, and then does what `then` says.
namespace fendmail::smtp {

enum class open_next : std::uint8_t {
    read_client,
    read_backend,
    close, ///< both
};

/// An open recipient was named, and the backend has answered.
struct recipient_relayed {
    reply answer;
    std::string from;
    std::string to;
};

struct open_step {
    std::string to_backend;
    std::string to_client;
    std::vector<recipient_refused> refused;
    std::vector<recipient_relayed> relayed;
    open_next then = open_next::read_client;
};

class open_dialog {
public:
    /// @param options, hidden outlive the dialog
    /// @param refusal of all other recipients, as it is sent
    /// @param footer behind replies of ours
    open_dialog(const dialog_options& options, std::span<const std::string> hidden, reply refusal,
                std::string footer);

    /// The backend has taken what was repeated.
    /// @param from as it is logged
    /// @param held what the client has sent since: a recipient, and what came behind it
    [[nodiscard]] open_step begin(std::string helo, bool is_esmtp, std::string from,
                                  std::string_view held);
    /// @pre of these: the last step said read_client, or read_backend
    [[nodiscard]] open_step on_client(std::string_view octets);
    [[nodiscard]] open_step on_backend(std::string_view octets);
    /// It has closed, or is too slow.
    [[nodiscard]] open_step on_backend_gone();
    /// The client is too slow.
    [[nodiscard]] open_step on_time_limit();

    [[nodiscard]] const std::string& helo() const noexcept { return helo_; }
    [[nodiscard]] bool in_message() const noexcept { return in_message_; }
    /// The backend broke the protocol or closed.
    [[nodiscard]] bool has_backend_failed() const noexcept { return has_backend_failed_; }

private:
    enum class awaited : std::uint8_t { nothing, hello, mail, rcpt, data, message, reset };

    void go_on(open_step& out);
    void take_message(open_step& out);
    /// @return false when there is no whole line
    [[nodiscard]] bool take_line(open_step& out);
    void on_line(open_step& out, std::string_view line);
    void on_command(open_step& out, const command& input);
    void on_hello(open_step& out, const command& input);
    void on_mail(open_step& out, const command& input);
    void on_rcpt(open_step& out, const command& input);
    void on_data(open_step& out, const command& input);
    void ask(open_step& out, std::string_view line, awaited what);
    void answer(open_step& out, int code, std::string_view enhanced, std::string_view text);
    void answer(open_step& out, const reply& r);
    void end(open_step& out);
    void give_up_backend(open_step& out);
    [[nodiscard]] bool fits(const reply& got) const noexcept;
    void on_reply(open_step& out, const reply& got);
    [[nodiscard]] reply filtered(reply offer) const;
    void forget_transaction() noexcept;

    const dialog_options* options_;
    std::span<const std::string> hidden_;
    reply refusal_;
    std::string footer_;
    std::string unread_; ///< of the client
    std::string helo_;
    bool is_esmtp_ = false;
    std::optional<std::string> from_; ///< set within a transaction
    std::string asked_;               ///< sender or recipient of the command that is awaited
    std::size_t taken_ = 0;           ///< recipients, in this transaction
    std::size_t commands_ = 0;
    awaited awaited_ = awaited::nothing;
    reply_reader reply_;
    end_of_data end_;
    bool in_message_ = false;
    bool has_backend_failed_ = false;
    bool is_over_ = false;
};

} // namespace fendmail::smtp
