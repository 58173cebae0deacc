// SPDX-License-Identifier: Apache-2.0
#include "backend_link.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/core/smtp/backend_trouble.hpp"
#include "fendmail/io/backend/connector.hpp"
#include "fendmail/io/backend/relay_session.hpp"
#include "fendmail/io/os/clock.hpp"
#include "session_impl.hpp"

namespace fendmail::app {

namespace {

/// Why a client is not sent there; told for all of them when it began.
constexpr std::string_view suspended = "it does not take the addresses of clients";

io::opened not_opened(std::string_view reason)
{
    io::opened none;
    none.reason = reason;
    return none;
}

std::string_view reason_of(const io::relay_outcome& done) noexcept
{
    return smtp::reason_of_relay(done.fault, done.moved.idle, done.had_false_end);
}

} // namespace

void session::tell_backend_failed(std::string_view reason, smtp::identity about) noexcept
{
    const auto& name = snapshot_->backend->name();
    auto& identity = *snapshot_->identity;
    if (reason == suspended) return identity.on_turned_away(); // was told, for all
    if (about == smtp::identity::mistaken)
        return identity.on_mistaken(env_.events, name, reason, snapshot_->backend->traits().advice,
                                    true, io::steady_now());
    identity.want_probe();
    snapshot_->backend_health->on_failure(env_.events, {client_, admission_.id()}, name, reason,
                                          io::steady_now());
}

void session::tell_backend_works() noexcept
{
    snapshot_->backend_health->on_success(env_.events, snapshot_->backend->name(),
                                          io::steady_now());
}

void session::tell_identity_taken(tick when) noexcept
{
    snapshot_->identity->on_taken(env_.events, snapshot_->backend->name(), when);
}

/// Whether any client may be sent there. Elsewhere each session finds out for itself before
/// anything can go wrong; where sockets are passed, the first probe is waited for.
io::awaitable<bool> session::may_use_backend()
{
    constexpr milliseconds between_looks{20};
    constexpr int looks_max = 100;
    outcome_->backend = snapshot_->backend->name();
    const auto& identity = *snapshot_->identity;
    if (snapshot_->backend->passes_sockets() && identity.is_unknown()) {
        io::steady_timer pause{stream_.get_executor()};
        for (int looks = 0; identity.is_unknown() && looks < looks_max; ++looks) {
            pause.expires_after(between_looks);
            co_await pause.async_wait(io::no_throw);
            if (!stream_.is_open()) co_return true;
        }
    }
    co_return !identity.is_mistaken();
}

void session::tell_way_in()
{
    verdict_.on_hand_off(screener_.how(), screener_.is_new_client());
    if (const auto is_new = screen::passes_as_new(verdict_.value()))
        emit(event::passed{client_, *is_new});
}

/// All that comes before a connection with the backend, for every kind of it and of client.
io::awaitable<io::opened> session::open_backend(backend_link& link)
{
    auto& shared = env_.sessions.shared();
    auto& backend = *snapshot_->backend;
    if (!co_await may_use_backend()) co_return not_opened(suspended);
    if (!shared.has_room_for_backend())
        co_return not_opened("no descriptors are left for it; raise the limit (LimitNOFILE=)");
    link.descriptor.emplace(shared.descriptors);
    std::optional<counted> in_transit;
    if (backend.passes_sockets()) in_transit.emplace(shared.handing_off);
    if (link.request.may_pass && screen::may_wait_in_transit(limits(), load()))
        link.request.wakes = &env_.wakes;
    co_return co_await backend.open(link.request, link.server);
}

io::awaitable<void> session::hand_off()
{
    const auto remembered = memory();
    // Another session of the client may have passed more than this one.
    const instant now = io::wall_now();
    if (screen::was_tested(screener_.how())) screener_.on_latest_record(remembered.get(now));
    tell_way_in();
    if (const auto record = screener_.record_to_store(now)) remembered.put(*record, now);
    enter(event::phase::hand_off);
    admission_.leave_screening();
    admission_.set_at_stop(registry::at_stop::stay);

    const tick begun = io::steady_now();
    std::optional<backend_link> link;
    link.emplace(*this, true);
    const auto opened = co_await open_backend(*link);
    outcome_->hand_off_time = opened.until_ready;
    switch (opened.end) {
    case io::open_end::passed:
        backend_has_it_ = true;
        // What becomes of it there is not seen; so it counts for the client.
        was_handed_off_ = has_mail_accepted_ = true;
        tell_backend_works();
        ended_by_ = event::ended_by::backend;
        co_return;
    case io::open_end::greeted: {
        auto done = co_await relay_new(*link, opened);
        link.reset();
        co_await end_relay_of_new(done, begun + opened.until_ready, opened.is_taken);
        co_return;
    }
    case io::open_end::lost:
        tell_backend_failed(opened.reason, opened.about);
        verdict_.on_deferral();
        ended_by_ = event::ended_by::fendmail;
        co_return;
    case io::open_end::failed: break;
    }
    link.reset();
    tell_backend_failed(opened.reason, opened.about);
    co_await answer_for_backend(opened);
}

/// The client has not been in our dialog: it hears the backend's greeting first.
io::awaitable<io::relay_outcome> session::relay_new(backend_link& link, const io::opened& opened)
{
    auto& backend = *snapshot_->backend;
    io::relay_session_options options;
    options.idle_limit = backend.traits().idle_limit;
    if (smtp::is_guarded(config().backend.data, smtp::backend_need::greeting))
        options.guard.emplace();
    options.greeting = opened.greeting;
    options.hide_ehlo = hidden_keywords();
    if (backend.traits().sends_header)
        options.unproven.emplace(io::unproven_header{backend, link.request});
    smtp::reply_watch seen;
    options.watch = &seen;
    auto done = co_await io::relay_session(stream_, link.server, env_.deadlines, options);
    note_relayed(seen);
    co_return done;
}

io::awaitable<void> session::end_relay_of_new(io::relay_outcome& done, tick greeted, bool is_taken)
{
    outcome_->octets_in = done.moved.octets_in;
    outcome_->octets_out = done.moved.octets_out;
    if (!done.cut.empty()) {
        co_await cut_off(done);
        co_return;
    }
    backend_has_it_ = true;
    tell_backend_works();
    if (is_taken || done.is_taken) tell_identity_taken(greeted);
    phase_ = event::phase::relay;
    const auto why = reason_of(done);
    if (!why.empty()) outcome_->reasons = why;
    co_await end_relay(done);
}

/// Behind a teaser no 4xx may follow at once: "220-" has to be completed by a 220, and the first
/// command gets the reply.
io::awaitable<void> session::answer_for_backend(const io::opened& opened)
{
    verdict_.on_deferral();
    outcome_->reasons = "backend_unavailable";
    co_await complete_greeting(
        smtp::answer_without_backend(smtp::backend_need::greeting, opened.refusal));
}

/// It has seen the backend's greeting, but nothing of it may go there.
io::awaitable<void> session::cut_off(const io::relay_outcome& done)
{
    tell_backend_failed(done.cut, done.about);
    verdict_.on_deferral();
    outcome_->reasons = "backend_unavailable";
    if (!stream_.is_open()) {
        ended_by_ = event::ended_by::fendmail;
        co_return;
    }
    co_await say_and_close(smtp::make_reply(421, "4.3.2", "All server ports are busy"));
}

/// Says why the client gets no further, in the way that a teaser allows.
io::awaitable<void> session::complete_greeting(smtp::reply answer)
{
    if (!stream_.is_open()) {
        ended_by_ = event::ended_by::fendmail;
        co_return;
    }
    if (!teaser_sent_) {
        co_await say_and_close(std::move(answer));
        co_return;
    }
    outcome_->reply = smtp::to_log(answer);
    remembered_ = true; // with the hand-off
    admission_.set_at_stop(registry::at_stop::wake);
    co_await talk(smtp::dialog::answering_once(config().dialog, std::move(answer), footer()));
}

// ── from our dialog to the backend ────────────────────────────────────────────────────────────

/// Opens the way, and repeats there what the client has said.
io::awaitable<io::replay_result> session::replay(const smtp::dialog& dialog, backend_link& link)
{
    auto opened = co_await open_backend(link);
    if (opened.end != io::open_end::greeted) {
        io::replay_result none;
        none.reason = std::move(opened.reason);
        none.refusal = std::move(opened.refusal);
        none.about = opened.about;
        co_return none;
    }
    io::replay_options what;
    what.replay = dialog.what_to_replay();
    what.hostname = config().hostname;
    // What came to us encrypted may go on so; what did not gains nothing by it.
    if (stream_.is_encrypted()) what.tls = config().backend.tls;
    what.tls_context = snapshot_->backend_tls.get();
    const auto& traits = snapshot_->backend->traits();
    io::deadline limit{env_.deadlines, link.server};
    limit.set_after(traits.greeting_limit);
    co_return co_await io::replay_to(link.server, what, limit, traits.sends_header);
}

/// The client has passed its deep tests and named a recipient, or wants something that only the
/// backend can give it.
/// @return what the dialog says when the backend cannot be had; nothing when the session is over
io::awaitable<std::optional<smtp::step>> session::hand_off_from(smtp::dialog& dialog)
{
    // What is relayed from here on is not looked at.
    FENDMAIL_ASSERT(!dialog.is_for_open_recipient());
    remember();
    admission_.set_at_stop(registry::at_stop::stay);
    const tick begun = io::steady_now();
    std::optional<backend_link> link;
    link.emplace(*this, false);
    const auto result = co_await replay(dialog, *link);
    if (!stream_.is_open()) { // an orderly stop closed it
        ended_by_ = event::ended_by::fendmail;
        co_return std::nullopt;
    }
    if (result.end != io::replay_end::ready) admission_.set_at_stop(registry::at_stop::wake);
    // Behind STARTTLS it may offer AUTH, which no client must be offered in plain text by that.
    if (result.offered && !link->server.is_encrypted()) snapshot_->offers->note(*result.offered);
    std::string trouble;
    // It has answered.
    if (result.end != io::replay_end::failed)
        trouble = smtp::misfit_of({result.refusal,
                                   result.offered && !dialog.offered_what(*result.offered),
                                   stream_.is_encrypted()});
    if (!trouble.empty()) {
        snapshot_->backend_health->on_misfit(env_.events, client_, snapshot_->backend->name(),
                                             trouble, io::steady_now());
        outcome_->trouble = "backend_unavailable";
        admission_.set_at_stop(registry::at_stop::wake);
        co_return dialog.on_backend_refused(
            smtp::answer_without_backend(smtp::backend_need::mail, std::nullopt));
    }
    switch (result.end) {
    case io::replay_end::ready:
        tell_backend_works();
        if (snapshot_->backend->traits().tells_client) tell_identity_taken(begun);
        break;
    case io::replay_end::refused:
        outcome_->trouble = "backend_refused";
        co_return dialog.on_backend_refused(*result.refusal);
    case io::replay_end::failed:
        tell_backend_failed(result.reason, result.about);
        outcome_->trouble = "backend_unavailable";
        co_return dialog.on_backend_refused(
            smtp::answer_without_backend(smtp::backend_need::mail, result.refusal));
    }
    outcome_->hand_off_time = between(begun, io::steady_now());
    auto done =
        co_await relay_rest(dialog, *link, result.offered && result.offered->has("CHUNKING"));
    link.reset();
    outcome_->trouble = reason_of(done);
    outcome_->octets_in = done.moved.octets_in;
    outcome_->octets_out = done.moved.octets_out;
    co_await end_relay(done);
    co_return std::nullopt;
}

/// What comes behind what was repeated.
io::awaitable<io::relay_outcome> session::relay_rest(const smtp::dialog& dialog, backend_link& link,
                                                     bool backend_has_chunking)
{
    admission_.leave_screening();
    decided_ = io::steady_now();
    enter(event::phase::relay);
    backend_has_it_ = true;
    verdict_.on_relay(screener_.passed_in_dialog(), screener_.is_new_client());
    io::relay_session_options options;
    options.idle_limit = snapshot_->backend->traits().idle_limit;
    if (smtp::is_guarded(config().backend.data, smtp::backend_need::mail))
        options.guard.emplace(smtp::guard_options{.has_chunking = backend_has_chunking});
    options.held = dialog.octets_to_relay();
    options.hide_ehlo = hidden_keywords();
    smtp::reply_watch seen;
    options.watch = &seen;
    auto done = co_await io::relay_session(stream_, link.server, env_.deadlines, options);
    note_relayed(seen);
    co_return done;
}

/// The backend has gone; what the client has to hear of that.
io::awaitable<void> session::end_relay(io::relay_outcome& done)
{
    const auto ended_by = done.moved.ended_by;
    ended_by_ = ended_by;
    if (done.fault)
        emit(event::relay_stopped{client_, smtp::to_string(done.fault->kind),
                                  smtp::to_string(done.fault->place), done.fault->offset});
    if (!stream_.is_open()) co_return;
    // A client that has closed and was read to the end can lose nothing.
    if (done.moved.client_ended && !done.last_words) co_return;
    if (done.last_words)
        co_await say_and_close(std::move(*done.last_words));
    else
        co_await lingering_close(env_, stream_);
    ended_by_ = ended_by;
}

} // namespace fendmail::app
