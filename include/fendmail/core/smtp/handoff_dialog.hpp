// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/smtp/identity.hpp"
#include "fendmail/core/smtp/reply.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The first words with a backend, before octets are relayed: waits for its greeting and, with
/// XCLIENT, tells it the address of the client.
///
/// Source: RFC 5321 §3.1 (greeting), §4.1.1.1 (EHLO), §4.3.1 (wait for each reply); Postfix
/// XCLIENT_README: a backend that took XCLIENT starts anew with a 220.
/// Memory: one reply of the backend (limits::reply_lines × limits::reply_line_octets) and the
/// octets that came with it.
/// Errors: whatever is not exactly as expected is `failed`, with a text for the log. A session
/// never goes on after that, because the backend would take the client for us, which it may trust.
/// Threads: one of these belongs to one session.
///
/// There is nothing to send first: the shell reads and gives what came to on_octets(), writes
/// `step.output`, and does so until `step.then` is no longer `read`. Deadlines are the shell's.
namespace fendmail::smtp {

enum class handoff_kind : std::uint8_t {
    greeting_only, ///< the backend knows the client already, or need not
    proxy,         ///< a PROXY header has told it, or was taken for a command
    xclient,
};

enum class handoff_next : std::uint8_t {
    read,   ///< write the output, wait for more octets
    ready,  ///< forward greeting_raw() to the client, then relay
    failed, ///< close; failure_text() says why
};

struct handoff_step {
    std::string output;
    handoff_next then = handoff_next::read;
};

class handoff_dialog {
public:
    /// @param hostname ours, for EHLO
    /// @param client its address
    /// @param local where the client connected to
    handoff_dialog(handoff_kind kind, std::string hostname, const endpoint& client,
                   const endpoint& local);

    /// @pre of all three: not ready; what comes behind the greeting is the shell's to relay
    [[nodiscard]] handoff_step on_octets(std::string_view octets);
    [[nodiscard]] handoff_step on_eof();
    [[nodiscard]] handoff_step on_time_limit();

    /// The octets of the last 220 reply as the backend sent them, and those that came behind it.
    /// @pre ready
    [[nodiscard]] const std::string& greeting_raw() const;
    /// Short, for the log; client and backend text in it is not escaped. "" unless failed.
    [[nodiscard]] const std::string& failure_text() const noexcept { return failure_text_; }
    /// The backend's own refusal, when its first greeting was a 4xx or 5xx.
    [[nodiscard]] const std::optional<reply>& backend_reply() const noexcept
    {
        return backend_reply_;
    }
    /// It has sent something.
    [[nodiscard]] bool has_heard() const noexcept { return has_heard_; }
    /// What the failure says about the backend: whether it is that it does not take the address.
    [[nodiscard]] identity about() const noexcept { return about_; }

private:
    enum class state : std::uint8_t {
        greeting, ///< waits for the greeting
        ehlo,     ///< said EHLO
        xclient,  ///< said XCLIENT, waits for the new greeting
        ready,
        failed,
    };

    [[nodiscard]] static std::string_view awaited(state s) noexcept;
    [[nodiscard]] handoff_step on_reply(const reply& got, std::string_view behind);
    [[nodiscard]] handoff_step on_greeting(const reply& got, std::string_view behind);
    [[nodiscard]] handoff_step on_ehlo_reply(const reply& got, std::string_view behind);
    [[nodiscard]] handoff_step on_xclient_reply(const reply& got, std::string_view behind);
    [[nodiscard]] handoff_step say(std::string_view line, state next);
    [[nodiscard]] handoff_step finish(std::string_view behind);
    [[nodiscard]] handoff_step fail(std::string why);
    /// The same with proof that the backend does not learn the address of the client.
    [[nodiscard]] handoff_step fail_as_mistaken(std::string why);
    [[nodiscard]] handoff_step fail_at_surplus(std::string_view behind);

    handoff_kind kind_;
    std::string hostname_;
    endpoint client_;
    endpoint local_;
    state state_ = state::greeting;
    reply_reader reader_;
    std::string greeting_raw_;
    std::string failure_text_;
    std::optional<reply> backend_reply_;
    identity about_ = identity::fine;
    bool has_heard_ = false;
};

[[nodiscard]] std::string_view to_string(handoff_kind k) noexcept;
[[nodiscard]] std::string_view to_string(handoff_next n) noexcept;

} // namespace fendmail::smtp
