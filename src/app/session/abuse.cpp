// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/connect.hpp"
#include "fendmail/core/units.hpp"
#include "fendmail/io/os/clock.hpp"
#include "session_impl.hpp"

#include <algorithm>
#include <exception>
#include <fmt/format.h>
#include <utility>
#include <variant>

// What a session does about clients that come too often or are banned, and what it reports of its
// own one.
namespace fendmail::app {

namespace {

std::optional<abuse::offence> offence_of(screen::test failed) noexcept
{
    switch (failed) {
    case screen::test::pregreet: return abuse::offence::pregreet;
    case screen::test::dnsbl: return abuse::offence::dnsbl;
    case screen::test::pipelining: return abuse::offence::pipelining;
    case screen::test::non_smtp_command: return abuse::offence::non_smtp_command;
    case screen::test::bare_newline: return abuse::offence::bare_newline;
    }
    return std::nullopt;
}

std::string reply_to_banned(const network& who, const ip_address& client, std::string_view why,
                            seconds left)
{
    const bool is_one = who.prefix_length == who.address.bits();
    return fmt::format("Service unavailable; client [{}] is banned{} for {}: {}", to_text(client),
                       is_one ? "" : fmt::format(" with its network {}", to_text(who)),
                       age_text(left), why);
}

} // namespace

/// A client that is known is not counted against.
bool session::is_spared() const noexcept
{
    return is_acquainted_ || screener_.has_passed_any();
}

/// @param of_networks the bans of networks, which spare clients that have passed; else all others
/// @return what becomes of it; nothing when it is not banned, or nothing comes of that
std::optional<screen::step> session::consult_bans(bool of_networks)
{
    // One that is refused for good hears that, and one that we know is not banned.
    if (is_acquainted_ || screener_.refusal() != nullptr) return std::nullopt;
    const instant now = io::wall_now();
    const auto found = env_.abuse.banned(client_.address, now);
    if (!found || found->what->is_of_network != of_networks) return std::nullopt;
    if (of_networks && is_spared()) return std::nullopt;
    const auto action = config().bans.rules.action;
    const auto left = found->what->until - now;
    emit(event::banned_client{client_, found->who, found->what->why, left, action});
    switch (action) {
    case abuse::ban_action::ignore: return std::nullopt;
    case abuse::ban_action::defer:
        send_away_ = smtp::to_wire(smtp::make_reply(
            421, "4.7.0", reply_to_banned(found->who, client_.address, found->what->why, left)));
        return screen::step::defer;
    case abuse::ban_action::enforce:
        return screener_.on_ban(
            reply_to_banned(found->who, client_.address, found->what->why, left));
    case abuse::ban_action::drop: send_away_.emplace(); return screen::step::drop;
    }
    return std::nullopt;
}

screen::step session::consult_rates(screen::step step)
{
    if (step == screen::step::hand_off || is_spared()) return step;
    if (const auto over = env_.abuse.on_connection(client_.address, io::steady_now()))
        (void)is_sent_away_for(*over);
    return step;
}

bool session::is_sent_away_for(const abuse_watch::excess& why)
{
    const auto action = config().rates.action;
    emit(event::rate_exceeded{client_, why.which, why.who, why.allowed, action});
    switch (action) {
    case abuse::rate_action::ignore: return false;
    case abuse::rate_action::defer:
        send_away_ = smtp::to_wire(
            smtp::make_reply(421, "4.7.0",
                             fmt::format("Error: too many {} from {}, come again later",
                                         event::words_of(why.which), event::name_of(why.who))));
        break;
    case abuse::rate_action::drop: send_away_.emplace(); break;
    }
    offences_.add(abuse::offence::rate);
    return true;
}

/// Whether what the dialog says now is one thing too many of its client.
bool session::is_too_much(const smtp::step& last)
{
    if (is_spared()) return false;
    const tick now = io::steady_now();
    const auto exceeds = [&](abuse::rate which) {
        const auto over = env_.abuse.on(which, client_.address, now);
        return over && is_sent_away_for(*over);
    };
    bool is_over = last.then == smtp::next::start_tls && exceeds(abuse::rate::tls_handshakes);
    for (const auto& one : last.notes)
        if (std::holds_alternative<smtp::recipient_refused>(one))
            is_over = exceeds(abuse::rate::refused_recipients) || is_over;
    return is_over;
}

io::awaitable<void> session::send_away(std::unique_ptr<session> self)
{
    session& s = *self;
    s.outcome_ = std::make_unique<outcome>();
    // Or a flood from one address would fill the places of all others while it is being refused.
    s.admission_.leave_screening();
    co_await s.send_away_from_dialog();
}

/// Says what there is to say, if there is, and closes.
io::awaitable<void> session::send_away_from_dialog()
{
    const bool is_silent = send_away_->empty();
    is_silent ? verdict_.on_drop() : verdict_.on_deferral();
    outcome_->trouble = offences_.has(abuse::offence::rate) ? "rate" : "banned";
    outcome_->reasons = outcome_->trouble;
    ended_by_ = event::ended_by::fendmail;
    if (is_silent) co_return stream_.close();
    outcome_->reply = *send_away_;
    while (outcome_->reply.ends_with('\n') || outcome_->reply.ends_with('\r'))
        outcome_->reply.pop_back();
    co_await say_and_linger(env_, stream_, *send_away_);
}

/// What has no consequence for the client has none later either.
void session::note_offence(screen::test failed) noexcept
{
    const auto which = offence_of(failed);
    if (which && action_of(failed) != screen::action::ignore) offences_.add(*which);
}

void session::note_relayed(const smtp::reply_watch& seen) noexcept
{
    was_handed_off_ = true;
    // What TLS hides counts for the client.
    has_mail_accepted_ = seen.accepted() != 0 || seen.is_blind();
    if (smtp::is_harvest(seen)) offences_.add(abuse::offence::unknown_recipients);
}

void session::report_client() noexcept
try {
    // Who is on an allowlist is not banned for a mistake.
    if (!offences_.empty()) {
        // Its score may have been clear before each list had answered.
        const auto kept = env_.lookups.cached_listings(client_.address, *snapshot_->dnsbl_sites);
        if (kept) score_.listings = kept;
    }
    if (score_.is_allowed_by_list() || is_acquainted_) offences_ = {};
    if (offences_.empty() && !was_handed_off_) return;
    env_.abuse.report({client_.address, offences_, was_handed_off_, has_mail_accepted_});
} catch (const std::exception&) {
    // No memory: nothing is held against it.
}

/// As the screener's, and what was spoken before its turn where that is no SMTP.
std::string session::reasons() const
{
    auto all = screener_.reasons();
    constexpr std::string_view word = "pregreet";
    const bool is_named = spoke_ != smtp::speech::unknown && spoke_ != smtp::speech::smtp;
    if (const auto at = all.find(word); is_named && at != std::string::npos)
        all.insert(at + word.size(), fmt::format(":{}", to_string(spoke_)));
    return all;
}

} // namespace fendmail::app
