// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/backend_prover.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/io/clock.hpp"
#include "fendmail/io/guarded_relay.hpp"
#include "fendmail/io/relay.hpp"
#include "session_impl.hpp"

namespace fendmail::app {

namespace {

/// Why a client is not sent there; told for all of them when it began.
constexpr std::string_view suspended = "it does not take the addresses of clients";

smtp::reply unavailable()
{
    return smtp::make_reply(451, "4.3.2", "Service temporarily unavailable");
}

} // namespace

void session::tell_backend_failed(std::string_view reason, smtp::identity about) noexcept
{
    const auto& name = service_->backend->name();
    auto& identity = *service_->identity;
    if (reason == suspended) return identity.on_turned_away(); // was told, for all
    if (about == smtp::identity::mistaken)
        return identity.on_mistaken(worker_.events(), name, reason,
                                    how_to_mend(config().backend.kind), true, io::steady_now());
    identity.want_probe();
    service_->backend_health->on_failure(worker_.events(), client_, name, reason, io::steady_now());
}

void session::tell_backend_works() noexcept
{
    service_->backend_health->on_success(worker_.events(), service_->backend->name(),
                                         io::steady_now());
}

void session::tell_identity_taken(tick when) noexcept
{
    service_->identity->on_taken(worker_.events(), service_->backend->name(), when);
}

/// Whether anybody may be sent there. Elsewhere each session finds out for itself before anything
/// can go wrong; where sockets are passed, the first probe is waited for.
io::awaitable<bool> session::may_use_backend()
{
    constexpr milliseconds between_looks{20};
    constexpr int looks_max = 100;
    const auto& identity = *service_->identity;
    if (service_->backend->passes_sockets() && identity.is_unknown()) {
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
    switch (screener_.how()) {
    case screen::way_in::allowlisted: verdict_ = event::verdict::allowlisted; return;
    case screen::way_in::known:
        verdict_ = event::verdict::pass_old;
        emit(event::passed{client_, false});
        return;
    case screen::way_in::tested:
        verdict_ = screener_.is_new_client() ? event::verdict::pass_new : event::verdict::pass_old;
        emit(event::passed{client_, screener_.is_new_client()});
        return;
    case screen::way_in::tolerated: verdict_ = event::verdict::passed; return;
    case screen::way_in::none: break;
    }
    FENDMAIL_ASSERT(false);
}

io::awaitable<io::hand_off_result> session::connect_backend()
{
    auto& shared = worker_.sessions().shared();
    if (!co_await may_use_backend()) {
        io::hand_off_result turned_away;
        turned_away.reason = suspended;
        co_return turned_away;
    }
    if (!shared.has_room_for_backend()) {
        io::hand_off_result none_left;
        none_left.reason = "no descriptors are left for it; raise the limit (LimitNOFILE=)";
        co_return none_left;
    }
    const counted descriptor{shared.descriptors};
    std::optional<counted> in_transit;
    if (service_->backend->passes_sockets()) in_transit.emplace(shared.handing_off);
    // Where their number comes near its limit, none may count for longer than it takes: others
    // would be turned away for it.
    const auto limit = config().handing_off_limit;
    const bool may_gather = limit == 0 || shared.handing_off.load() * 2 < limit;
    io::hand_off_request request{stream_,          client_,
                                 local_,           worker_.deadlines(),
                                 streams_,         may_gather ? &worker_.gathering() : nullptr,
                                 hidden_keywords()};
    co_return co_await service_->backend->hand_off(request);
}

io::awaitable<void> session::hand_off()
{
    const auto remembered = memory();
    const bool was_tested =
        screener_.how() == screen::way_in::tested || screener_.how() == screen::way_in::tolerated;
    // Another session of the client may have passed more than this one.
    const instant now = io::wall_now();
    if (was_tested) screener_.on_latest_record(remembered.get(now));
    tell_way_in();
    if (const auto record = screener_.record_to_store(now)) remembered.put(*record, now);
    enter(event::phase::hand_off);
    ticket_.leave_screening();
    ticket_.set_at_stop(registry::at_stop::stay);

    const tick begun = io::steady_now();
    const auto result = co_await connect_backend();

    outcome_->hand_off_time = result.until_ready;
    outcome_->octets_in = result.octets_in;
    outcome_->octets_out = result.octets_out;
    switch (result.end) {
    case io::hand_off_end::passed_on:
        backend_has_it_ = true;
        tell_backend_works();
        ended_by_ = event::ended_by::backend;
        co_return;
    case io::hand_off_end::relayed:
        if (!result.reason.empty()) {
            co_await cut_off(result);
            co_return;
        }
        backend_has_it_ = true;
        tell_backend_works();
        if (result.is_taken) tell_identity_taken(begun + result.until_ready);
        phase_ = event::phase::relay;
        ended_by_ = result.ended_by;
        if (result.had_false_end) outcome_->reasons = "false_end";
        if (result.idle) outcome_->reasons = "idle";
        co_await end_relay(result.client_ended, result.fault, result.last_words);
        if (result.fault) outcome_->reasons = smtp::to_string(result.fault->kind);
        co_return;
    case io::hand_off_end::lost:
        tell_backend_failed(result.reason, result.about);
        verdict_ = event::verdict::deferred;
        ended_by_ = event::ended_by::fendmail;
        co_return;
    case io::hand_off_end::failed: break;
    }
    tell_backend_failed(result.reason, result.about);
    co_await answer_for_backend(result);
}

/// The client gets the backend's own 4xx, or a 421 of ours. A backend that greets with a 5xx (a
/// wrong port, a half-made configuration) would bounce all mail for good, so the client is told to
/// come back. Behind a teaser no 4xx may follow at once: "220-" has to be completed by a 220, and
/// the first command gets the reply.
io::awaitable<void> session::answer_for_backend(const io::hand_off_result& result)
{
    auto answer = result.refusal && result.refusal->is_transient()
                      ? *result.refusal
                      : smtp::make_reply(421, "4.3.2", "All server ports are busy");
    verdict_ = event::verdict::deferred;
    outcome_->reasons = "backend_unavailable";
    co_await complete_greeting(std::move(answer));
}

/// It has seen the backend's greeting, but nothing of it may go there.
io::awaitable<void> session::cut_off(const io::hand_off_result& result)
{
    tell_backend_failed(result.reason, result.about);
    verdict_ = event::verdict::deferred;
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
    ticket_.set_at_stop(registry::at_stop::wake);
    co_await talk(smtp::dialog::answering_once(config().dialog, std::move(answer), footer()));
}

// ── from our dialog to the backend ────────────────────────────────────────────────────────────

io::awaitable<io::resume_result> session::resume(const smtp::dialog& dialog, io::stream& server)
{
    auto& shared = worker_.sessions().shared();
    if (!co_await may_use_backend()) {
        io::resume_result turned_away;
        turned_away.reason = suspended;
        co_return turned_away;
    }
    if (!shared.has_room_for_backend()) {
        io::resume_result none_left;
        none_left.reason = "no descriptors are left for it; raise the limit (LimitNOFILE=)";
        co_return none_left;
    }
    std::optional<counted> in_transit;
    if (service_->backend->passes_sockets()) in_transit.emplace(shared.handing_off);
    io::resume_options what;
    what.replay = dialog.what_to_replay();
    what.hostname = config().hostname;
    // What came to us encrypted may go on so; what did not gains nothing by it.
    if (stream_.is_encrypted()) what.tls = config().backend.tls;
    what.tls_context = service_->backend_tls.get();
    io::hand_off_request request{stream_, client_, local_, worker_.deadlines(), streams_};
    co_return co_await service_->backend->resume(request, what, server);
}

/// The client has passed its deep tests and named a recipient, or wants something that only the
/// backend can give it.
/// @return what the dialog says when the backend cannot be had; nothing when the session is over
io::awaitable<std::optional<smtp::step>> session::go_on(smtp::dialog& dialog)
{
    remember();
    ticket_.set_at_stop(registry::at_stop::stay);
    const tick begun = io::steady_now();
    const counted descriptor{worker_.sessions().shared().descriptors};
    io::stream server{stream_.get_executor()};
    const io::stream_group::membership member{streams_, server};
    const auto result = co_await resume(dialog, server);
    if (!stream_.is_open()) { // an orderly stop closed it
        ended_by_ = event::ended_by::fendmail;
        co_return std::nullopt;
    }
    if (result.end != io::resume_end::ready) ticket_.set_at_stop(registry::at_stop::wake);
    // Behind STARTTLS it may offer AUTH, which nobody must be offered in plain text by that.
    if (result.offered && !server.is_encrypted()) service_->offers->note(*result.offered);
    if (const auto trouble = trouble_of_ours(result, dialog); !trouble.empty()) {
        service_->backend_health->on_misfit(worker_.events(), client_, service_->backend->name(),
                                            trouble, io::steady_now());
        outcome_->trouble = "backend_unavailable";
        ticket_.set_at_stop(registry::at_stop::wake);
        co_return dialog.on_backend_refused(unavailable());
    }
    switch (result.end) {
    case io::resume_end::ready:
        tell_backend_works();
        if (config().backend.kind != backend_kind::plain) tell_identity_taken(begun);
        break;
    case io::resume_end::refused:
        outcome_->trouble = "backend_refused";
        co_return dialog.on_backend_refused(*result.refusal);
    case io::resume_end::failed:
        tell_backend_failed(result.reason, result.about);
        outcome_->trouble = "backend_unavailable";
        co_return dialog.on_backend_refused(
            result.refusal && result.refusal->is_transient() ? *result.refusal : unavailable());
    }
    outcome_->hand_off_time = between(begun, io::steady_now());
    co_await relay_rest(dialog, server, result.offered && result.offered->has("CHUNKING"));
    co_return std::nullopt;
}

/// What the backend accepts or refuses here may follow from what we did and not from the mail.
/// @return "" when it does not
std::string session::trouble_of_ours(const io::resume_result& result,
                                     const smtp::dialog& dialog) const
{
    if (result.end == io::resume_end::failed) return {};
    // It has changed, or is one of several.
    if (result.offered && !dialog.offered_what(*result.offered))
        return "it offers this client less than we did, and " +
               (result.refusal ? "said " + result.reason : "accepted the sender");
    constexpr int needs_starttls = 530;
    if (result.refusal && result.refusal->code == needs_starttls && stream_.is_encrypted())
        return "it wants TLS, which the client has with us but we have not with it "
               "(backend.tls): " +
               result.reason;
    return {};
}

io::awaitable<void> session::relay_rest(const smtp::dialog& dialog, io::stream& server,
                                        bool backend_has_chunking)
{
    ticket_.leave_screening();
    decided_ = io::steady_now();
    enter(event::phase::relay);
    backend_has_it_ = true;
    verdict_ = !screener_.passed_in_dialog() ? event::verdict::passed
               : screener_.is_new_client()   ? event::verdict::pass_new
                                             : event::verdict::pass_old;
    io::relay_result done;
    io::guarded_relay_result guarded;
    if (config().backend.data == backend_data::as_is) {
        done = co_await relay_as_is(dialog.octets_to_relay(), server);
    } else {
        io::guarded_relay_options options;
        options.idle_limit = service_->backend->idle_limit();
        options.guard.has_chunking = backend_has_chunking;
        options.hide_ehlo = hidden_keywords();
        options.held = dialog.octets_to_relay();
        guarded = co_await io::guarded_relay(stream_, server, worker_.deadlines(), options);
        done = guarded.moved;
    }
    ended_by_ = done.ended_by;
    outcome_->trouble = guarded.fault           ? smtp::to_string(guarded.fault->kind)
                        : done.idle             ? "idle"
                        : guarded.had_false_end ? "false_end"
                                                : "";
    outcome_->octets_in = done.octets_in;
    outcome_->octets_out = done.octets_out;
    co_await end_relay(done.client_ended, guarded.fault, guarded.last_words);
}

io::awaitable<io::relay_result> session::relay_as_is(std::string_view held, io::stream& server)
{
    io::deadline limit{worker_.deadlines(), server};
    limit.set_after(config().backend.greeting_timeout);
    io::relay_result done;
    if (co_await server.write(held, &limit) != wait_end::ready) {
        done.ended_by = event::ended_by::backend;
        co_return done;
    }
    limit.clear();
    done = co_await io::relay(stream_, server, worker_.deadlines(), service_->backend->idle_limit(),
                              hidden_keywords());
    done.octets_in += held.size();
    co_return done;
}

/// The backend has gone; what the client has to hear of that.
io::awaitable<void> session::end_relay(bool client_ended, std::optional<smtp::guard_fault> fault,
                                       std::optional<smtp::reply> last_words)
{
    if (fault)
        emit(event::relay_stopped{client_, smtp::to_string(fault->kind),
                                  smtp::to_string(fault->place), fault->offset});
    if (!stream_.is_open()) co_return;
    const auto who = ended_by_;
    // Whoever has closed and was read to the end can lose nothing.
    if (client_ended && !last_words) co_return;
    if (last_words)
        co_await say_and_close(std::move(*last_words));
    else
        co_await linger();
    ended_by_ = who;
}

} // namespace fendmail::app
