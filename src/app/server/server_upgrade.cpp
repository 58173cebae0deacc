// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/server.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/descriptor_passing.hpp"
#include "fendmail/io/os/program.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <csignal>
#include <fmt/format.h>
#include <span>
#include <string_view>
#include <unistd.h>
#include <utility>

/// Another process takes over without a connection being lost: this one starts it, hands it the
/// listening sockets when it asks for them, and goes on as if nothing had happened if it fails.
namespace fendmail::app {

namespace asio = boost::asio;
using io::no_throw;

namespace {

/// From its start until it serves: a store of a gigabyte is looked through meanwhile.
constexpr milliseconds successor_time_limit{45'000};
constexpr milliseconds look_interval{100};
/// For sessions that this process still has. Nothing waits for them: the other one serves.
constexpr std::chrono::hours let_go_time{1};
/// A session on its way between two threads is counted by neither for a moment.
constexpr unsigned looks_needed = 3;
constexpr std::size_t word_octets = 512;
constexpr milliseconds starter_look_interval{5};
constexpr int starter_looks_max = 400;

asio::awaitable<bool, io::executor> send_all(admin_stream& to,
                                             const std::vector<io::unique_fd>& sockets)
{
    std::span<const io::unique_fd> left{sockets};
    while (!left.empty()) {
        const auto some = left.first(std::min(left.size(), io::descriptors_of_message));
        const int code = io::send_descriptors(to.native_handle(), some);
        if (code == EAGAIN) {
            const auto [error] = co_await to.async_wait(admin_stream::wait_write, no_throw);
            if (error) co_return false;
            continue;
        }
        if (code != 0) co_return false;
        left = left.subspan(some.size());
    }
    co_return true;
}

} // namespace

io::awaitable<admin_reply> server::upgrade()
{
    if (stopping_ || handed_over_ || handing_over_)
        co_return admin_error(409, "another process takes over already, or this one stops");
    if (::getpid() == 1)
        co_return admin_error(409, "this is the first process of a container, which ends with it: "
                                   "replace the container");
    const auto door =
        std::ranges::find_if(admin_, [](const auto& one) { return one->where().is_unix(); });
    if (door == admin_.end() || program_.empty())
        co_return admin_error(409, "there is no admin socket that a successor could ask");
    handing_over_ = true;
    takeover_failure_.clear();
    const auto started = io::start_program(
        {program_, "run", "--config", config_name_, "--takeover", (*door)->where().unix_path});
    if (!started.failure.empty()) {
        handing_over_ = false;
        co_return admin_error(409, started.failure);
    }
    starter_ = started.process;
    io::steady_timer pause{context_.get_executor()};
    const tick end = io::steady_now() + successor_time_limit;
    std::optional<std::string> fate;
    while (!handed_over_ && !fate && io::steady_now() < end) {
        pause.expires_after(look_interval);
        co_await pause.async_wait(no_throw);
        if (!handed_over_) fate = io::look_for_end(started.process);
    }
    handing_over_ = false;
    if (!handed_over_) starter_ = -1;
    if (handed_over_)
        co_return admin_reply{200, "application/json",
                              fmt::format("{{\"pid\":{0},\"message\":\"process {0} serves now; {1} "
                                          "sessions go on in process {2}\"}}\n",
                                          successor_, counters_.sessions.load(), ::getpid())};
    if (!fate) {
        ::kill(started.process, SIGKILL);
        fate = "was not ready in time, and was ended";
        while (!io::look_for_end(started.process)) {
            pause.expires_after(look_interval);
            co_await pause.async_wait(no_throw);
        }
    }
    const auto text =
        fmt::format("the successor, process {}, {}{}{}; this one goes on", started.process, *fate,
                    takeover_failure_.empty() ? "" : ": ", takeover_failure_);
    events_->on(event::caution{text});
    co_return admin_error(409, text);
}

admin_reply server::hand_over()
{
    if (stopping_ || handed_over_) return admin_error(409, "this process stops already");
    recipients_->write_now(); // it reads them
    bans_->write_now();
    grey_->write_now();
    // Of two, each would take itself for the one that serves.
    if (!asking_.expired()) return admin_error(409, "another process takes over already");
    std::vector<listen_address> places;
    for (const auto& one : admin_)
        places.push_back(one->where());
    admin_reply reply{200, "application/json", takeover_answer(duplicates_, places, are_passed_)};
    reply.then = [this](std::shared_ptr<admin_stream> successor) {
        return hand_over_to(std::move(successor));
    };
    return reply;
}

io::awaitable<void> server::hand_over_to(std::shared_ptr<admin_stream> successor)
{
    asking_ = successor;
    io::steady_timer limit{context_.get_executor(), successor_time_limit};
    limit.async_wait([weak = std::weak_ptr{successor}](const boost::system::error_code& error) {
        boost::system::error_code ignored; // it is over either way
        if (const auto late = weak.lock(); late && !error) late->close(ignored);
    });
    for (const auto& one : duplicates_)
        if (!co_await send_all(*successor, one.sockets)) co_return;
    std::vector<io::unique_fd> doors;
    for (const auto& one : admin_)
        doors.push_back(one->duplicate());
    if (!co_await send_all(*successor, doors)) co_return;
    doors.clear();
    std::string word;
    std::array<char, word_octets> part{};
    while (word.find('\n') == std::string::npos && word.size() < word_octets) {
        const auto [error, octets] =
            co_await successor->async_read_some(asio::buffer(part), no_throw);
        if (error) co_return; // it ended, and said no more
        word.append(part.data(), octets);
    }
    constexpr std::string_view failed = "failed ";
    if (word.starts_with(failed)) {
        takeover_failure_ = word.substr(failed.size(), word.find('\n') - failed.size());
        co_return;
    }
    constexpr std::string_view ready = "ready ";
    if (!word.starts_with(ready) || stopping_ || handed_over_) co_return;
    successor_ = word.substr(ready.size(), word.find('\n') - ready.size());
    std::erase_if(successor_, [](char c) { return c < '0' || c > '9'; });
    let_go();
    co_await end_starter();
    constexpr std::string_view yours = "yours\n";
    co_await asio::async_write(*successor, asio::buffer(yours), no_throw);
}

/// What the successor was started by (io::go_on_in_child) has to be gone before that one says that
/// it is the service: then it is the service manager's child.
io::awaitable<void> server::end_starter()
{
    if (starter_ < 0) co_return;
    ::kill(starter_, SIGTERM);
    io::steady_timer pause{context_.get_executor()};
    for (int looks = 0; looks < starter_looks_max && !io::look_for_end(starter_); ++looks) {
        pause.expires_after(starter_look_interval);
        co_await pause.async_wait(no_throw);
    }
    starter_ = -1;
}

/// The other process serves: this one accepts no more, and ends with its last session.
void server::let_go()
{
    handed_over_ = true;
    for (auto& one : workers_)
        one->stop_accepting();
    duplicates_.clear();
    for (const auto& one : admin_) {
        one->leave_file();
        one->stop_accepting();
    }
    // What both would write to is the other's now.
    rules_->stop();
    senders_->stop();
    bans_->let_go();
    grey_->let_go();
    kernel_->stop(); // the helper goes to the other
    if (watchdog_) watchdog_->stop();
    const auto text = fmt::format("another process serves from now on; {} sessions go on here",
                                  counters_.sessions.load());
    events_->on(event::notice{text});
    let_go_until_ = io::steady_now() + let_go_time;
    wait_until_empty();
}

void server::wait_until_empty()
{
    const bool is_empty = counters_.sessions.load() == 0 && counters_.arrivals.load() == 0 &&
                          counters_.handing_off.load() == 0;
    empty_looks_ = is_empty ? empty_looks_ + 1 : 0;
    if (stopping_) return;
    if (empty_looks_ >= looks_needed || io::steady_now() >= let_go_until_) return begin_stop();
    look_.expires_after(look_interval);
    look_.async_wait([this](const boost::system::error_code& error) {
        if (!error) wait_until_empty();
    });
}

} // namespace fendmail::app
