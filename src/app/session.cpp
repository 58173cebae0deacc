// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/session.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/io/clock.hpp"
#include "session_early.hpp"

#include <fmt/format.h>

namespace fendmail::app {

session::session(worker& where, std::shared_ptr<const service> what, io::unique_fd connected,
                 const endpoint& client, const endpoint& local)
    : worker_{where}
    , service_{std::move(what)}
    , stream_{where.context().get_executor(), std::move(connected)}
    , client_{client}
    , local_{local}
    , accepted_{io::steady_now()}
    , phase_begun_{accepted_}
    , member_{streams_, stream_}
    , ticket_{where.sessions(), screen::client_key{client.address, 32, config().limit_ipv6_prefix},
              streams_, config().screening_limit}
    , screener_{config().screening, client.address}
{
    emit(event::connected{client_, local_});
}

session::~session()
{
    const tick now = io::steady_now();
    if (!backend_has_it_) emit(event::disconnected{client_});
    event::session_ended summary;
    summary.session = ticket_.id();
    summary.client = client_;
    summary.local = local_;
    summary.verdict = verdict_;
    summary.ended_by = ended_by_;
    summary.phase = phase_;
    summary.dnsbl_score = score_;
    summary.dnsbl_complete = score_complete_;
    if (listings_) summary.dnsbl_lists = *listings_;
    summary.dnsbl_retries = score_retries_;
    if (is_private_) summary.dnsbl_skipped = "private_address";
    summary.screening = between(accepted_, decided_ == tick{} ? now : decided_);
    summary.total = between(accepted_, now);
    if (early_) summary.late_wait = early_->late_wait(now); // it left while it waited
    if (outcome_) {
        summary.late_wait = outcome_->late_wait;
        summary.reasons = outcome_->reasons;
        summary.reply = outcome_->reply;
        summary.helo = outcome_->helo;
        summary.hand_off = outcome_->hand_off_time;
        summary.octets_in = outcome_->octets_in;
        summary.octets_out = outcome_->octets_out;
    }
    emit(summary);
}

void session::begin(std::unique_ptr<session> self)
{
    session& s = *self;
    if (const auto why = s.refused_at_connect())
        return s.worker_.spawn(refuse(std::move(self), *why));
    auto step = s.consult_access_list();
    if (step == screen::step::look_up_record) step = s.consult_store();
    if ((step == screen::step::run_early_tests || step == screen::step::run_dialog) &&
        s.is_vetoed()) {
        s.emit(event::vetoed{s.client_, s.local_});
        step = s.screener_.on_veto();
    }
    if (step != screen::step::hand_off) s.worker_.gathering().on_unknown_client();
    // Whoever is known or permitted is not screened and needs no place among those who are.
    if (step != screen::step::hand_off && s.is_screening_full())
        return s.worker_.spawn(
            refuse(std::move(self), event::connect_refusal::all_screening_ports_busy));
    if (step == screen::step::run_early_tests) return run_early_tests(std::move(self));
    decide(std::move(self), step);
}

void session::decide(std::unique_ptr<session> self, screen::step step)
{
    self->decided_ = io::steady_now();
    self->outcome_ = std::make_unique<outcome>();
    self->outcome_->reasons = self->screener_.reasons();
    if (self->early_) self->outcome_->late_wait = self->early_->late_wait(self->decided_);
    self->early_.reset();
    worker& where = self->worker_;
    where.spawn(follow(std::move(self), step));
}

// ── decisions at connect ──────────────────────────────────────────────────────────────────────

std::optional<event::connect_refusal> session::refused_at_connect() noexcept
{
    const auto of_client = config().clients_per_address;
    if (of_client != 0 && ticket_.of_client() > of_client)
        return event::connect_refusal::too_many_connections;
    const auto in_transit = worker_.sessions().shared().handing_off.load();
    if (service_->backend->passes_sockets() && config().handing_off_limit != 0 &&
        in_transit >= config().handing_off_limit)
        return event::connect_refusal::all_server_ports_busy;
    return std::nullopt;
}

bool session::is_screening_full() noexcept
{
    const auto limit = config().screening_limit;
    return limit != 0 && worker_.sessions().shared().screening.load() > limit;
}

bool session::is_vetoed() const noexcept
{
    const auto& interfaces = config().allowlist_interfaces;
    if (interfaces.empty()) return false;
    const auto found = interfaces.find(local_.address);
    return !found || found->decision == acl::decision::reject;
}

screen::step session::consult_access_list()
{
    const auto found = config().access.find(client_.address);
    if (found) {
        switch (found->decision) {
        case acl::decision::permit: emit(event::allowlisted{client_, found->rule}); break;
        case acl::decision::reject: emit(event::denylisted{client_, found->rule}); break;
        }
    }
    if (!found && worker_.senders() != nullptr)
        if (const auto domain = worker_.senders()->find(client_.address))
            return greet_sender(*domain);
    return screener_.on_access(found);
}

screen::step session::greet_sender(std::string_view domain)
{
    emit(event::known_sender{client_, domain, config().screening.known_senders});
    const auto step = screener_.on_known_sender();
    if (step != screen::step::hand_off) return step;
    const std::string rule = fmt::format("known_senders {}", domain);
    emit(event::allowlisted{client_, rule});
    return step;
}

screen::step session::consult_store()
{
    std::optional<screen::client_record> known;
    const instant now = io::wall_now();
    if (screener_.may_use_record()) known = memory().get(now);
    const auto step = screener_.on_record(known, now);
    // Nobody asks the lists about it, but what they said last time may still be known.
    if (!screener_.tests_to_run().todo[screen::test::dnsbl])
        listings_ = worker_.lookups().kept_listings(client_.address, *service_->dnsbl_sites);
    return step;
}

io::awaitable<void> session::follow(std::unique_ptr<session> self, screen::step step)
{
    session& s = *self;
    const bool is_refused = step == screen::step::drop || s.screener_.refusal() != nullptr;
    if (!is_refused && s.is_withheld_) {
        co_await s.defer();
        co_return;
    }
    switch (step) {
    case screen::step::hand_off: co_await s.hand_off(); co_return;
    case screen::step::drop:
        s.verdict_ = event::verdict::dropped;
        co_await s.say_and_close(*s.screener_.refusal());
        co_return;
    case screen::step::run_dialog: co_await s.run_dialog(); co_return;
    case screen::step::keep_waiting: co_await s.dismiss(); co_return;
    case screen::step::look_up_record:
    case screen::step::run_early_tests: break;
    }
    FENDMAIL_ASSERT(false);
}

io::awaitable<void> session::refuse(std::unique_ptr<session> self, event::connect_refusal why)
{
    self->outcome_ = std::make_unique<outcome>();
    co_await self->refuse_connection(why);
}

io::awaitable<void> session::refuse_connection(event::connect_refusal why)
{
    emit(event::connect_refused{client_, why});
    // Or a flood from one address would fill the places of all others while it is being refused.
    ticket_.leave_screening();
    verdict_ = event::verdict::deferred;
    outcome_->reasons = event::to_string(why);
    switch (why) {
    case event::connect_refusal::too_many_connections:
        co_await say_and_close(smtp::make_reply(421, "4.7.0", "Error: too many connections"));
        break;
    case event::connect_refusal::all_screening_ports_busy:
        co_await say_and_close(smtp::make_reply(421, "4.3.2", "All screening ports are busy"));
        break;
    case event::connect_refusal::network_asked_too_much: break; // known only after the tests
    case event::connect_refusal::all_server_ports_busy:
        co_await say_and_close(smtp::make_reply(421, "4.3.2", "All server ports are busy"));
        break;
    }
}

io::awaitable<void> session::defer()
{
    emit(event::connect_refused{client_, event::connect_refusal::network_asked_too_much});
    verdict_ = event::verdict::deferred;
    outcome_->reasons = event::to_string(event::connect_refusal::network_asked_too_much);
    co_await complete_greeting(
        smtp::make_reply(421, "4.7.0", "Error: too many new clients from your network"));
}

/// At an orderly stop, a client that is still screened.
io::awaitable<void> session::dismiss()
{
    verdict_ = event::verdict::deferred;
    outcome_->reasons = stopping_reason;
    co_await complete_greeting(shutting_down());
}

smtp::reply session::shutting_down()
{
    return smtp::make_reply(421, "4.3.2", "Service shutting down");
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

void begin_session(worker& where, std::shared_ptr<const service> what, io::unique_fd connected,
                   const endpoint& client, const endpoint& local)
{
    session::begin(
        std::make_unique<session>(where, std::move(what), std::move(connected), client, local));
}

} // namespace fendmail::app
