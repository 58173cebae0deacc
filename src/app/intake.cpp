// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/intake.hpp"

#include "fendmail/app/farewell.hpp"
#include "fendmail/app/worker.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/smtp/dialog.hpp"
#include "fendmail/io/clock.hpp"
#include "fendmail/io/proxy_header.hpp"

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
constexpr milliseconds report_interval{1000};
constexpr milliseconds unknown_interval{3'600'000};

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
    visit(worker& where, std::shared_ptr<const service> with, io::unique_fd accepted,
          const endpoint& from, const endpoint& to)
        : what{std::move(with)}
        , connection{where.context().get_executor(), std::move(accepted)}
        , balancer{from}
        , local{to}
        , place{where.sessions(), connection}
        , limit{where.deadlines(), connection}
    {
    }

    std::shared_ptr<const service> what;
    io::stream connection;
    endpoint balancer;
    endpoint local;
    registry::arrival place;
    io::deadline limit;
};

io::awaitable<void> intake::receive(std::shared_ptr<const service> what, io::unique_fd accepted,
                                    endpoint balancer, endpoint local)
{
    visit from{*worker_, std::move(what), std::move(accepted), balancer, local};
    const auto& config = from.what->config;
    if (worker_->sessions().shared().arrivals.load() > config.screening_limit) {
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
        co_return hand_on(from, {balancer, local});
    }
    const auto& origin = header.origin();
    // Version 1 has no LOCAL: a balancer that tests with it names its own connection.
    if (!origin || origin->client == balancer) {
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
    worker_->owner_of(who.client.address)
        .take_over({std::move(descriptor), from.what, who.client, who.local});
}

/// @return false when all is said and done
io::awaitable<bool> intake::read_header(visit& from, proxy::header_reader& header)
{
    from.limit.set_after(from.what->config.proxy_header_timeout);
    auto end = wait_end::woken;
    while (end == wait_end::woken && from.connection.is_open() && !worker_->sessions().turns_away())
        end = co_await io::read_proxy_header(from.connection, header, from.limit);
    from.limit.clear();

    if (worker_->sessions().turns_away()) {
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
    from.place.leave(); // or refused ones would fill the places of those who wait
    co_await say_farewell(*worker_, from.connection, no_service);
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
    (void)from.connection.write_now(no_service); // whoever misses it sees the end
}

/// A balancer that says LOCAL tests whether we speak SMTP. Nobody is screened or handed off, and
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
        // A stop that came while we wrote has woken nobody.
        if (worker_->sessions().turns_away()) co_return;
        const auto got = co_await from.connection.read_some(asio::buffer(octets), &from.limit);
        if (worker_->sessions().turns_away() || !from.connection.is_open()) co_return;
        if (got.end == wait_end::ready)
            step = dialog.on_octets({octets.data(), got.octets});
        else if (got.end == wait_end::woken)
            step = smtp::step{};
        else
            co_return;
    }
}

/// Once an hour: nothing is wrong with the connection, but with the balancer there may be.
void intake::report_unknown(const visit& from)
{
    const tick now = io::steady_now();
    if (now < next_unknown_report_) return;
    next_unknown_report_ = now + unknown_interval;
    const auto text = fmt::format(
        "the balancer {} says of a connection that it does not know the client (PROXY UNKNOWN or "
        "UNSPEC): the balancer's own address counts as the client's, in lists and limits as well; "
        "let it send TCP4 or TCP6",
        to_text(from.balancer.address));
    worker_->events().on(event::caution{text});
}

void intake::report(const visit& from, std::string_view reason, std::string_view text)
{
    const tick now = io::steady_now();
    if (now < next_report_) {
        ++untold_;
        return;
    }
    next_report_ = now + report_interval;
    worker_->events().on(event::proxy_header_refused{from.balancer, from.local, reason, text,
                                                     std::exchange(untold_, 0)});
}

} // namespace fendmail::app
