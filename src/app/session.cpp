// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/session.hpp"

#include "fendmail/app/worker.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/screen/client_key.hpp"
#include "fendmail/core/screen/screener.hpp"
#include "fendmail/core/smtp/dialog.hpp"
#include "fendmail/io/clock.hpp"
#include "fendmail/io/stream_group.hpp"

#include <array>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <type_traits>

namespace fendmail::app {

namespace asio = boost::asio;
using io::wait_end;

namespace {

/// How long a client may take to read our last words, and how much it may still send: closing
/// with unread input makes the kernel send a reset that can overtake them.
constexpr milliseconds linger_time{2000};
constexpr std::size_t linger_octets = 65536;
/// Clients that may linger at once; beyond it they are closed with the reply under way. A flood of
/// refused clients must not keep descriptors that others need.
constexpr std::size_t lingering_max = 256;
/// For a reply that ends the session without a dialog.
constexpr milliseconds last_reply_time{10000};

milliseconds between(tick from, tick to)
{
    return std::chrono::duration_cast<milliseconds>(to - from);
}

class session {
public:
    session(worker& where, std::shared_ptr<const service> what, io::stream::socket socket,
            const endpoint& client, const endpoint& local);
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

    asio::awaitable<void> run();

private:
    [[nodiscard]] const runtime_config& config() const noexcept { return service_->config; }
    void emit(const any_event& what) noexcept { worker_.events().on(what); }

    [[nodiscard]] std::optional<event::connect_refusal> refused_at_connect() noexcept;
    [[nodiscard]] screen::step consult_access_list();
    [[nodiscard]] screen::step consult_store();
    [[nodiscard]] bool is_screening_full() noexcept;
    asio::awaitable<std::optional<screen::step>> run_early_tests();
    [[nodiscard]] bool say_teaser();
    [[nodiscard]] milliseconds early_limit() const noexcept;
    [[nodiscard]] std::optional<screen::step> look_at_client();
    void tell_score(const dnsbl::score& score);

    asio::awaitable<void> follow(screen::step step);
    asio::awaitable<void> refuse_connection(event::connect_refusal why);
    asio::awaitable<void> say_and_close(smtp::reply answer);
    asio::awaitable<void> talk(smtp::dialog dialog);
    [[nodiscard]] tick_span command_time_limit() const noexcept;
    void tell(const smtp::note& what);
    asio::awaitable<void> linger();

    void tell_way_in();
    asio::awaitable<void> hand_off();
    asio::awaitable<io::hand_off_result> connect_backend();
    asio::awaitable<void> answer_for_backend(const io::hand_off_result& result);

    void enter(event::phase phase) noexcept;
    void client_gone();

    worker& worker_;
    std::shared_ptr<const service> service_;
    io::stream stream_;
    endpoint client_;
    endpoint local_;
    tick accepted_;
    tick phase_begun_;
    tick decided_{};
    io::stream_group streams_;
    io::stream_group::membership member_;
    registry::ticket ticket_;
    screen::screener screener_;
    bool teaser_sent_ = false;
    bool client_spoke_ = false; ///< unread octets wait in the socket
    bool backend_has_it_ = false;

    event::phase phase_ = event::phase::connect;
    event::verdict verdict_ = event::verdict::left;
    event::ended_by ended_by_ = event::ended_by::client;
    milliseconds hand_off_time_{0};
    std::uint64_t octets_in_ = 0;
    std::uint64_t octets_out_ = 0;
    int score_ = 0;
    bool score_complete_ = true;
    std::string reasons_;
    std::string reply_;
    std::string helo_;
};

session::session(worker& where, std::shared_ptr<const service> what, io::stream::socket socket,
                 const endpoint& client, const endpoint& local)
    : worker_{where}
    , service_{std::move(what)}
    , stream_{std::move(socket)}
    , client_{client}
    , local_{local}
    , accepted_{io::steady_now()}
    , phase_begun_{accepted_}
    , member_{streams_, stream_}
    , ticket_{where.sessions(), client.address, streams_, config().screening_limit}
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
    summary.reasons = reasons_;
    summary.dnsbl_score = score_;
    summary.dnsbl_complete = score_complete_;
    summary.reply = reply_;
    summary.helo = helo_;
    summary.screening = between(accepted_, decided_ == tick{} ? now : decided_);
    summary.hand_off = hand_off_time_;
    summary.total = between(accepted_, now);
    summary.octets_in = octets_in_;
    summary.octets_out = octets_out_;
    emit(summary);
}

asio::awaitable<void> session::run()
{
    if (const auto why = refused_at_connect()) {
        co_await refuse_connection(*why);
        co_return;
    }
    auto step = consult_access_list();
    if (step == screen::step::look_up_record) step = consult_store();
    // Whoever is known or permitted is not screened and needs no place among those who are.
    if (step != screen::step::hand_off && is_screening_full()) {
        co_await refuse_connection(event::connect_refusal::all_screening_ports_busy);
        co_return;
    }
    if (step == screen::step::run_early_tests) {
        const auto after = co_await run_early_tests();
        if (!after) {
            client_gone();
            co_return;
        }
        step = *after;
    }
    decided_ = io::steady_now();
    reasons_ = screener_.reasons();
    co_await follow(step);
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

screen::step session::consult_access_list()
{
    const auto found = config().access.find(client_.address);
    if (found) {
        switch (found->decision) {
        case acl::decision::permit: emit(event::allowlisted{client_, found->rule}); break;
        case acl::decision::reject: emit(event::denylisted{client_, found->rule}); break;
        }
    }
    return screener_.on_access(found);
}

screen::step session::consult_store()
{
    std::optional<screen::client_record> known;
    if (screener_.may_use_record())
        known = worker_.store().get(screen::client_key{client_.address});
    return screener_.on_record(known, io::wall_now());
}

// ── early tests ───────────────────────────────────────────────────────────────────────────────

asio::awaitable<std::optional<screen::step>> session::run_early_tests()
{
    enter(event::phase::early);
    const auto todo = screener_.tests_to_run().todo;
    if (todo[screen::test::pregreet] && !say_teaser()) co_return std::nullopt;

    io::dnsbl_lookup::subscription lists;
    bool scored = !todo[screen::test::dnsbl];
    if (!scored)
        lists = worker_.lookups().join(client_.address, service_->dnsbl_sites,
                                       config().dnsbl_timeout, &stream_);
    io::deadline time_is_up{worker_.deadlines(), stream_};
    time_is_up.set(phase_begun_ + early_limit());

    for (auto step = screen::step::keep_waiting;;) {
        // Whatever woke us, look at all of it; the client last, since its octets stay.
        if (!scored && lists.done()) {
            scored = true;
            step = screener_.on_score(lists.score());
            tell_score(lists.score());
        } else if (time_is_up.has_passed()) {
            const auto so_far = scored ? screener_.early().score() : lists.score();
            step = screener_.on_greet_wait_elapsed(so_far);
            if (!scored) tell_score(so_far);
        }
        if (step != screen::step::keep_waiting) co_return step;

        const auto end = client_spoke_ ? co_await stream_.wait_woken(&time_is_up)
                                       : co_await stream_.wait_readable(&time_is_up);
        if (end == wait_end::failed || end == wait_end::closed || !stream_.is_open())
            co_return std::nullopt;
        if (end != wait_end::ready) continue;
        const auto after = look_at_client();
        if (!after) co_return std::nullopt;
        step = *after;
    }
}

bool session::say_teaser()
{
    teaser_sent_ = true;
    return stream_.write_now(fmt::format("220-{}\r\n", config().teaser));
}

milliseconds session::early_limit() const noexcept
{
    const auto wait = config().screening.wait(worker_.sessions().is_stressed());
    // With the greet wait off the lists alone decide, and they have a limit of their own.
    return wait.count() == 0 ? config().dnsbl_timeout : milliseconds{wait};
}

/// Peeks, so that whatever the client said is still there for the backend.
/// @return nothing when the client has hung up
std::optional<screen::step> session::look_at_client()
{
    std::array<char, limits::pregreet_octets> octets;
    const auto seen = stream_.peek(asio::buffer(octets));
    if (seen.end != wait_end::ready) return std::nullopt;
    if (seen.octets == 0) return screen::step::keep_waiting;
    client_spoke_ = true;
    if (!screener_.early().listens()) return screen::step::keep_waiting;
    emit(event::pregreeted{client_,
                           seen.octets,
                           between(phase_begun_, io::steady_now()),
                           {octets.data(), seen.octets}});
    return screener_.on_client_spoke();
}

void session::tell_score(const dnsbl::score& score)
{
    score_ = score.value;
    score_complete_ = score.complete;
    if (screener_.early().status(screen::test::dnsbl) == screen::early_status::failed)
        emit(event::dnsbl_scored{client_, score.value, score.reply_name});
}

// ── what follows ──────────────────────────────────────────────────────────────────────────────

asio::awaitable<void> session::follow(screen::step step)
{
    switch (step) {
    case screen::step::hand_off: co_await hand_off(); co_return;
    case screen::step::drop:
        verdict_ = event::verdict::dropped;
        co_await say_and_close(*screener_.refusal());
        co_return;
    case screen::step::run_dialog: {
        verdict_ = event::verdict::rejected;
        // Who spoke too early has its commands answered; a 220 now would answer its EHLO.
        const bool spoke = teaser_sent_ && screener_.early().status(screen::test::pregreet) ==
                                               screen::early_status::failed;
        co_await talk(smtp::dialog{config().dialog,
                                   spoke ? smtp::opening::silent : smtp::opening::greet,
                                   screener_.refusal()});
        co_return;
    }
    case screen::step::look_up_record:
    case screen::step::run_early_tests:
    case screen::step::keep_waiting: break;
    }
    FENDMAIL_ASSERT(false);
}

asio::awaitable<void> session::refuse_connection(event::connect_refusal why)
{
    emit(event::connect_refused{client_, why});
    // Or a flood from one address would fill the places of all others while it is being refused.
    ticket_.leave_screening();
    verdict_ = event::verdict::deferred;
    reasons_ = event::to_string(why);
    switch (why) {
    case event::connect_refusal::too_many_connections:
        co_await say_and_close(smtp::make_reply(421, "4.7.0", "Error: too many connections"));
        break;
    case event::connect_refusal::all_screening_ports_busy:
        co_await say_and_close(smtp::make_reply(421, "4.3.2", "All screening ports are busy"));
        break;
    case event::connect_refusal::all_server_ports_busy:
        co_await say_and_close(smtp::make_reply(421, "4.3.2", "All server ports are busy"));
        break;
    }
}

asio::awaitable<void> session::say_and_close(smtp::reply answer)
{
    if (config().dialog.soft_bounce) answer = smtp::softened(std::move(answer));
    reply_ = smtp::to_log(answer);
    ended_by_ = event::ended_by::fendmail;
    io::deadline limit{worker_.deadlines(), stream_};
    limit.set_after(last_reply_time);
    if (co_await stream_.write(smtp::to_wire(answer), &limit) == wait_end::ready) co_await linger();
}

asio::awaitable<void> session::linger()
{
    auto& lingering = worker_.sessions().shared().lingering;
    if (lingering.load() >= lingering_max) co_return;
    const counted one{lingering};
    stream_.shutdown_write();
    io::deadline limit{worker_.deadlines(), stream_};
    limit.set_after(linger_time);
    std::array<char, 2048> ignored;
    for (std::size_t octets = 0; octets < linger_octets;) {
        const auto got = co_await stream_.read_some(asio::buffer(ignored), &limit);
        if (got.end != wait_end::ready) co_return;
        octets += got.octets;
    }
}

// ── our own dialog ────────────────────────────────────────────────────────────────────────────

tick_span session::command_time_limit() const noexcept
{
    return worker_.sessions().is_stressed() ? config().command_time_limit_under_stress
                                            : config().command_time_limit;
}

/// Moves octets between the client and the dialog. One deadline covers a whole command, so that
/// a client that sends an octet a minute runs out of time all the same.
asio::awaitable<void> session::talk(smtp::dialog dialog)
{
    enter(event::phase::dialog);
    io::deadline limit{worker_.deadlines(), stream_};
    limit.set_after(command_time_limit());
    std::array<char, 2048> octets;
    for (smtp::step step = dialog.start();;) {
        for (const auto& what : step.notes)
            tell(what);
        helo_ = dialog.helo();
        if (co_await stream_.write(step.output, &limit) != wait_end::ready) break;
        if (step.then == smtp::next::close) {
            ended_by_ =
                dialog.last_verb() == "QUIT" ? event::ended_by::client : event::ended_by::fendmail;
            co_await linger();
            co_return;
        }
        if (step.command_done) limit.set_after(command_time_limit());

        const auto got = co_await stream_.read_some(asio::buffer(octets), &limit);
        if (got.end == wait_end::ready) {
            step = dialog.on_octets({octets.data(), got.octets});
        } else if (got.end == wait_end::timed_out) {
            step = dialog.on_time_limit();
            limit.set_after(last_reply_time); // for saying so
        } else if (got.end == wait_end::woken && stream_.is_open()) {
            step = smtp::step{};
        } else {
            break;
        }
    }
    client_gone();
}

void session::tell(const smtp::note& what)
{
    if (const auto* refused = std::get_if<smtp::recipient_refused>(&what)) {
        reply_ = smtp::to_log(refused->answer);
        emit(event::recipient_refused{client_, reply_, refused->from, refused->to, refused->helo,
                                      refused->esmtp});
    } else if (const auto* mail = std::get_if<smtp::mail_without_recipient>(&what)) {
        emit(event::mail_without_recipient{client_, mail->verb});
    } else if (const auto* exceeded = std::get_if<smtp::limit_exceeded>(&what)) {
        const auto which = [exceeded] {
            switch (exceeded->which) {
            case smtp::limit::command_count: return event::command_limit::count;
            case smtp::limit::command_length: return event::command_limit::length;
            case smtp::limit::command_time: break;
            }
            return event::command_limit::time;
        }();
        emit(event::command_limit_exceeded{client_, which, exceeded->after});
    }
}

// ── hand-off ──────────────────────────────────────────────────────────────────────────────────

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

asio::awaitable<io::hand_off_result> session::connect_backend()
{
    auto& shared = worker_.sessions().shared();
    if (!shared.has_room_for_backend()) {
        io::hand_off_result none_left;
        none_left.reason = "no descriptors are left for it; raise the limit (LimitNOFILE=)";
        co_return none_left;
    }
    const counted descriptor{shared.descriptors};
    std::optional<counted> in_transit;
    if (service_->backend->passes_sockets()) in_transit.emplace(shared.handing_off);
    io::hand_off_request request{stream_, client_, local_, worker_.deadlines(), streams_};
    co_return co_await service_->backend->hand_off(request);
}

asio::awaitable<void> session::hand_off()
{
    tell_way_in();
    if (const auto record = screener_.record_to_store(io::wall_now()))
        worker_.store().put(screen::client_key{client_.address}, *record);
    enter(event::phase::hand_off);
    ticket_.leave_screening();

    const auto result = co_await connect_backend();

    hand_off_time_ = result.until_ready;
    octets_in_ = result.octets_in;
    octets_out_ = result.octets_out;
    switch (result.end) {
    case io::hand_off_end::passed_on:
        backend_has_it_ = true;
        ended_by_ = event::ended_by::backend;
        co_return;
    case io::hand_off_end::relayed:
        backend_has_it_ = true;
        phase_ = event::phase::relay;
        ended_by_ = result.ended_by;
        if (result.idle) reasons_ = "idle";
        co_return;
    case io::hand_off_end::lost:
        emit(event::backend_unavailable{client_, service_->backend->name(), result.reason});
        verdict_ = event::verdict::deferred;
        ended_by_ = event::ended_by::fendmail;
        co_return;
    case io::hand_off_end::failed: break;
    }
    emit(event::backend_unavailable{client_, service_->backend->name(), result.reason});
    co_await answer_for_backend(result);
}

/// The client gets the backend's own 4xx, or a 421 of ours. A backend that greets with a 5xx (a
/// wrong port, a half-made configuration) would bounce all mail for good, so the client is told to
/// come back. Behind a teaser no 4xx may follow at once: "220-" has to be completed by a 220, and
/// the first command gets the reply.
asio::awaitable<void> session::answer_for_backend(const io::hand_off_result& result)
{
    auto answer = result.refusal && result.refusal->is_transient()
                      ? *result.refusal
                      : smtp::make_reply(421, "4.3.2", "All server ports are busy");
    verdict_ = event::verdict::deferred;
    reasons_ = "backend_unavailable";
    if (!stream_.is_open()) {
        ended_by_ = event::ended_by::fendmail;
        co_return;
    }
    if (!teaser_sent_) {
        co_await say_and_close(std::move(answer));
        co_return;
    }
    reply_ = smtp::to_log(answer);
    co_await talk(smtp::dialog::answering_once(config().dialog, std::move(answer)));
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
    emit(event::hung_up{client_, between(phase_begun_, io::steady_now()), phase_});
}

} // namespace

asio::awaitable<void> run_session(worker& where, std::shared_ptr<const service> what,
                                  io::stream::socket socket, endpoint client, endpoint local)
{
    session one{where, std::move(what), std::move(socket), client, local};
    co_await one.run();
}

} // namespace fendmail::app
