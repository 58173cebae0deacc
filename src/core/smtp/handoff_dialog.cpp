// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/handoff_dialog.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/smtp/extensions.hpp"
#include "fendmail/core/smtp/xclient.hpp"

#include <fmt/format.h>

#include <algorithm>
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

/// Not of the client whose address came with XCLIENT: Postfix answers "550 5.7.0 Error:
/// insufficient authorization", and 5.7.1 where its rules do not want the client.
bool is_refusal_of_command(const reply& r)
{
    constexpr int first_of_policy = 550;
    return r.is_permanent() &&
           (r.code < first_of_policy || (r.code == first_of_policy && r.enhanced != "5.7.1"));
}

} // namespace

handoff_dialog::handoff_dialog(handoff_kind kind, std::string hostname, const endpoint& client,
                               const endpoint& local)
    : kind_{kind}
    , hostname_{std::move(hostname)}
    , client_{client}
    , local_{local}
{
}

handoff_step handoff_dialog::on_octets(std::string_view octets)
{
    FENDMAIL_ASSERT(state_ != state::ready);
    if (state_ == state::failed) return {.output = {}, .then = handoff_next::failed};

    has_heard_ = true;
    const result<std::size_t> taken = reader_.feed(octets);
    if (!taken)
        return fail(
            fmt::format("backend sent no SMTP {}: {}", awaited(state_), message(taken.error())));
    if (!reader_.complete()) return {};
    return on_reply(reader_.get(), octets.substr(*taken));
}

handoff_step handoff_dialog::on_eof()
{
    FENDMAIL_ASSERT(state_ != state::ready);
    if (state_ == state::failed) return {.output = {}, .then = handoff_next::failed};
    return fail(fmt::format("backend closed the connection before its {}", awaited(state_)));
}

handoff_step handoff_dialog::on_time_limit()
{
    FENDMAIL_ASSERT(state_ != state::ready);
    if (state_ == state::failed) return {.output = {}, .then = handoff_next::failed};
    return fail(
        fmt::format("time limit exceeded while waiting for the backend's {}", awaited(state_)));
}

const std::string& handoff_dialog::greeting_raw() const
{
    FENDMAIL_ASSERT(state_ == state::ready);
    return greeting_raw_;
}

std::string_view handoff_dialog::awaited(state s) noexcept
{
    switch (s) {
    case state::greeting: return "greeting";
    case state::ehlo: return "reply to EHLO";
    case state::xclient: return "reply to XCLIENT";
    case state::ready:
    case state::failed: break;
    }
    return "end";
}

handoff_step handoff_dialog::on_reply(const reply& got, std::string_view behind)
{
    switch (state_) {
    case state::greeting: return on_greeting(got, behind);
    case state::ehlo: return on_ehlo_reply(got, behind);
    case state::xclient: return on_xclient_reply(got, behind);
    case state::ready:
    case state::failed: break;
    }
    FENDMAIL_ASSERT(false);
    return {};
}

handoff_step handoff_dialog::on_greeting(const reply& got, std::string_view behind)
{
    if (got.is_transient() || got.is_permanent()) {
        backend_reply_ = got;
        const auto why = "backend refused with " + short_text(got);
        // Before the greeting there was nothing to take for early talk but the header.
        return kind_ == handoff_kind::proxy && is_about_early_talk(got) ? fail_as_mistaken(why)
                                                                        : fail(why);
    }
    if (got.code != 220) return fail("backend greeted with " + short_text(got));

    switch (kind_) {
    case handoff_kind::greeting_only: return finish(behind);
    case handoff_kind::proxy: return behind.empty() ? finish({}) : fail_at_surplus(behind);
    case handoff_kind::xclient: break;
    }
    // What a backend says unasked would be taken for its reply to EHLO.
    if (!behind.empty()) return fail("backend sent more than its greeting");
    return say("EHLO " + hostname_, state::ehlo);
}

handoff_step handoff_dialog::on_ehlo_reply(const reply& got, std::string_view behind)
{
    if (got.code != 250) return fail("backend answered EHLO with " + short_text(got));
    if (!behind.empty()) return fail("backend sent more than its reply to EHLO");

    const extensions offered{got};
    if (!offered.has("XCLIENT")) return fail_as_mistaken("backend does not offer XCLIENT to us");
    const std::optional<std::string> line = xclient_command(offered, client_, local_);
    if (!line) return fail_as_mistaken("backend offers XCLIENT without ADDR");
    return say(*line, state::xclient);
}

handoff_step handoff_dialog::on_xclient_reply(const reply& got, std::string_view behind)
{
    if (got.code != 220) {
        auto why = "backend answered XCLIENT with " + short_text(got);
        if (is_refusal_of_command(got)) return fail_as_mistaken(std::move(why));
        // It stands for a greeting, and this is the one that such a client gets.
        if (got.is_permanent()) backend_reply_ = got;
        return fail(std::move(why));
    }
    return finish(behind);
}

handoff_step handoff_dialog::say(std::string_view line, state next)
{
    state_ = next;
    reader_.reset();
    return {.output = fmt::format("{}\r\n", line), .then = handoff_next::read};
}

handoff_step handoff_dialog::finish(std::string_view behind)
{
    state_ = state::ready;
    greeting_raw_ = reader_.raw();
    greeting_raw_ += behind;
    return {.output = {}, .then = handoff_next::ready};
}

handoff_step handoff_dialog::fail(std::string why)
{
    state_ = state::failed;
    failure_text_ = std::move(why);
    return {.output = {}, .then = handoff_next::failed};
}

handoff_step handoff_dialog::fail_as_mistaken(std::string why)
{
    about_ = identity::mistaken;
    return fail(std::move(why));
}

/// Nothing was said to the backend but the header.
handoff_step handoff_dialog::fail_at_surplus(std::string_view behind)
{
    const auto line = behind.substr(0, std::min(behind.find_first_of("\r\n"), behind.size()));
    const auto text = line.substr(0, limits::log_text_octets);
    if (is_farewell(behind)) return fail(fmt::format("backend took leave with {}", text));
    return fail_as_mistaken(
        fmt::format("backend answered the PROXY header, behind its greeting, with {}", text));
}

std::string_view to_string(handoff_kind k) noexcept
{
    switch (k) {
    case handoff_kind::greeting_only: return "greeting_only";
    case handoff_kind::proxy: return "proxy";
    case handoff_kind::xclient: return "xclient";
    }
    return "?";
}

std::string_view to_string(handoff_next n) noexcept
{
    switch (n) {
    case handoff_next::read: return "read";
    case handoff_next::ready: return "ready";
    case handoff_next::failed: return "failed";
    }
    return "?";
}

} // namespace fendmail::smtp
