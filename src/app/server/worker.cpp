// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/worker.hpp"

#include "fendmail/io/net/steering.hpp"

#include <boost/asio/post.hpp>
#include <exception>
#include <pthread.h>
#include <utility>

namespace fendmail::app {

namespace asio = boost::asio;

worker::worker(std::shared_ptr<const snapshot> what, io::allowlist_store& store, event_sink& events,
               process_counters& shared, std::shared_ptr<const io::server_book> book,
               worker_reports reports)
    : busy_{asio::make_work_guard(context_)}
    , snapshot_{std::move(what)}
    , registry_{shared, events}
    , deadlines_{context_}
    , resolvers_{context_, snapshot_->config.resolvers, std::move(book)}
    , lookups_{context_, events, deadlines_, resolvers_}
    , abuse_{deadlines_, std::move(reports.send), reports.workers}
    , env_{context_, deadlines_, resolvers_, wakes_, lookups_, store,
           events,   registry_,  abuse_,     {},     {}}
    , intake_{env_, [this](incoming connection) {
                  auto& owner = owner_of(connection.client.address);
                  owner.begin(std::move(connection));
              }}
{
    env_.ask_grey = std::move(reports.ask_grey);
    abuse_.configure(snapshot_->config, snapshot_->network_rate);
    watch_lists();
}

worker::~worker()
{
    stop();
}

void worker::listen(io::unique_fd socket, bool is_steered)
{
    acceptors_.push_back(std::make_unique<io::acceptor>(
        context_, std::move(socket), env_.events, wakes_,
        [this] { return registry_.shared().has_room_for_client(); },
        [this, is_steered](io::unique_fd connected, const endpoint& client, const endpoint& local) {
            env_.guard(
                [&] { accept({std::move(connected), snapshot_, client, local}, is_steered); });
        }));
}

void worker::start()
{
    for (auto& one : acceptors_)
        one->start();
    thread_ = std::thread{[this] { context_.run(); }};
    ::pthread_setname_np(thread_.native_handle(), "fendmail-worker");
}

void worker::use(std::shared_ptr<const snapshot> what)
{
    asio::post(context_, [this, next = std::move(what)]() mutable {
        const auto before = std::exchange(snapshot_, std::move(next));
        env_.guard([&] {
            abuse_.configure(snapshot_->config, snapshot_->network_rate);
            const bool new_resolvers = snapshot_->config.resolvers != before->config.resolvers;
            if (new_resolvers) resolvers_.set_common(snapshot_->config.resolvers);
            // What was found through other resolvers says nothing about these.
            if (new_resolvers || snapshot_->dnsbl_sites != before->dnsbl_sites ||
                snapshot_->config.dnsbl.timeout != before->config.dnsbl.timeout ||
                snapshot_->config.dnsbl.test_interval != before->config.dnsbl.test_interval)
                watch_lists();
        });
        lookups_.keep_only(*snapshot_->dnsbl_sites);
    });
}

void worker::use_servers(std::shared_ptr<const io::server_book> book)
{
    asio::post(context_, [this, next = std::move(book)]() mutable {
        env_.guard([&] {
            // What lists seemed to be through other servers says nothing about them now.
            if (resolvers_.use(std::move(next))) watch_lists();
        });
    });
}

void worker::watch_lists()
{
    const auto& config = snapshot_->config;
    lookups_.watch(snapshot_->dnsbl_sites, snapshot_->list_states, config.dnsbl.timeout,
                   dnsbl::timing_for(config.dnsbl.test_interval));
}

void worker::use_senders(std::shared_ptr<const acl::sender_set> senders)
{
    asio::post(context_, [this, next = std::move(senders)]() mutable { env_.senders.swap(next); });
}

void worker::use_recipients(std::shared_ptr<const mta::recipient_set> recipients)
{
    asio::post(context_,
               [this, next = std::move(recipients)]() mutable { env_.recipients.swap(next); });
}

void worker::use_timed_rules(std::shared_ptr<const acl::timed_rule_set> rules)
{
    asio::post(context_,
               [this, next = std::move(rules)]() mutable { env_.timed_rules.swap(next); });
}

void worker::use_ban(const network& who, std::optional<abuse::ban> what)
{
    asio::post(context_, [this, who, next = std::move(what)]() mutable {
        env_.guard(
            [&] { next ? abuse_.bans().put(who, std::move(*next)) : abuse_.bans().remove(who); });
    });
}

void worker::tell_rates(std::function<void(abuse_watch::figures)> done)
{
    asio::post(context_,
               [this, done = std::move(done)] { env_.guard([&] { done(abuse_.counts()); }); });
}

void worker::use_feeds(std::shared_ptr<const feed_set> feeds)
{
    asio::post(context_, [this, next = std::move(feeds)]() mutable { env_.feeds.swap(next); });
}

worker& worker::owner_of(const ip_address& client) noexcept
{
    return all_.empty() ? *this : *all_[io::worker_of(client, static_cast<unsigned>(all_.size()))];
}

void worker::tell_resolvers(std::function<void(io::resolver_pool::named_figures)> done)
{
    asio::post(context_,
               [this, done = std::move(done)] { env_.guard([&] { done(resolvers_.figures()); }); });
}

void worker::call(std::function<void()> what)
{
    asio::post(context_, std::move(what));
}

void worker::begin(incoming connection)
{
    // Counted until its session counts for itself.
    auto descriptor = std::make_unique<counted>(registry_.shared().descriptors);
    asio::post(context_, [this, connection = std::move(connection),
                          descriptor = std::move(descriptor)]() mutable {
        env_.guard([&] { begin_session(env_, std::move(connection)); });
    });
}

void worker::stop_accepting()
{
    asio::post(context_, [this] {
        for (auto& one : acceptors_)
            one->stop();
    });
}

void worker::close_doors(std::function<void()> done)
{
    asio::post(context_, [this, done = std::move(done)] {
        for (auto& one : acceptors_)
            one->stop();
        registry_.turn_away();
        done();
    });
}

void worker::drain(std::function<void()> when_empty)
{
    asio::post(context_, [this, when_empty = std::move(when_empty)]() mutable {
        registry_.dismiss();
        registry_.drain([this, when_empty = std::move(when_empty)] {
            abuse_.wake(); // what its last sessions had to report
            when_empty();
        });
    });
}

void worker::kill_sessions()
{
    asio::post(context_, [this] { registry_.kill_all(); });
}

void worker::stop()
{
    busy_.reset();
    context_.stop();
    if (thread_.joinable()) thread_.join();
    // Only after an exception are sessions left. They use what dies before the context does, so
    // they must be gone first; closing their streams ends whatever they wait for.
    registry_.kill_all();
    while (!registry_.is_empty()) {
        context_.restart();
        context_.run_one();
    }
}

void worker::accept(incoming connection, bool is_steered)
{
    // Decided by the address alone, before an octet is read.
    if (snapshot_->config.proxy_protocol.trusts(connection.client.address))
        env_.spawn(intake_.receive(std::move(connection)));
    else if (auto& owner = is_steered ? *this : owner_of(connection.client.address); &owner == this)
        begin_session(env_, std::move(connection));
    else
        owner.begin(std::move(connection));
}

} // namespace fendmail::app
