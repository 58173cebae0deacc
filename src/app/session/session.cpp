// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/session/session.hpp"

#include "early_tests.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/io/os/clock.hpp"

#include <fmt/format.h>

namespace fendmail::app {

session::session(environment& env, incoming connection)
    : env_{env}
    , snapshot_{std::move(connection.what)}
    , stream_{env.context.get_executor(), std::move(connection.socket)}
    , client_{connection.client}
    , local_{connection.local}
    , accepted_{io::steady_now()}
    , phase_begun_{accepted_}
    , member_{streams_, stream_}
    , admission_{env.sessions, screen::client_key{client_.address, 32, config().limits.ipv6_prefix},
                 streams_, config().limits.screening}
    , screener_{config().screening, client_.address}
{
    emit(event::connected{client_, local_});
}

session::~session()
{
    const tick now = io::steady_now();
    if (!backend_has_it_) emit(event::disconnected{client_});
    event::session_ended summary;
    summary.client = client_;
    summary.local = local_;
    summary.verdict = verdict_.value();
    summary.ended_by = ended_by_;
    summary.phase = phase_;
    score_.write_to(summary);
    summary.screening = between(accepted_, decided_ == tick{} ? now : decided_);
    summary.total = between(accepted_, now);
    if (early_) summary.late_wait = early_->late_wait(now); // it left while it waited
    if (outcome_) outcome_->write_to(summary);
    emit(summary);
    report_client();
}

void session::begin(std::unique_ptr<session> self)
{
    session& s = *self;
    if (const auto why = screen::refused_at_connect(s.limits(), s.load()))
        return s.env_.spawn(refuse(std::move(self), *why));
    auto step = s.consult_access_list();
    std::optional<screen::step> banned;
    if (step == screen::step::look_up_record) banned = s.consult_bans(false);
    if (s.send_away_) return s.env_.spawn(send_away(std::move(self)));
    if (!banned && step == screen::step::look_up_record) {
        step = s.consult_store();
        if (step != screen::step::hand_off) banned = s.consult_bans(true);
        if (!banned) step = s.consult_rates(step);
        if (s.send_away_) return s.env_.spawn(send_away(std::move(self)));
    }
    if (banned) step = *banned;
    if (screen::screener::can_be_vetoed(step) &&
        !screen::can_earn_pass(s.config().allowlist_interfaces, s.local_.address)) {
        s.emit(event::vetoed{s.client_, s.local_});
        step = s.screener_.on_veto();
    }
    if (step != screen::step::hand_off) s.env_.wakes.on_unknown_client();
    if (step != screen::step::hand_off)
        if (const auto why = screen::refused_to_screen(s.limits(), s.load()))
            return s.env_.spawn(refuse(std::move(self), *why));
    if (step == screen::step::run_early_tests) return run_early_tests(std::move(self));
    decide(std::move(self), step);
}

void session::decide(std::unique_ptr<session> self, screen::step step)
{
    self->decided_ = io::steady_now();
    self->outcome_ = std::make_unique<outcome>();
    self->outcome_->reasons = self->reasons();
    if (self->early_) self->outcome_->late_wait = self->early_->late_wait(self->decided_);
    self->early_.reset();
    environment& env = self->env_;
    env.spawn(follow(std::move(self), step));
}

// ── decisions at connect ──────────────────────────────────────────────────────────────────────

screen::connect_limits session::limits() const noexcept
{
    return {config().limits.clients_per_address, config().limits.screening,
            config().limits.handing_off};
}

screen::connect_load session::load() const noexcept
{
    const auto& shared = env_.sessions.shared();
    const bool is_passed_on = snapshot_->backend->passes_sockets();
    return {admission_.of_client(), shared.screening.load(),
            is_passed_on ? shared.handing_off.load() : 0};
}

screen::step session::consult_access_list()
{
    std::optional<acl::match> found;
    const auto timed = env_.timed_rules; // its text is in use until the end of this
    const auto feeds = env_.feeds;       // likewise
    if (timed) found = timed->find(client_.address, io::wall_now());
    const auto origin = feeds && !found ? feeds->origin_of(client_.address) : acl::client_origin{};
    if (!found) found = config().access.find(client_.address, origin);
    if (!found && feeds) {
        const auto hits = feeds->find(client_.address, origin);
        count(hits);
        found = rule_of(hits);
    }
    if (found) {
        switch (found->decision) {
        case acl::decision::permit: emit(event::allowlisted{client_, found->rule}); break;
        case acl::decision::reject: emit(event::denylisted{client_, found->rule}); break;
        }
    }
    if (!found && env_.senders != nullptr)
        if (const auto domain = env_.senders->find(client_.address)) return greet_sender(*domain);
    if (!found && env_.recipients != nullptr)
        if (const auto host = env_.recipients->find(client_.address)) return greet_recipient(*host);
    return screener_.on_access(found);
}

screen::step session::greet_sender(std::string_view domain)
{
    is_acquainted_ = true;
    emit(event::known_sender{client_, domain, config().screening.known_senders});
    const auto step = screener_.on_known_sender();
    if (step != screen::step::hand_off) return step;
    const std::string rule = fmt::format("known_senders {}", domain);
    emit(event::allowlisted{client_, rule});
    return step;
}

screen::step session::greet_recipient(std::string_view host)
{
    is_acquainted_ = true;
    emit(event::known_recipient{client_, host, config().screening.known_recipients});
    const auto step = screener_.on_known_recipient();
    if (step != screen::step::hand_off) return step;
    const std::string rule = fmt::format("known_recipients {}", host);
    emit(event::allowlisted{client_, rule});
    return step;
}

screen::step session::consult_store()
{
    std::optional<screen::client_record> known;
    const instant now = io::wall_now();
    if (screener_.may_use_record()) known = memory().get(now);
    const auto step = screener_.on_record(known, now);
    // The lists are not asked about it, but what they said last time may still be known.
    if (!screener_.tests_to_run().todo[screen::test::dnsbl])
        score_.listings = env_.lookups.cached_listings(client_.address, *snapshot_->dnsbl_sites);
    return step;
}

io::awaitable<void> session::follow(std::unique_ptr<session> self, screen::step step)
{
    session& s = *self;
    step = s.screener_.last_step(step, s.score_.is_withheld);
    if (s.screener_.is_suspect(step) && s.env_.ask_grey) {
        step = co_await s.judge_suspect(step);
    }
    switch (step) {
    case screen::step::hand_off: co_await s.hand_off(); co_return;
    case screen::step::drop:
        s.verdict_.on_drop();
        co_await s.word_refusal();
        co_await s.say_and_close(*s.screener_.refusal());
        co_return;
    case screen::step::run_dialog:
        co_await s.word_refusal();
        co_await s.run_dialog();
        co_return;
    case screen::step::keep_waiting: co_await s.dismiss(); co_return;
    case screen::step::defer: co_await s.defer(); co_return;
    case screen::step::look_up_record:
    case screen::step::run_early_tests: break;
    }
    FENDMAIL_ASSERT(false);
}

io::awaitable<void> session::refuse(std::unique_ptr<session> self, screen::connect_refusal why)
{
    self->outcome_ = std::make_unique<outcome>();
    co_await self->refuse_connection(why);
}

io::awaitable<void> session::refuse_connection(screen::connect_refusal why)
{
    emit(event::connect_refused{client_, why});
    // Or a flood from one address would fill the places of all others while it is being refused.
    admission_.leave_screening();
    verdict_.on_deferral();
    outcome_->reasons = to_string(why);
    co_await say_and_close(screen::reply_to(why));
}

io::awaitable<void> session::defer()
{
    constexpr auto why = screen::connect_refusal::network_asked_too_much;
    emit(event::connect_refused{client_, why});
    verdict_.on_deferral();
    outcome_->reasons = to_string(why);
    co_await complete_greeting(screen::reply_to(why));
}

/// At an orderly stop, a client that is still screened.
io::awaitable<void> session::dismiss()
{
    verdict_.on_stop();
    outcome_->reasons = stopping_reason;
    co_await complete_greeting(screen::reply_at_stop());
}

// ── ends ──────────────────────────────────────────────────────────────────────────────────────

void session::enter(event::phase phase) noexcept
{
    phase_ = phase;
    phase_begun_ = io::steady_now();
}

void session::client_gone()
{
    if (!stream_.is_open()) { // an orderly stop closed it
        ended_by_ = event::ended_by::fendmail;
        return;
    }
    // A record that TLS cannot take ends a session as surely as the client could.
    if (const auto why = stream_.tls_error(); !why.empty()) {
        emit(event::tls_failed{client_, why});
        tls_failed_ = true;
    }
    emit(event::hung_up{client_, between(phase_begun_, io::steady_now()), phase_});
}

void begin_session(environment& env, incoming connection)
{
    session::begin(std::make_unique<session>(env, std::move(connection)));
}

} // namespace fendmail::app
