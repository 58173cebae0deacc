// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

/// What one client says to which reply, and what became of it. Pure: no I/O, no clock.
///
/// Source: RFC 5321 §3.1 to §3.8 for those who behave; the others are what one sees of bots.
/// Memory: four octets, and views of constants.
/// Errors: none; a reply that fits nowhere ends the dialog as `unexpected`.
/// Threads: one owner.
namespace fendmail::storm {

enum class role : std::uint8_t {
    visitor,    ///< waits for the greeting and leaves: all that a test of known clients needs
    sender,     ///< EHLO, MAIL, RCPT; leaves when it knows whether the recipient is taken
    pregreeter, ///< a sender that says EHLO without waiting for the greeting
    holder,     ///< never says a word
    mailer,     ///< hands over a whole mail
};

enum class outcome : std::uint8_t {
    open,        ///< not known yet
    refused,     ///< got a 5yz
    let_through, ///< got what it came for
    deferred,    ///< got a 4yz
    unexpected,  ///< got a reply that does not belong there
};

enum class step : std::uint8_t {
    wait,    ///< for another reply
    say,     ///< text(), then wait for its reply
    message, ///< send the mail with its end, then wait for the reply
    listen,  ///< the server is about to close: wait for that
};

class dialog {
public:
    explicit dialog(role who) noexcept
        : role_{who}
    {
    }

    /// What to do once connected.
    [[nodiscard]] step on_connect() noexcept;
    /// What to do on the last line of a reply.
    [[nodiscard]] step on_reply(int code) noexcept;

    /// What to say after `step::say`; constant, with its <CRLF>.
    [[nodiscard]] std::string_view text() const noexcept;
    [[nodiscard]] storm::outcome outcome() const noexcept { return outcome_; }
    /// The greeting came, or a refusal in its place.
    [[nodiscard]] bool is_greeted() const noexcept { return is_greeted_; }

private:
    enum class stage : std::uint8_t { greeting, ehlo, mail, rcpt, data, message, quit };

    [[nodiscard]] step say(stage next) noexcept;
    [[nodiscard]] step leave(storm::outcome how) noexcept;
    [[nodiscard]] step on_greeting() noexcept;
    [[nodiscard]] step on_recipient() noexcept;

    role role_;
    stage stage_ = stage::greeting;
    storm::outcome outcome_ = outcome::open;
    bool is_greeted_ = false;
};

} // namespace fendmail::storm
