// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/extensions.hpp"
#include "fendmail/core/smtp/identity.hpp"
#include "fendmail/core/smtp/reply.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Tells a backend what a client has told us, so that its session can go on there: EHLO, maybe
/// STARTTLS of our own, MAIL. Begins behind the backend's greeting (see handoff_dialog).
///
/// Source: RFC 5321 §4.1.1 (commands), §4.3.1 (wait for each reply), RFC 3207 §4.2 (EHLO again
/// behind STARTTLS).
/// Memory: the two lines, one reply of the backend (limits::reply_lines ×
/// limits::reply_line_octets).
/// Errors: whatever is not exactly as expected is `failed`, with a text for the log. A refusal of
/// MAIL or of the client's name is none: it is the backend's answer, which the client has to get.
/// Threads: one of these belongs to one session.
///
/// The shell writes `step.output`, then reads and gives what came to on_octets(), until
/// `step.then` is something else. Deadlines are the shell's.
namespace fendmail::smtp {

/// Lines without their ends, exactly as the client sent them; the dialog has made sure that no
/// control octet is in them.
struct replay {
    std::string helo; ///< "EHLO client.example"; "" when the client gave none
    std::string mail; ///< "MAIL FROM:<a@b> SIZE=1"; "" when it goes on behind its helo
};

/// Whether the way to the backend is encrypted.
enum class backend_tls : std::uint8_t {
    none,
    opportunistic, ///< when it offers STARTTLS; any certificate will do
    require,
};

enum class replay_next : std::uint8_t {
    read,      ///< write the output, wait for more octets
    start_tls, ///< write nothing; do the handshake, then call on_tls_started()
    ready,     ///< relay
    refused,   ///< the backend refused the client or MAIL: refusal() is for the client
    failed,    ///< close; failure_text() says why
};

struct replay_step {
    std::string output;
    replay_next then = replay_next::read;
};

class replay_dialog {
public:
    /// @param hostname ours, for an EHLO that asks for STARTTLS
    /// @param behind_header the backend was told the client by a PROXY header, and may have
    /// taken it for a command: its first reply may be the one to that
    replay_dialog(replay what, backend_tls tls, std::string hostname, bool behind_header = false);

    [[nodiscard]] replay_step start();
    /// @pre the last step was `read`
    [[nodiscard]] replay_step on_octets(std::string_view octets);
    [[nodiscard]] replay_step on_tls_started();
    [[nodiscard]] replay_step on_eof();
    [[nodiscard]] replay_step on_time_limit();

    /// What the backend offers this client; unset when the client said no EHLO.
    [[nodiscard]] const std::optional<extensions>& offered() const noexcept { return offered_; }
    [[nodiscard]] bool has_refused() const noexcept { return refusal_.has_value(); }
    /// @pre has_refused()
    [[nodiscard]] const reply& refusal() const { return *refusal_; }
    /// Short, for the log; text of the backend in it is not escaped. "" unless failed.
    [[nodiscard]] const std::string& failure_text() const noexcept { return failure_text_; }
    /// What ended it was a refusal of the first command, or of the header: a QUIT that is sent
    /// next shows which, see farewell_count.
    [[nodiscard]] bool is_first_refused() const noexcept { return is_first_refused_; }
    /// A reply too many to the first command is proof, because no client can bring it about.
    [[nodiscard]] bool would_surplus_prove() const noexcept;
    /// `mistaken` when more replies came than commands were sent, `unclear` when that is no proof,
    /// or when the first command, or the header, was not understood.
    [[nodiscard]] identity about() const noexcept { return about_; }

private:
    enum class state : std::uint8_t {
        ehlo_for_tls, ///< said an EHLO of our own, to ask for STARTTLS
        starttls,
        handshake,
        helo,
        mail,
        done,
    };

    [[nodiscard]] static std::string_view awaited(state s) noexcept;
    [[nodiscard]] replay_step on_reply(const reply& got);
    [[nodiscard]] replay_step say_helo();
    [[nodiscard]] replay_step say_mail();
    [[nodiscard]] replay_step say(std::string_view line, state next);
    [[nodiscard]] replay_step end(replay_next how);
    [[nodiscard]] replay_step refuse(const reply& got);
    [[nodiscard]] replay_step fail(std::string why);

    replay what_;
    backend_tls tls_;
    std::string hostname_;
    state state_ = state::done;
    reply_reader reader_;
    std::optional<extensions> offered_;
    std::optional<reply> refusal_;
    std::string failure_text_;
    bool behind_header_;
    bool is_first_ = true; ///< no reply has been seen
    bool is_first_refused_ = false;
    identity about_ = identity::fine;
};

[[nodiscard]] std::string_view to_string(backend_tls t) noexcept;
[[nodiscard]] std::string_view to_string(replay_next n) noexcept;

} // namespace fendmail::smtp
