// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/backend_prover.hpp"

#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <fmt/format.h>
#include <sys/stat.h>
#include <utility>

namespace fendmail::app {

namespace asio = boost::asio;

namespace {

/// How often it looks whether a probe is wanted.
constexpr milliseconds look_every{1000};
constexpr milliseconds first_pause{1000};
/// Clients wait for its being mended, and a misconfigured server stands a probe every five seconds.
constexpr milliseconds longest_while_mistaken{5000};
constexpr milliseconds longest_while_undecided{60000};
/// What it offers: every client that goes on there tells it anew, so this is for quiet hours.
constexpr seconds between_looks_at_offers{300};
constexpr seconds after_failed_look{15};
/// A `pass` service that died is not yet one of another type.
constexpr milliseconds before_second_look{200};

bool is_passing(const snapshot& what) noexcept
{
    return what.backend->passes_sockets();
}

/// From our dialog a client can go on there, and is offered what it will find.
bool wants_offers(const snapshot& what)
{
    using screen::test;
    const auto& config = what.config;
    const auto is_on = [&](test t) { return config.screening.tests[t].enabled; };
    return config.deep.relays() &&
           (is_on(test::pipelining) || is_on(test::non_smtp_command) || is_on(test::bare_newline));
}

bool wants_probe(const snapshot& what)
{
    return what.backend->traits().tells_client || wants_offers(what);
}

/// stop() closes the streams of the probe under way, up to its last word.
struct registration {
    io::stream_group*& what;
    ~registration() { what = nullptr; }
};

} // namespace

backend_prover::backend_prover(asio::io_context& context,
                               std::function<std::shared_ptr<const snapshot>()> current,
                               std::function<event_sink&()> events)
    : context_{&context}
    , current_{std::move(current)}
    , events_{std::move(events)}
    , pause_{context}
    , random_{std::random_device{}()}
{
}

void backend_prover::start()
{
    asio::co_spawn(*context_, run(), [this](const std::exception_ptr& broken) {
        if (broken)
            events_().on(event::internal_error{"the watch over the backend's identity ended"});
    });
}

void backend_prover::ask_anew()
{
    anew_ = true;
    next_ = io::steady_now();
    tries_ = 0;
    is_told_ = false;
    is_for_offers_ = false;
    pause_.cancel();
}

void backend_prover::stop() noexcept
{
    stopping_ = true;
    pause_.cancel();
    if (streams_ != nullptr) streams_->close_all();
}

backend_prover::socket_id backend_prover::socket_of(const snapshot& what) noexcept
{
    struct stat found{};
    const auto& path = what.config.backend.unix_path;
    if (path.empty() || ::stat(path.c_str(), &found) != 0) return {};
    return {found.st_dev, found.st_ino, found.st_ctim};
}

bool backend_prover::is_due(const snapshot& what)
{
    const tick now = io::steady_now();
    // Its clients' sessions say nothing to us, so a service that was replaced has to be asked.
    if (is_passing(what)) {
        const auto socket = socket_of(what);
        if (!socket.is(std::exchange(socket_, socket))) be_due_at(now);
    }
    if (what.identity->take_wish()) be_due_at(now + backed_off(longest_while_mistaken));
    if (now < next_) return false;
    if (!is_for_offers_ || !what.offers->take_freshness()) return true;
    next_ = now + between_looks_at_offers;
    return false;
}

void backend_prover::be_due_at(tick when)
{
    if (when >= next_) return;
    next_ = when;
    is_for_offers_ = false;
}

io::awaitable<void> backend_prover::run()
{
    while (!stopping_) {
        const auto what = current_();
        const bool is_wanted = wants_probe(*what);
        if (is_wanted && is_due(*what)) co_await ask(what);
        if (stopping_) break;
        if (std::exchange(anew_, false)) continue;
        // Where none is wanted, none has a time, and only a reload can change that.
        const tick_span until = is_wanted ? next_ - io::steady_now() : look_every;
        pause_.expires_after(std::clamp<tick_span>(until, tick_span{0}, look_every));
        co_await pause_.async_wait(io::no_throw);
        anew_ = false;
    }
}

io::awaitable<void> backend_prover::ask(std::shared_ptr<const snapshot> what)
{
    auto found = co_await prove(what);
    if (is_passing(*what) && found.end == io::proof_end::mistaken && !stopping_) {
        pause_.expires_after(before_second_look);
        co_await pause_.async_wait(io::no_throw);
        if (!stopping_) found = co_await prove(what);
    }
    // What was asked is no longer what clients meet.
    if (stopping_ || anew_) co_return;
    plan(*what, found);
}

io::awaitable<io::proof> backend_prover::prove(std::shared_ptr<const snapshot> what)
{
    io::stream_group streams;
    streams_ = &streams;
    const registration forget{streams_};
    // Of its own: the timer of a queue goes on for a while, and would hold up an orderly stop.
    io::deadline_queue deadlines{*context_};
    io::stream server{context_->get_executor()};
    const io::stream_group::membership member{streams, server};
    const io::open_request request{io::probe_client, io::probe_local, deadlines};
    co_return co_await io::probe_backend(*what->backend, request, what->config.hostname, server);
}

void backend_prover::plan(const snapshot& what, const io::proof& found)
{
    next_ = tick::max();
    is_for_offers_ = false;
    if (what.backend->traits().tells_client) judge(what, found);
    if (!wants_offers(what)) return;
    const tick look = io::steady_now() + learn(what, found);
    if (look >= next_) return;
    next_ = look;
    is_for_offers_ = true;
}

/// @return when to look again at what it offers
milliseconds backend_prover::learn(const snapshot& what, const io::proof& found)
{
    if (found.offered && found.end == io::proof_end::taken) {
        what.offers->note(*found.offered);
        (void)what.offers->take_freshness();
        is_told_ = false;
        return between_looks_at_offers;
    }
    if (found.end == io::proof_end::mistaken) return after_failed_look; // was told
    if (!std::exchange(is_told_, true)) {
        const auto text =
            fmt::format("backend {} cannot be asked what it offers: {}; clients in "
                        "deep tests are offered {} until it can",
                        what.backend->name(), found.reason,
                        what.offers->get() ? "what it offered before" : "no extensions");
        events_().on(event::caution{text});
    }
    return after_failed_look;
}

void backend_prover::judge(const snapshot& what, const io::proof& found)
{
    auto& identity = *what.identity;
    const auto& name = what.backend->name();
    const tick now = io::steady_now();
    switch (found.end) {
    case io::proof_end::taken:
        tries_ = 0;
        identity.on_taken(events_(), name, now);
        if (identity.is_told()) next_ = std::max(now + first_pause, identity.calm_at());
        return;
    case io::proof_end::mistaken:
        identity.on_mistaken(events_(), name, found.reason, what.backend->traits().advice, false,
                             now);
        next_ = now + backed_off(longest_while_mistaken);
        return;
    case io::proof_end::refused:
    case io::proof_end::undecided: break;
    }
    const bool was_mistaken = identity.is_mistaken();
    // Elsewhere each client's own session shows it, before anything can go wrong.
    if (!is_passing(what) || !was_mistaken) identity.on_undecided();
    if (was_mistaken || identity.is_told())
        next_ = now + backed_off(longest_while_mistaken);
    else if (is_passing(what))
        next_ = now + backed_off(longest_while_undecided);
}

milliseconds backend_prover::backed_off(milliseconds longest)
{
    constexpr unsigned doublings_max = 6;
    const auto pause = std::min(first_pause * (1U << std::min(tries_, doublings_max)), longest);
    if (tries_ < doublings_max) ++tries_;
    std::uniform_int_distribution<int> percent{80, 120};
    return pause * percent(random_) / 100;
}

} // namespace fendmail::app
