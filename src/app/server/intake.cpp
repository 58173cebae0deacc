// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/intake.hpp"

#include "fendmail/app/session/lingering_close.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/smtp/dialog.hpp"
#include "fendmail/io/net/proxy_header.hpp"
#include "fendmail/io/os/clock.hpp"

#include <array>
#include <fmt/format.h>
#include <utility>

namespace fendmail::app {

namespace asio = boost::asio;
using io::wait_end;

namespace {

/// Never a 5xx: behind the balancer stands a client that has done nothing wrong.
constexpr std::string_view no_service = "421 4.3.2 No system resources\r\n";
/// For a whole health check; those of balancers take milliseconds.
constexpr milliseconds check_time_limit{10000};

/// What came of a header, and what stands behind it: the wrong octet alone says little.
std::string beginning_of(io::stream& connection, const proxy::header_reader& header)
{
    std::string text{header.text()};
    std::array<char, limits::log_text_octets> more;
    const auto seen = connection.peek(asio::buffer(more));
    return text.append(more.data(), seen.octets);
}

} // namespace

/// One connection of a balancer.
struct intake::visit {
    visit(environment& env, incoming from)
        : what{std::move(from.what)}
        , connection{env.context.get_executor(), std::move(from.socket)}
        , balancer{from.client}
        , local{from.local}
        , place{env.sessions, connection}
        , limit{env.deadlines, connection}
    {
    }

    std::shared_ptr<const snapshot> what;
    io::stream connection;
    endpoint balancer;
    endpoint local;
    registry::arrival place;
    io::deadline limit;
};

io::awaitable<void> intake::receive(incoming accepted)
{
    visit from{*env_, std::move(accepted)};
    const auto& config = from.what->config;
    if (env_->sessions.shared().arrivals.load() > config.limits.screening) {
        co_await refuse(from, "too many connections wait for theirs (limits.screening)", "");
        co_return;
    }
    proxy::header_reader header;
    if (!co_await read_header(from, header)) co_return;
    if (header.progress() == proxy::progress::failed) {
        const auto text = beginning_of(from.connection, header);
        co_await refuse(from, message(header.fault()), text);
        co_return;
    }
    if (header.is_unknown()) {
        report_unknown(from);
        co_return hand_on(from, {from.balancer, from.local});
    }
    const auto& origin = header.origin();
    // Version 1 has no LOCAL: a balancer that tests with it names its own connection.
    if (!origin || origin->client == from.balancer) {
        co_await answer_check(from);
        co_return;
    }
    hand_on(from, *origin);
}

/// To the worker of this client.
void intake::hand_on(visit& from, const proxy::origin& who)
{
    auto descriptor = from.connection.release();
    if (!descriptor) return;
    forward_({std::move(descriptor), from.what, who.client, who.local});
}

/// @return false when all is said and done
io::awaitable<bool> intake::read_header(visit& from, proxy::header_reader& header)
{
    from.limit.set_after(from.what->config.proxy_protocol.timeout);
    auto end = wait_end::woken;
    while (end == wait_end::woken && from.connection.is_open() && !env_->sessions.turns_away())
        end = co_await io::read_proxy_header(from.connection, header, from.limit);
    from.limit.clear();

    if (env_->sessions.turns_away()) {
        turn_away(from);
        co_return false;
    }
    switch (end) {
    case wait_end::ready: co_return true;
    case wait_end::timed_out:
        co_await refuse(from, "time limit exceeded", header.text());
        co_return false;
    case wait_end::closed:
    case wait_end::failed:
    case wait_end::woken: break; // closed under us
    }
    // Without an octet it was a balancer that looked whether we are there.
    if (from.connection.is_open() && header.octets() != 0)
        report(from, message(error::truncated), header.text());
    co_return false;
}

io::awaitable<void> intake::refuse(visit& from, std::string_view reason, std::string_view text)
{
    report(from, reason, text);
    from.place.leave(); // or refused ones would fill the places of arrivals that wait
    co_await say_and_linger(*env_, from.connection, no_service);
}

/// At an orderly stop, without waiting: what it sent is taken, so that no reset overtakes the 421.
void intake::turn_away(visit& from) noexcept
{
    if (!from.connection.is_open()) return;
    std::array<char, 512> ignored;
    for (std::size_t octets = 0; octets < limits::proxy_v2_octets;) {
        const auto seen = from.connection.peek(asio::buffer(ignored));
        if (seen.octets == 0 || !from.connection.discard(seen.octets)) break;
        octets += seen.octets;
    }
    (void)from.connection.write_now(no_service); // a balancer that misses it sees the end
}

/// A balancer that says LOCAL tests whether we speak SMTP. No client is screened or handed off, and
/// nothing is logged: it comes every few seconds.
io::awaitable<void> intake::answer_check(visit& from)
{
    smtp::dialog_options options;
    options.hostname = from.what->config.hostname;
    smtp::dialog dialog{options, {}};
    from.limit.set_after(check_time_limit);
    std::array<char, 512> octets;
    for (smtp::step step = dialog.start();;) {
        const auto wrote = co_await from.connection.write(step.output, &from.limit);
        if (wrote != wait_end::ready || step.then != smtp::next::read) co_return;
        // A stop that came while we wrote has woken nothing.
        if (env_->sessions.turns_away()) co_return;
        const auto got = co_await from.connection.read_some(asio::buffer(octets), &from.limit);
        if (env_->sessions.turns_away() || !from.connection.is_open()) co_return;
        if (got.end == wait_end::ready)
            step = dialog.on_octets({octets.data(), got.octets});
        else if (got.end == wait_end::woken)
            step = smtp::step{};
        else
            co_return;
    }
}

void intake::report_unknown(const visit& from)
{
    if (!unknown_reports_.on_occurrence(io::steady_now())) return;
    const auto text = fmt::format(
        "the balancer {} says of a connection that it does not know the client (PROXY UNKNOWN or "
        "UNSPEC): the balancer's own address counts as the client's, in lists and limits as well; "
        "let it send TCP4 or TCP6",
        to_text(from.balancer.address));
    env_->events.on(event::caution{text});
}

void intake::report(const visit& from, std::string_view reason, std::string_view text)
{
    if (const auto suppressed = reports_.on_occurrence(io::steady_now()))
        env_->events.on(
            event::proxy_header_refused{from.balancer, from.local, reason, text, *suppressed});
}

} // namespace fendmail::app
