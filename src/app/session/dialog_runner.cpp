// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/assert.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/screen/dialog_terms.hpp"
#include "fendmail/core/smtp/footer.hpp"
#include "fendmail/io/os/clock.hpp"
#include "session_impl.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

namespace fendmail::app {

io::awaitable<void> session::say_and_close(smtp::reply answer)
{
    if (config().dialog.soft_bounce) answer = smtp::softened(std::move(answer));
    outcome_->reply = smtp::to_log(answer);
    ended_by_ = event::ended_by::fendmail;
    answer = smtp::with_footer(std::move(answer), footer());
    const auto words = smtp::to_wire(answer);
    co_await say_and_linger(env_, stream_, words);
}

tick_span session::command_time_limit() const noexcept
{
    return env_.sessions.is_stressed() ? config().command_time.limit_under_stress
                                       : config().command_time.limit;
}

std::string session::footer() const
{
    if (config().reject_footer.empty()) return {};
    smtp::footer_values values;
    values.client_address = to_text(client_.address);
    values.client_port = client_.port;
    values.localtime = io::local_time_text();
    values.server_name = config().hostname;
    return smtp::expand_footer(config().reject_footer, values);
}

io::awaitable<void> session::run_dialog()
{
    auto terms =
        screen::begin_dialog(screener_, {client_.address, local_.address, teaser_sent_,
                                         config().deep.relays(), config().dialog.own_names});
    terms.hide_ehlo = hidden_keywords();
    terms.footer = footer();
    const auto offers = snapshot_->offers->get();
    terms.backend_offers = offers.get();
    verdict_.on_dialog(terms.refusal.has_value());
    co_await talk(smtp::dialog{config().dialog, std::move(terms)});
    remember();
    outcome_->reasons = reasons();
    outcome_->add_reason(outcome_->trouble);
    if (tls_failed_) outcome_->add_reason("tls");
}

/// Moves octets between the client and the dialog. One deadline covers a whole command, so that
/// a client that sends an octet a minute runs out of time all the same.
io::awaitable<void> session::talk(smtp::dialog dialog)
{
    enter(event::phase::dialog);
    auto& dialogs = env_.sessions.shared().dialogs;
    std::optional<counted> in_dialog{std::in_place, dialogs};
    io::deadline limit{env_.deadlines, stream_};
    limit.set_after(command_time_limit());
    std::optional<smtp::step> step = dialog.start();
    while (step) {
        for (const auto& what : step->notes)
            tell(what);
        if (step->recipient_named) screener_.on_recipient();
        outcome_->helo = dialog.helo();
        // Before our last word: a client that hears it may come again at once, to another turn of
        // the loop than the end of this session.
        if (step->then == smtp::next::close) remember();
        if (step->then != smtp::next::close && env_.sessions.dismisses())
            co_return co_await dismiss_from_dialog(*step);
        if (is_too_much(*step)) co_return co_await send_away_from_dialog();
        if (co_await stream_.write(step->output, &limit) != wait_end::ready) break;
        switch (step->then) {
        case smtp::next::read: break;
        case smtp::next::start_tls:
            limit.clear(); // the handshake has a limit of its own
            if (!co_await start_tls(dialog)) co_return;
            break;
        case smtp::next::hand_off:
            limit.clear(); // the backend has limits of its own
            in_dialog.reset();
            // Not by "?:", of which gcc 12 does both sides.
            if (dialog.is_for_open_recipient()) {
                step = co_await open_relay_from(dialog);
            } else {
                step = co_await hand_off_from(dialog);
            }
            if (!step) co_return;
            in_dialog.emplace(dialogs);
            limit.set_after(command_time_limit());
            continue;
        case smtp::next::close:
            if (step->dropped) verdict_.on_drop();
            ended_by_ = dialog.last_verb() == "QUIT" && !step->dropped ? event::ended_by::client
                                                                       : event::ended_by::fendmail;
            co_await lingering_close(env_, stream_);
            co_return;
        }
        if (step->command_done) limit.set_after(command_time_limit());
        step = co_await hear(dialog, limit);
    }
    client_gone();
}

/// At an orderly stop. What the dialog has to say comes first: a greeting that a teaser began must
/// be complete before a 421 may follow, and a command gets its reply.
/// @param last what it would say now
io::awaitable<void> session::dismiss_from_dialog(const smtp::step& last)
{
    remember();
    verdict_.on_stop();
    outcome_->trouble = stopping_reason;
    ended_by_ = event::ended_by::fendmail;
    const auto answer = smtp::with_footer(screen::reply_at_stop(), footer());
    outcome_->reply = smtp::to_log(answer);
    // The reply to STARTTLS, or to the recipient for whom the backend would be called, is the 421.
    std::string words = last.then == smtp::next::read ? last.output : std::string{};
    words += smtp::to_wire(answer);
    co_await say_and_linger(env_, stream_, words);
}

io::awaitable<std::optional<smtp::step>> session::hear(smtp::dialog& dialog, io::deadline& limit)
{
    std::array<char, 2048> octets;
    co_await env_.wakes.wait();
    // A stop that came while nothing was waited for has woken nothing.
    if (env_.sessions.dismisses()) co_return smtp::step{};
    const auto got = co_await stream_.read_some(asio::buffer(octets), &limit);
    switch (got.end) {
    case wait_end::ready: {
        // What is there before we answer was sent without waiting for the answer, even if it came
        // in a segment of its own.
        std::array<char, limits::log_text_octets> behind;
        const auto waiting = stream_.peek(asio::buffer(behind));
        co_return dialog.on_octets({octets.data(), got.octets}, {behind.data(), waiting.octets});
    }
    case wait_end::timed_out:
        limit.set_after(last_reply_time); // for saying so
        co_return dialog.on_time_limit();
    case wait_end::woken:
        if (stream_.is_open()) co_return smtp::step{};
        co_return std::nullopt;
    case wait_end::closed:
    case wait_end::failed: break;
    }
    co_return std::nullopt;
}

/// @return false when the session is over
io::awaitable<bool> session::start_tls(smtp::dialog& dialog)
{
    FENDMAIL_ASSERT(config().tls.context);
    io::deadline limit{env_.deadlines, stream_};
    // Under stress a handshake may not take longer than a command.
    limit.set_after(std::min<tick_span>(config().tls.handshake_timeout, command_time_limit()));
    admission_.set_at_stop(registry::at_stop::close);
    const auto end = co_await stream_.start_tls(*config().tls.context, &limit);
    admission_.set_at_stop(registry::at_stop::wake);
    switch (end) {
    case wait_end::ready:
        emit(event::tls_started{client_, stream_.tls_summary()});
        dialog.on_tls_started();
        co_return true;
    case wait_end::closed:
    case wait_end::failed:
    case wait_end::timed_out:
    case wait_end::woken: break;
    }
    if (stream_.is_open()) {
        emit(event::tls_failed{client_, stream_.tls_error()});
        tls_failed_ = true;
    }
    ended_by_ = event::ended_by::fendmail;
    co_return false;
}

/// What the client has passed in our dialog is remembered, so that it goes through when it comes
/// again.
void session::remember()
{
    if (std::exchange(remembered_, true)) return;
    const auto remembered = memory();
    const instant now = io::wall_now();
    screener_.on_latest_record(remembered.get(now));
    if (screener_.passed_in_dialog()) emit(event::passed{client_, screener_.is_new_client()});
    if (const auto record = screener_.record_to_store(now)) remembered.put(*record, now);
}

void session::tell_refusal(const smtp::recipient_refused& what)
{
    outcome_->reply = smtp::to_log(what.answer);
    verdict_.on_recipient_refused(screener_.is_rejected(), what.answer);
    emit(event::recipient_refused{client_, outcome_->reply, what.from, what.to, what.helo,
                                  what.esmtp});
}

void session::tell_own_helo(const smtp::fault_seen& seen)
{
    score_.value = screener_.total_score();
    const int weight = config().screening.names.own_helo;
    emit(event::client_name_counted{client_, to_string(seen.what), weight, seen.text});
    if (!screener_.is_failed_by_helo()) return;
    emit(event::dnsbl_scored{client_, score_.value, "HELO name", action_of(screen::test::dnsbl)});
    note_offence(screen::test::dnsbl);
}

void session::tell(const smtp::note& what)
{
    struct teller {
        session& s;
        void operator()(const smtp::recipient_refused& n) const { s.tell_refusal(n); }
        void operator()(const smtp::mail_without_recipient& n) const
        {
            s.emit(event::mail_without_recipient{s.client_, n.verb});
        }
        void operator()(const smtp::limit_exceeded& n) const
        {
            s.emit(event::command_limit_exceeded{s.client_, which(n.which), n.after});
        }
        void operator()(const smtp::fault_seen& n) const
        {
            s.screener_.on_fault(n.what);
            if (n.what == smtp::fault::own_helo) return s.tell_own_helo(n);
            const auto test = screen::test_of(n.what);
            s.emit(event::protocol_fault{s.client_, test, n.after, n.text, s.action_of(test)});
            s.note_offence(test);
        }
        void operator()(const smtp::plaintext_behind_starttls& n) const
        {
            s.verdict_.on_deferral();
            s.emit(event::plaintext_injected{s.client_, n.text});
        }
        static event::command_limit which(smtp::limit l)
        {
            switch (l) {
            case smtp::limit::command_count: return event::command_limit::count;
            case smtp::limit::command_length: return event::command_limit::length;
            case smtp::limit::command_time: break;
            }
            return event::command_limit::time;
        }
    };
    std::visit(teller{*this}, what);
}

} // namespace fendmail::app
