// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/replay_dialog.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <fmt/format.h>

#include <utility>

namespace fendmail::smtp {

namespace {

/// A reply has up to 64 KiB; its first words are enough to find it in the backend's own log.
std::string short_text(const reply& r)
{
    reply first = r;
    first.lines.resize(1);
    return to_log(first).substr(0, limits::log_text_octets);
}

/// RFC 5321 §4.1.1.1 and §4.2.3: a 55x at EHLO is what a backend says whose policy does not like
/// the name. A 50x there says that it does not speak the protocol that we think it does.
bool is_refusal_of_client(const reply& got)
{
    return got.is_transient() || (got.code >= 550 && got.code <= 559);
}

} // namespace

replay_dialog::replay_dialog(replay what, backend_tls tls, std::string hostname, bool behind_header)
    : what_{std::move(what)}
    , tls_{tls}
    , hostname_{std::move(hostname)}
    , behind_header_{behind_header}
{
}

replay_step replay_dialog::start()
{
    if (tls_ != backend_tls::none) return say("EHLO " + hostname_, state::ehlo_for_tls);
    return say_helo();
}

replay_step replay_dialog::on_octets(std::string_view octets)
{
    FENDMAIL_ASSERT(state_ != state::done);
    const result<std::size_t> taken = reader_.feed(octets);
    if (!taken)
        return fail(
            fmt::format("backend sent no SMTP {}: {}", awaited(state_), message(taken.error())));
    if (!reader_.complete()) return {};
    // What a backend says unasked would be taken for its reply to our next command.
    if (*taken != octets.size()) {
        if (behind_header_ && is_first_ && !is_farewell(octets.substr(*taken)))
            about_ = would_surplus_prove() ? identity::mistaken : identity::unclear;
        return fail(fmt::format("backend sent more than its {}", awaited(state_)));
    }
    const bool is_first = std::exchange(is_first_, false);
    const reply got = reader_.get();
    constexpr int closing = 421;
    if (!behind_header_ || !is_first || got.is_positive() || got.code == closing)
        return on_reply(got);
    // Nothing may be said behind it: the reply to that would be the one to this command.
    is_first_refused_ = true;
    if (is_about_protocol(got.code) || is_about_early_talk(got)) about_ = identity::unclear;
    if (state_ == state::ehlo_for_tls || is_about_early_talk(got))
        return fail("backend answered EHLO with " + short_text(got));
    return on_reply(got);
}

bool replay_dialog::would_surplus_prove() const noexcept
{
    return tls_ != backend_tls::none || is_plain_hello(what_.helo);
}

replay_step replay_dialog::on_tls_started()
{
    FENDMAIL_ASSERT(state_ == state::handshake);
    return say_helo();
}

replay_step replay_dialog::on_eof()
{
    return fail(fmt::format("backend closed the connection before its {}", awaited(state_)));
}

replay_step replay_dialog::on_time_limit()
{
    return fail(
        fmt::format("time limit exceeded while waiting for the backend's {}", awaited(state_)));
}

std::string_view replay_dialog::awaited(state s) noexcept
{
    switch (s) {
    case state::ehlo_for_tls: return "reply to EHLO";
    case state::starttls: return "reply to STARTTLS";
    case state::handshake: return "TLS handshake";
    case state::helo: return "reply to the client's EHLO";
    case state::mail: return "reply to MAIL";
    case state::done: break;
    }
    return "end";
}

replay_step replay_dialog::on_reply(const reply& got)
{
    switch (state_) {
    case state::ehlo_for_tls:
        if (got.code == 250 && extensions{got}.has("STARTTLS"))
            return say("STARTTLS", state::starttls);
        if (tls_ == backend_tls::require) return fail("backend offers no STARTTLS to us");
        return say_helo();
    case state::starttls:
        if (got.code == 220) {
            state_ = state::handshake;
            return {.output = {}, .then = replay_next::start_tls};
        }
        if (tls_ == backend_tls::require)
            return fail("backend answered STARTTLS with " + short_text(got));
        return say_helo();
    case state::helo:
        if (is_refusal_of_client(got)) return refuse(got);
        if (got.code != 250) return fail("backend answered EHLO with " + short_text(got));
        if (to_upper(what_.helo.substr(0, 4)) == "EHLO") offered_.emplace(got);
        return say_mail();
    case state::mail:
        if (got.code == 250) return end(replay_next::ready);
        if ((!got.is_transient() && !got.is_permanent()) || is_about_protocol(got.code))
            return fail("backend answered MAIL with " + short_text(got));
        return refuse(got);
    case state::handshake:
    case state::done: break;
    }
    FENDMAIL_ASSERT(false);
    return {};
}

replay_step replay_dialog::say_helo()
{
    return what_.helo.empty() ? say_mail() : say(what_.helo, state::helo);
}

replay_step replay_dialog::say_mail()
{
    return what_.mail.empty() ? end(replay_next::ready) : say(what_.mail, state::mail);
}

replay_step replay_dialog::say(std::string_view line, state next)
{
    state_ = next;
    reader_.reset();
    return {.output = fmt::format("{}\r\n", line), .then = replay_next::read};
}

replay_step replay_dialog::end(replay_next how)
{
    state_ = state::done;
    return {.output = {}, .then = how};
}

replay_step replay_dialog::refuse(const reply& got)
{
    refusal_ = got;
    return end(replay_next::refused);
}

replay_step replay_dialog::fail(std::string why)
{
    failure_text_ = std::move(why);
    return end(replay_next::failed);
}

std::string_view to_string(backend_tls t) noexcept
{
    switch (t) {
    case backend_tls::none: return "none";
    case backend_tls::opportunistic: return "opportunistic";
    case backend_tls::require: return "require";
    }
    return "?";
}

std::string_view to_string(replay_next n) noexcept
{
    switch (n) {
    case replay_next::read: return "read";
    case replay_next::start_tls: return "start_tls";
    case replay_next::ready: return "ready";
    case replay_next::refused: return "refused";
    case replay_next::failed: return "failed";
    }
    return "?";
}

} // namespace fendmail::smtp
