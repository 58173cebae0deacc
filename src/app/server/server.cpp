// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/server.hpp"

#include "fendmail/app/server/own_descriptors.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/privilege.hpp"
#include "fendmail/io/os/program.hpp"
#include "fendmail/io/os/service_manager.hpp"
#include "fendmail/io/store/memory_store.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <thread>
#include <utility>
#include <vector>

namespace fendmail::app {

namespace asio = boost::asio;

namespace {

/// A client that goes away while it is written to is a value of write(), not our end; and a mail
/// server does not end because a signal is sent that it does not know.
void ignore_stray_signals() noexcept
{
    for (const int number : {SIGPIPE, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGPOLL})
        std::signal(number, SIG_IGN);
}

std::string not_reloaded(std::string_view why)
{
    return fmt::format("the configuration was not reloaded: {}", why);
}

/// For `systemctl status`: one line, and no longer than people read.
std::string status_line(std::string_view what)
{
    constexpr std::size_t longest = 400;
    std::string line{what.substr(0, longest)};
    std::ranges::replace(line, '\n', ' ');
    return line;
}

} // namespace

server::server(loaded initial, std::string config_name, reader reload, predecessor* before)
    : keys_{std::move(initial.keys)}
    , startup_{std::move(initial.value->startup)}
    , snapshot_{make_snapshot(std::move(initial.value->runtime))}
    , config_name_{std::move(config_name)}
    , reader_{std::move(reload)}
    , counters_{io::raise_descriptor_limit()}
    , signals_{context_}
    , stop_deadline_{context_}
    , before_{before}
    , program_{io::own_program()}
{
    counters_.last_id = id_before_first(io::wall_milliseconds());
    // From the first moment on: what a rotation or a reload wants can wait until we serve, but must
    // not end us.
    for (const int number : {SIGHUP, SIGUSR1})
        signals_.add(number);
    ignore_stray_signals();
    // "[::]:25" is a default: a machine without IPv6 must not need a configuration for that.
    auto listen = startup_.server.listen;
    const auto skipped = std::erase_if(listen, [](const endpoint& where) {
        return where.address == ip_address::v6({}) && io::is_family_missing(where);
    });
    if (listen.empty()) listen = startup_.server.listen; // nothing else to serve: bind and fail
    open_sockets(listen);
    for (const auto& bound : bound_)
        addresses_.push_back(bound.where);
    // A successor is started by its predecessor, as the user that that one became.
    if (!before_ && (!startup_.server.user.empty() || !startup_.server.groups.empty()))
        io::become_user(startup_.server.user, startup_.server.groups);
    log_ = std::make_unique<log_sink>(snapshot_->config.log);
    events_ = std::make_unique<observer>(
        std::vector<event_sink*>{log_.get(), &metrics_, &stream_, &tops_});
    events_->on(event::started{FENDMAIL_VERSION, config_name_});
    if (!before_ && !startup_.server.user.empty())
        events_->on(event::privileges_dropped{startup_.server.user});
    if (skipped != 0)
        events_->on(
            event::caution{"this machine has no IPv6: not listening on [::]; take it out of "
                           "server.listen to silence this"});
    if (are_passed_) tell_of_passed_sockets();
    open_store();
    for (const int number : {SIGTERM, SIGINT})
        signals_.add(number);
}

server::~server()
{
    // Workers hand clients to each other, so all must have stopped before the first one dies.
    for (auto& one : workers_)
        one->stop();
}

unsigned server::worker_total() const noexcept
{
    const unsigned wanted = startup_.server.workers;
    return wanted != 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
}

std::vector<endpoint> server::addresses() const
{
    return addresses_;
}

void server::open_store()
{
    switch (startup_.store.kind) {
    case store_kind::none: store_ = std::make_unique<io::no_store>(); return;
    case store_kind::memory: store_ = std::make_unique<io::memory_store>(); return;
    case store_kind::lmdb: break;
    }
    io::resilient_options options;
    options.disk.path = startup_.store.path;
    options.disk.retention = snapshot_->config.store.retention;
    options.disk.sweep_interval = snapshot_->config.store.sweep_interval;
    options.disk.longest_passes = snapshot_->config.screening.longest_passes();
    auto opened = std::make_unique<io::resilient_store>(std::move(options), *events_);
    lmdb_ = opened.get();
    store_ = std::move(opened);
}

std::string server::why_unready() const
{
    if (stopping_) return "stopping";
    if (draining_) return "draining";
    const auto& where = snapshot_->backend_address;
    if (where && where->now()->empty() && !snapshot_->config.admin.ready_without_backend)
        return fmt::format("the name in the backend's address {} has not been found yet",
                           snapshot_->backend->name());
    if (snapshot_->identity->is_mistaken() && !snapshot_->config.admin.ready_without_backend)
        return fmt::format("the backend {} does not take the addresses of clients",
                           snapshot_->backend->name());
    if (snapshot_->backend_health->is_failing() && !snapshot_->config.admin.ready_without_backend)
        return fmt::format("the backend {} does not take clients", snapshot_->backend->name());
    return {};
}

/// Before a worker is made, so that it begins with what is known without a lookup.
void server::open_addresses()
{
    addresses_in_use_ = std::make_unique<address_book>(
        context_, *events_, [this](const address_book::book_pointer& fresh) {
            keep_descriptors_back();
            for (auto& one : workers_)
                one->use_servers(fresh);
            if (senders_) senders_->use(fresh);
        });
    addresses_in_use_->configure(snapshot_);
    keep_descriptors_back();
}

void server::keep_descriptors_back()
{
    counters_.keep_back(own_descriptors(snapshot_->config, *addresses_in_use_->book(),
                                        worker_total(), addresses_.size()));
}

/// At each start: what it means is mostly noticed by others.
void server::tell_of_plain()
{
    if (const auto hazard = hazard_of_plain(snapshot_->config.backend); !hazard.empty())
        events_->on(event::caution{hazard});
}

/// Before a worker starts, so that the first client already meets those that are kept.
void server::open_senders()
{
    senders_ = std::make_unique<known_senders>(context_, *events_, sender_file_of(startup_),
                                               [this](const known_senders::set& fresh) {
                                                   sender_set_ = fresh;
                                                   permissions_change();
                                                   for (auto& one : workers_)
                                                       one->use_senders(fresh);
                                                   if (feeds_)
                                                       feeds_->judge_again(forbidden_to_feeds());
                                               });
    senders_->use(addresses_in_use_->book());
    senders_->configure(snapshot_->config.known_senders, snapshot_->config.resolvers);
}

/// Likewise.
void server::open_recipients()
{
    std::filesystem::path file;
    if (startup_.store.kind == store_kind::lmdb) file = recipient_file_of(startup_.store.path);
    recipients_ = std::make_unique<known_recipients>(context_, *events_, std::move(file),
                                                     [this](const known_recipients::set& fresh) {
                                                         permissions_change();
                                                         for (auto& one : workers_)
                                                             one->use_recipients(fresh);
                                                     });
    recipients_->configure(snapshot_->config.known_recipients);
}

void server::open_sockets(const std::vector<endpoint>& listen)
{
    const unsigned workers = worker_total();
    auto passed = io::take_passed_sockets();
    are_passed_ = !passed.empty() || (before_ && before_->are_passed);
    if (!passed.empty()) {
        bound_ = io::adopt_all(std::move(passed), workers);
    } else if (!before_) {
        bound_ = io::bind_all(listen, workers);
        wanted_ = listen;
    } else if (before_->are_passed) {
        for (auto& one : before_->addresses)
            adopt(one, workers);
    } else {
        for (const auto& where : listen) {
            const auto found =
                std::ranges::find(before_->addresses, where, &inherited_address::wanted);
            if (found != before_->addresses.end() && !found->sockets.empty()) {
                adopt(*found, workers);
                continue;
            }
            bound_.push_back(std::move(io::bind_all({where}, workers).front()));
            wanted_.push_back(where);
        }
    }
}

void server::adopt(inherited_address& from, unsigned workers)
{
    for (auto& one : io::adopt_all(std::exchange(from.sockets, {}), workers)) {
        bound_.push_back(std::move(one));
        wanted_.push_back(from.wanted);
    }
}

/// The order in which they began to listen is that of the workers.
void server::keep_duplicates()
{
    for (std::size_t at = 0; at < bound_.size(); ++at) {
        auto& kept = duplicates_.emplace_back();
        kept.wanted = at < wanted_.size() ? wanted_[at] : bound_[at].where;
        for (const auto& one : bound_[at].sockets)
            kept.sockets.emplace_back(::fcntl(one.get(), F_DUPFD_CLOEXEC, 0));
    }
}

void server::start_workers()
{
    open_addresses();
    keep_duplicates();
    const unsigned count = worker_total();
    for (unsigned i = 0; i < count; ++i) {
        workers_.push_back(std::make_unique<worker>(snapshot_, *store_, *events_, counters_,
                                                    addresses_in_use_->book(), reports()));
    }
    for (auto& bound : bound_)
        for (std::size_t i = 0; i < bound.sockets.size(); ++i)
            workers_[i % count]->listen(std::move(bound.sockets[i]), bound.is_steered);
    std::vector<worker*> all;
    for (auto& one : workers_)
        all.push_back(one.get());
    for (auto& one : workers_)
        one->know(all);
    open_senders();
    open_recipients();
    open_feeds();
    open_rules();
    open_bans();
    open_kernel();
    open_grey();
    for (auto& one : workers_)
        one->start();
    for (const auto& bound : bound_) {
        const auto text = to_text(listen_address{bound.where, {}});
        events_->on(event::listening{text, count});
        if (!bound.is_steered)
            events_->on(event::notice{"the kernel does not steer clients to workers by address "
                                      "(it cannot, or there are not as many sockets as workers): "
                                      "they are handed from one to the other, which takes some "
                                      "more time"});
    }
    bound_.clear();
}

/// What systemd has opened, clients connect to, and would wait there for ever if we did not listen:
/// so it is in force, and the configuration is what is wrong.
void server::tell_of_passed_sockets()
{
    const auto& wanted = startup_.server.listen;
    if (std::ranges::is_permutation(wanted, addresses_)) return;
    events_->on(event::caution{"the .socket unit opens other addresses than server.listen names: "
                               "its own are in use, and server.listen is not"});
}

void server::start_watchdog()
{
    const auto limit = io::watchdog_limit();
    if (!limit) return;
    watchdog_ = std::make_unique<watchdog>(
        context_, workers_.size(),
        [this](const std::function<void()>& answer) {
            for (auto& one : workers_)
                one->call(answer);
        },
        [] { io::tell_alive(); });
    watchdog_->start(*limit);
}

void server::run()
{
    tell_of_plain();
    prover_.start();
    start_workers();
    if (before_) before_->tell_ready();
    serve_kernel();
    open_admin();
    await_signal();
    tell_serving("");
    before_ = nullptr;
    start_watchdog();
    context_.run();
    ignore_signals();
    for (auto& one : workers_)
        one->stop();
    workers_.clear();
    if (bans_) bans_->stop();
    if (grey_) grey_->stop();
    store_->flush();
    store_.reset();
    events_->on(event::stopped{sessions_cut_});
    // Everything that matters is on disk. A log that takes no more lines (a full pipe without a
    // reader) would hold up its writer, and with it our end, for ever.
    if (!log_->flush()) std::_Exit(EXIT_SUCCESS);
}

/// @param remark what an admin should know besides, or ""
void server::tell_serving(std::string_view remark) const
{
    std::vector<std::string> where;
    for (const auto& one : addresses_)
        where.push_back(to_text(listen_address{one, {}}));
    // The service's main process is another one now.
    if (handed_over_) return;
    if (before_) io::tell_main_process();
    io::tell_ready(status_line(fmt::format("serving on {}{}{}", fmt::join(where, ", "),
                                           remark.empty() ? "" : "; ", remark)));
}

void server::await_signal()
{
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
        // A signal that came in the last moment is not called back, and to wait for another one
        // would keep the loop from its end.
        if (error || is_over_) return;
        on_signal(number);
        await_signal();
    });
}

void server::on_signal(int number)
{
    if (number == SIGHUP || number == SIGUSR1) {
        // Before anything that can fail: after a rotation the old file must not be written to.
        reopen_log();
        if (number == SIGHUP && !stopping_) {
            if (!handed_over_) io::tell_reloading();
            tell_serving(reload().failure);
        }
        return;
    }
    if (stopping_)
        cut_sessions(); // asked twice: now
    else
        begin_stop();
}

/// The end has been decided: a signal that comes now, until the process is gone, must not make it
/// another one than that.
void server::ignore_signals() noexcept
{
    constexpr std::array ours{SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    sigset_t blocked;
    ::sigemptyset(&blocked);
    for (const int number : ours)
        ::sigaddset(&blocked, number);
    // Between these two each has its default again, which would end us.
    ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
    boost::system::error_code cannot_fail;
    signals_.clear(cannot_fail);
    for (const int number : ours)
        std::signal(number, SIG_IGN);
}

void server::reopen_log()
{
    try {
        log_->reopen();
    } catch (const std::exception& e) {
        const auto text = fmt::format("{}; the log goes on where it was", e.what());
        events_->on(event::caution{text});
    }
}

reload_outcome server::reload()
{
    auto fresh = reader_();
    std::string errors;
    for (const auto& problem : fresh.problems)
        errors += (errors.empty() ? "" : "; ") + to_text(problem);
    const auto keep_old = [this](const std::string& why) {
        events_->on(event::reload_rejected{why});
        reload_error_ = why;
        return reload_outcome{not_reloaded(why), {}};
    };
    if (!fresh.value) return keep_old(errors);
    try {
        auto next = make_snapshot(std::move(fresh.value->runtime), snapshot_.get());
        log_->replace(next->config.log);
        snapshot_ = std::move(next);
    } catch (const std::exception& e) {
        return keep_old(e.what());
    }
    reload_error_.clear();
    keys_ = std::move(fresh.keys);
    if (!errors.empty()) events_->on(event::caution{errors});
    auto keys = waiting_for_restart(startup_, fresh.value->startup);
    if (!keys.empty())
        events_->on(event::reload_incomplete{fmt::format("{}", fmt::join(keys, ", "))});
    if (lmdb_ != nullptr)
        lmdb_->reconfigure(snapshot_->config.store.retention,
                           snapshot_->config.store.sweep_interval,
                           snapshot_->config.screening.longest_passes());
    addresses_in_use_->configure(snapshot_);
    keep_descriptors_back();
    for (auto& one : workers_)
        one->use(snapshot_);
    senders_->configure(snapshot_->config.known_senders, snapshot_->config.resolvers);
    bans_->configure(snapshot_->config);
    grey_->configure(snapshot_->config.grey);
    permissions_change();
    kernel_->configure(kernel_settings());
    recipients_->configure(snapshot_->config.known_recipients);
    feeds_->configure(snapshot_->config.feeds, forbidden_to_feeds());
    prover_.ask_anew();
    tell_of_plain();
    events_->on(event::reloaded{config_name_});
    return {{}, {keys.begin(), keys.end()}};
}

void server::begin_stop()
{
    stopping_ = true;
    senders_->stop();
    recipients_->stop();
    feeds_->stop();
    prover_.stop();
    // Those that are screened are sent away.
    const auto screening = counters_.screening.load();
    const auto all = counters_.sessions.load();
    const auto rest = all - std::min(all, screening);
    if (!handed_over_) io::tell_stopping(fmt::format("{} sessions may finish", rest));
    duplicates_.clear(); // or clients would wait in their queues in vain
    look_.cancel();
    events_->on(event::stopping{rest, snapshot_->config.server.stop_timeout});
    for (auto& one : workers_)
        one->close_doors([this] { asio::post(context_, [this] { worker_is_closed(); }); });
    stop_deadline_.expires_after(snapshot_->config.server.stop_timeout);
    stop_deadline_.async_wait([this](const boost::system::error_code& error) {
        if (!error) cut_sessions();
    });
}

/// Only when no worker hands clients over any more can one be empty for good.
void server::worker_is_closed()
{
    if (++closed_workers_ < workers_.size()) return;
    for (auto& one : workers_)
        one->drain([this] { asio::post(context_, [this] { worker_is_empty(); }); });
    if (cutting_) cut_sessions(); // those that were on their way to another worker
}

void server::cut_sessions()
{
    cutting_ = true;
    sessions_cut_ = std::max(sessions_cut_, counters_.sessions.load());
    for (auto& one : workers_)
        one->kill_sessions();
}

void server::worker_is_empty()
{
    if (++empty_workers_ < workers_.size()) return;
    is_over_ = true;
    stop_deadline_.cancel();
    signals_.cancel();
    backend_probe_.stop();
    addresses_in_use_->stop();
    minute_.cancel();
    rules_->stop();
    bans_->stop();
    grey_->stop();
    kernel_->stop();
    for (const auto& one : admin_)
        one->stop();
    if (watchdog_) watchdog_->stop();
}

} // namespace fendmail::app
