// SPDX-License-Identifier: Apache-2.0
#include "storm/load.hpp"

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <iterator>
#include <unistd.h>

namespace fendmail::storm {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::duration;

namespace {

// Finer than any latency that matters at the rates one machine can do.
constexpr std::chrono::milliseconds tick_time{1};
constexpr std::chrono::seconds progress_time{1};
// More would overflow the server's queue of new connections, and SYNs come again after a second,
// then after two, four and so on.
constexpr std::uint64_t most_arriving = 256;
// All at once: between so many the loop looks who is connected, so that times are right.
constexpr std::uint64_t arriving_step = 64;

std::string make_mail(std::size_t octets)
{
    if (octets == 0) return {};
    std::string text = "From: <sender@example.org>\r\nSubject: storm\r\n\r\n";
    const std::string line = std::string(70, 'x') + "\r\n";
    while (text.size() + line.size() <= octets)
        text += line;
    return text + ".\r\n";
}

std::uint64_t microseconds_between(clock::time_point begin, clock::time_point end)
{
    const auto span = std::chrono::duration_cast<std::chrono::microseconds>(end - begin);
    return span.count() < 0 ? 0 : static_cast<std::uint64_t>(span.count());
}

void count_outcome(group_result& result, const client& who)
{
    switch (who.outcome()) {
    case outcome::open: ++result.failures[static_cast<std::size_t>(who.failure())]; break;
    case outcome::refused: ++result.refused; break;
    case outcome::let_through: ++result.let_through; break;
    case outcome::deferred: ++result.deferred; break;
    case outcome::unexpected: ++result.unexpected; break;
    }
}

/// `since`: from when the latencies of this client count.
void add_times(group_result& result, const client& who, clock::time_point since)
{
    constexpr clock::time_point never;
    if (who.is_connected())
        result.connect.add(microseconds_between(who.started(), who.connected_at()));
    if (who.was_heard()) result.heard.add(microseconds_between(who.connected_at(), who.heard_at()));
    if (who.greeted() != never) {
        result.held.add(microseconds_between(who.heard_at(), who.greeted()));
        result.greeting.add(microseconds_between(since, who.greeted()));
    }
    if (who.decided() == never) return;
    result.verdict.add(microseconds_between(since, who.decided()));
    result.total.add(microseconds_between(since, clock::now()));
}

} // namespace

load::load(const options& wanted)
    : options_{wanted}
    , timer_{context_}
    , signals_{context_, SIGINT, SIGTERM}
    , shows_progress_{isatty(STDERR_FILENO) == 1}
{
    for (const auto& each : options_.scenario.groups) {
        mails_.push_back(make_mail(each.mail_octets));
        result_.groups.emplace_back().name = each.name;
    }
}

bool load::holds() const noexcept
{
    return options_.scenario.groups.front().role == role::holder;
}

load_result load::run()
{
    begin_ = clock::now();
    next_progress_ = begin_ + progress_time;
    signals_.async_wait([this](const error_code& error, int) {
        if (error) return;
        result_.was_stopped = true;
        is_over_ = true;
        stop_all(failure::stopped);
    });
    tick();
    context_.run();
    result_.seconds = duration<double>(clock::now() - begin_).count();
    if (shows_progress_) fmt::print(stderr, "\r{:79}\r", "");
    return std::move(result_);
}

bool load::may_start() const noexcept
{
    if (is_over_ || (options_.count != 0 && arrivals_ >= options_.count)) return false;
    return clients_.size() < options_.concurrency;
}

void load::start_one(clock::time_point due)
{
    const auto group = group_of(options_.scenario, arrivals_++);
    const auto& kind = options_.scenario.groups[group];
    auto& pool = kind.is_listed ? *options_.listed_sources : *options_.sources;
    const client_plan plan{.target = options_.target,
                           .source = asio::ip::address_v4{pool.next()},
                           .role = kind.role,
                           .group = group,
                           .mail = mails_[group],
                           .due = due};
    const auto made = std::make_shared<client>(context_, static_cast<client_owner&>(*this), plan);
    clients_.push_back(made);
    made->place = std::prev(clients_.end());
    result_.peak = std::max<std::uint64_t>(result_.peak, clients_.size());
    ++result_.groups[group].started;
    ++arriving_;
    made->start();
}

/// Closed loop: as many as have room.
void load::start_ready()
{
    // One that fails at once must not lead to the next one from here without end.
    const auto most = options_.at_once ? arriving_ + arriving_step : most_arriving;
    for (std::uint64_t n = arriving_; n < most && may_start(); ++n)
        start_one(clock::now());
    if (options_.at_once && may_start()) asio::post(context_, [this] { start_ready(); });
}

/// Open loop: all that should have come by now.
void load::start_due()
{
    const duration<double> passed = clock::now() - begin_;
    const auto wanted = static_cast<std::uint64_t>(passed.count() * options_.rate);
    while (arrivals_ < wanted && !is_over_) {
        if (options_.count != 0 && arrivals_ >= options_.count) return;
        const duration<double> offset{static_cast<double>(arrivals_) / options_.rate};
        if (may_start()) {
            start_one(begin_ + std::chrono::duration_cast<clock::duration>(offset));
        } else {
            ++arrivals_;
            ++result_.missed;
        }
    }
}

void load::tick()
{
    const auto now = clock::now();
    const bool is_late = options_.duration.count() != 0 && now - begin_ >= options_.duration;
    if (is_late && !is_over_) {
        is_over_ = true;
        if (holds()) stop_all(failure::stopped);
    }
    if (options_.rate > 0) {
        start_due();
    } else {
        start_ready();
    }
    if (!holds()) drop_late(now);
    if (now >= next_progress_) show_progress(now);
    timer_.expires_after(tick_time);
    timer_.async_wait([this](const error_code& error) {
        if (!error) tick();
    });
    end_if_done();
}

void load::drop_late(clock::time_point now)
{
    // All have the same time, so the first that is not late ends the search.
    while (!clients_.empty() && now - clients_.front()->started() >= options_.timeout) {
        const auto first = clients_.front(); // stays until it has stopped
        first->stop(failure::timeout);
    }
}

void load::stop_all(failure why)
{
    while (!clients_.empty()) {
        const auto first = clients_.front(); // stays until it has stopped
        first->stop(why);
    }
    end_if_done();
}

void load::end_if_done()
{
    const bool all_came = is_over_ || (options_.count != 0 && arrivals_ >= options_.count);
    if (!all_came || !clients_.empty()) return;
    error_code ignored;
    signals_.cancel(ignored);
    timer_.cancel();
}

void load::on_connected(client&)
{
    if (!holds()) --arriving_;
}

void load::on_heard(client&)
{
    ++heard_;
    if (holds()) --arriving_;
    // A program that measures the server waits for this line.
    if (holds() && heard_ == options_.count) {
        fmt::print("holding {}\n", heard_);
        static_cast<void>(std::fflush(stdout));
    }
}

void load::on_finished(client& who)
{
    auto& result = result_.groups[who.plan().group];
    if (!(holds() ? who.was_heard() : who.is_connected())) --arriving_;
    ++finished_;
    ++result.finished;
    count_outcome(result, who);
    add_times(result, who, options_.at_once ? who.connected_at() : who.plan().due);
    clients_.erase(who.place);
    // Not from within: a server that refuses at once would make this recursive.
    if (options_.rate == 0 && may_start()) asio::post(context_, [this] { start_ready(); });
}

void load::show_progress(clock::time_point now)
{
    next_progress_ = now + progress_time;
    if (!shows_progress_) return;
    std::uint64_t failed = 0;
    for (const auto& each : result_.groups)
        for (const auto count : each.failures)
            failed += count;
    const auto line = fmt::format("{:.0f} s, {} done, {}/s, {} under way, {} failed",
                                  duration<double>(now - begin_).count(), finished_,
                                  finished_ - finished_before_, clients_.size(), failed);
    fmt::print(stderr, "\r{:79}", line);
    finished_before_ = finished_;
}

} // namespace fendmail::storm
