// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server.hpp"

#include "fendmail/app/own_descriptors.hpp"
#include "fendmail/io/memory_store.hpp"
#include "fendmail/io/privilege.hpp"
#include "fendmail/io/service_manager.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <thread>
#include <utility>

namespace fendmail::app {

namespace asio = boost::asio;

namespace {

unsigned worker_count(unsigned configured)
{
    return configured != 0 ? configured : std::max(1U, std::thread::hardware_concurrency());
}

/// The keys that a reload cannot change and that differ.
std::string needs_restart(const startup_config& now, const startup_config& wanted)
{
    std::vector<std::string_view> keys;
    if (now.listen != wanted.listen) keys.emplace_back("server.listen");
    if (now.workers != wanted.workers) keys.emplace_back("server.workers");
    if (now.user != wanted.user) keys.emplace_back("server.user");
    if (now.groups != wanted.groups) keys.emplace_back("server.groups");
    if (now.admin_listen != wanted.admin_listen) keys.emplace_back("admin.listen");
    if (now.store != wanted.store) keys.emplace_back("store.kind");
    if (now.store_path != wanted.store_path) keys.emplace_back("store.path");
    return fmt::format("{}", fmt::join(keys, ", "));
}

/// A client that goes away while it is written to is a value of write(), not our end; and a mail
/// server does not end because somebody took it for a program that knows a signal.
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

/// The form in which server.listen has it.
std::string as_configured(const endpoint& where)
{
    if (where.address.is_v6()) return to_text(where);
    return fmt::format("{}:{}", to_text(where.address), where.port);
}

} // namespace

server::server(config initial, std::string config_name, reader reload)
    : startup_{std::move(initial.startup)}
    , service_{make_service(std::move(initial.runtime))}
    , config_name_{std::move(config_name)}
    , reader_{std::move(reload)}
    , totals_{io::raise_descriptor_limit()}
    , signals_{context_}
    , stop_deadline_{context_}
{
    // From the first moment on: what a rotation or a reload wants can wait until we serve, but must
    // not end us.
    for (const int number : {SIGHUP, SIGUSR1})
        signals_.add(number);
    ignore_stray_signals();
    // "[::]:25" is a default: a machine without IPv6 must not need a configuration for that.
    auto listen = startup_.listen;
    const auto skipped = std::erase_if(listen, [](const endpoint& where) {
        return where.address == ip_address::v6({}) && io::is_family_missing(where);
    });
    if (listen.empty()) listen = startup_.listen; // nothing else to serve: bind and fail
    bound_ = io::bind_all(listen, worker_count(startup_.workers));
    for (const auto& bound : bound_)
        addresses_.push_back(bound.where);
    if (!startup_.user.empty() || !startup_.groups.empty())
        io::become_user(startup_.user, startup_.groups);
    events_ = std::make_unique<observer>(service_->config.log);
    events_->on(event::started{FENDMAIL_VERSION, config_name_});
    if (!startup_.user.empty()) events_->on(event::privileges_dropped{startup_.user});
    if (skipped != 0)
        events_->on(
            event::caution{"this machine has no IPv6: not listening on [::]; take it out of "
                           "server.listen to silence this"});
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

std::vector<endpoint> server::addresses() const
{
    return addresses_;
}

void server::open_store()
{
    switch (startup_.store) {
    case store_kind::none: store_ = std::make_unique<io::no_store>(); return;
    case store_kind::memory: store_ = std::make_unique<io::memory_store>(); return;
    case store_kind::lmdb: break;
    }
    io::resilient_options options;
    options.disk.path = startup_.store_path;
    options.disk.retention = service_->config.store_retention;
    options.disk.sweep_interval = service_->config.store_sweep_interval;
    options.disk.longest_passes = service_->config.screening.longest_passes();
    auto opened = std::make_unique<io::resilient_store>(std::move(options), *events_);
    lmdb_ = opened.get();
    store_ = std::move(opened);
}

/// Mail does not depend on it: an address that is taken is told and gone without.
void server::open_admin()
{
    if (startup_.admin_listen.empty()) return;
    try {
        admin_ = std::make_unique<admin_http>(context_, startup_.admin_listen,
                                              [this] { return why_unready(); });
        admin_->start();
        backend_watch_.start();
    } catch (const std::exception& e) {
        const auto text =
            fmt::format("admin.listen: cannot listen on {}: {}; there is no health check until "
                        "a restart",
                        startup_.admin_listen, e.what());
        events_->on(event::caution{text});
    }
}

std::string server::why_unready() const
{
    if (stopping_) return "stopping";
    const auto& where = service_->backend_address;
    if (where && where->now()->empty() && !service_->config.ready_without_backend)
        return fmt::format("the name in the backend's address {} has not been found yet",
                           service_->backend->name());
    if (service_->identity->is_mistaken() && !service_->config.ready_without_backend)
        return fmt::format("the backend {} does not take the addresses of clients",
                           service_->backend->name());
    if (service_->backend_health->is_failing() && !service_->config.ready_without_backend)
        return fmt::format("the backend {} does not take clients", service_->backend->name());
    return {};
}

/// Before a worker is made, so that it begins with what is known without asking anybody.
void server::open_addresses()
{
    addresses_in_use_ = std::make_unique<address_book>(
        context_, *events_, [this](const address_book::book_pointer& fresh) {
            keep_descriptors_back();
            for (auto& one : workers_)
                one->use_servers(fresh);
            if (senders_) senders_->use(fresh);
        });
    addresses_in_use_->configure(service_);
    keep_descriptors_back();
}

void server::keep_descriptors_back()
{
    totals_.keep_back(own_descriptors(service_->config, *addresses_in_use_->book(),
                                      worker_count(startup_.workers), addresses_.size()));
}

/// At each start: what it means is mostly noticed by others.
void server::tell_of_plain()
{
    if (const auto hazard = hazard_of_plain(service_->config.backend); !hazard.empty())
        events_->on(event::caution{hazard});
}

/// Before a worker starts, so that the first client already meets those that are kept.
void server::open_senders()
{
    senders_ = std::make_unique<known_senders>(context_, *events_, sender_file_of(startup_),
                                               [this](const known_senders::set& fresh) {
                                                   for (auto& one : workers_)
                                                       one->use_senders(fresh);
                                               });
    senders_->use(addresses_in_use_->book());
    senders_->configure(service_->config.known_senders, service_->config.resolvers);
}

void server::start_workers()
{
    open_addresses();
    const unsigned count = worker_count(startup_.workers);
    for (unsigned i = 0; i < count; ++i) {
        workers_.push_back(std::make_unique<worker>(service_, *store_, *events_, totals_,
                                                    addresses_in_use_->book()));
        for (auto& bound : bound_)
            workers_.back()->listen(std::move(bound.sockets[i]), bound.where);
    }
    std::vector<worker*> all;
    for (auto& one : workers_)
        all.push_back(one.get());
    for (auto& one : workers_)
        one->know(all);
    open_senders();
    for (auto& one : workers_)
        one->start();
    for (const auto& bound : bound_) {
        const auto text = as_configured(bound.where);
        events_->on(event::listening{text, count});
        if (!bound.is_steered)
            events_->on(event::caution{"this kernel does not steer clients to workers by address; "
                                       "limits.clients_per_address holds for each worker"});
    }
    bound_.clear();
}

void server::run()
{
    tell_of_plain();
    prover_.start();
    start_workers();
    open_admin();
    await_signal();
    tell_serving("");
    context_.run();
    for (auto& one : workers_)
        one->stop();
    workers_.clear();
    store_->flush();
    store_.reset();
    events_->on(event::stopped{sessions_cut_});
    // Everything that matters is on disk. A log that takes no more lines (a full pipe that nobody
    // reads) would hold up its writer, and with it our end, for ever.
    if (!events_->flush()) std::_Exit(EXIT_SUCCESS);
}

/// @param remark what an admin should know besides, or ""
void server::tell_serving(std::string_view remark) const
{
    std::vector<std::string> where;
    for (const auto& one : addresses_)
        where.push_back(as_configured(one));
    io::tell_ready(status_line(fmt::format("serving on {}{}{}", fmt::join(where, ", "),
                                           remark.empty() ? "" : "; ", remark)));
}

void server::await_signal()
{
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
        if (error) return;
        on_signal(number);
        await_signal();
    });
}

void server::on_signal(int number)
{
    if (number == SIGHUP || number == SIGUSR1) {
        // Before anything that can fail: after a rotation the old file is nobody's any more.
        reopen_log();
        if (number == SIGHUP && !stopping_) {
            io::tell_reloading();
            tell_serving(reload());
        }
        return;
    }
    if (stopping_)
        cut_sessions(); // asked twice: now
    else
        begin_stop();
}

void server::reopen_log()
{
    try {
        events_->reopen();
    } catch (const std::exception& e) {
        const auto text = fmt::format("{}; the log goes on where it was", e.what());
        events_->on(event::caution{text});
    }
}

/// @return "", or why the old configuration stays in use
std::string server::reload()
{
    auto fresh = reader_();
    std::string errors;
    for (const auto& problem : fresh.problems)
        errors += (errors.empty() ? "" : "; ") + to_text(problem);
    if (!fresh.value) {
        events_->on(event::reload_rejected{errors});
        return not_reloaded(errors);
    }
    try {
        auto next = make_service(std::move(fresh.value->runtime), service_.get());
        events_->replace(next->config.log);
        service_ = std::move(next);
    } catch (const std::exception& e) {
        const std::string text = e.what();
        events_->on(event::reload_rejected{text});
        return not_reloaded(text);
    }
    if (!errors.empty()) events_->on(event::caution{errors});
    const auto keys = needs_restart(startup_, fresh.value->startup);
    if (!keys.empty()) events_->on(event::reload_incomplete{keys});
    if (lmdb_ != nullptr)
        lmdb_->reconfigure(service_->config.store_retention, service_->config.store_sweep_interval,
                           service_->config.screening.longest_passes());
    addresses_in_use_->configure(service_);
    keep_descriptors_back();
    for (auto& one : workers_)
        one->use(service_);
    senders_->configure(service_->config.known_senders, service_->config.resolvers);
    prover_.ask_anew();
    tell_of_plain();
    events_->on(event::reloaded{config_name_});
    return {};
}

void server::begin_stop()
{
    stopping_ = true;
    senders_->stop();
    prover_.stop();
    // Those that are screened are sent away.
    const auto screening = totals_.screening.load();
    const auto all = totals_.sessions.load();
    const auto rest = all - std::min(all, screening);
    io::tell_stopping(fmt::format("{} sessions may finish", rest));
    events_->on(event::stopping{rest, service_->config.stop_time_limit});
    for (auto& one : workers_)
        one->close_doors([this] { asio::post(context_, [this] { worker_is_closed(); }); });
    stop_deadline_.expires_after(service_->config.stop_time_limit);
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
    sessions_cut_ = std::max(sessions_cut_, totals_.sessions.load());
    for (auto& one : workers_)
        one->kill_sessions();
}

void server::worker_is_empty()
{
    if (++empty_workers_ < workers_.size()) return;
    stop_deadline_.cancel();
    signals_.cancel();
    backend_watch_.stop();
    addresses_in_use_->stop();
    if (admin_) admin_->stop();
}

} // namespace fendmail::app
