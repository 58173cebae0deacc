// SPDX-License-Identifier: Apache-2.0
#include "storm/dialog.hpp"

namespace fendmail::storm {

namespace {

/// After these the server closes by itself (RFC 5321 §3.8, RFC 7504 §3).
constexpr bool ends_session(int code) noexcept
{
    return code == 421 || code == 521;
}

} // namespace

std::string_view dialog::text() const noexcept
{
    switch (stage_) {
    case stage::greeting:
    case stage::message: return "";
    case stage::ehlo: return "EHLO storm.example.test\r\n";
    case stage::mail: return "MAIL FROM:<sender@example.org>\r\n";
    case stage::rcpt: return "RCPT TO:<user@example.test>\r\n";
    case stage::data: return "DATA\r\n";
    case stage::quit: return "QUIT\r\n";
    }
    return "";
}

step dialog::say(stage next) noexcept
{
    stage_ = next;
    return step::say;
}

step dialog::leave(storm::outcome how) noexcept
{
    outcome_ = how;
    return say(stage::quit);
}

step dialog::on_connect() noexcept
{
    if (role_ != role::pregreeter) return step::wait;
    return say(stage::ehlo);
}

step dialog::on_greeting() noexcept
{
    is_greeted_ = true;
    switch (role_) {
    case role::visitor: return leave(outcome::let_through);
    case role::sender:
    case role::mailer: return say(stage::ehlo);
    // It has said EHLO already; the reply to that comes next.
    case role::pregreeter: return step::wait;
    case role::holder: outcome_ = outcome::let_through; return step::wait;
    }
    return step::wait;
}

step dialog::on_recipient() noexcept
{
    if (role_ == role::mailer) return say(stage::data);
    return leave(outcome::let_through);
}

step dialog::on_reply(int code) noexcept
{
    if (stage_ == stage::quit) return step::listen;
    if (code >= 400 && code < 600) {
        is_greeted_ = true;
        const auto how = code < 500 ? outcome::deferred : outcome::refused;
        if (!ends_session(code)) return leave(how);
        outcome_ = how;
        stage_ = stage::quit;
        return step::listen;
    }
    if (!is_greeted_) {
        if (code == 220) return on_greeting();
        // Who failed by speaking early may get no greeting, but the reply to what it said.
        if (role_ != role::pregreeter) return leave(outcome::unexpected);
        is_greeted_ = true;
    }
    if (code != (stage_ == stage::data ? 354 : 250)) return leave(outcome::unexpected);
    switch (stage_) {
    case stage::greeting: return leave(outcome::unexpected);
    case stage::ehlo: return say(stage::mail);
    case stage::mail: return say(stage::rcpt);
    case stage::rcpt: return on_recipient();
    case stage::data: stage_ = stage::message; return step::message;
    case stage::message: return leave(outcome::let_through);
    case stage::quit: break;
    }
    return step::listen;
}

} // namespace fendmail::storm
