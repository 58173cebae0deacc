// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/worker.hpp"

#include "fendmail/app/session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <pthread.h>
#include <utility>

namespace fendmail::app {

namespace asio = boost::asio;

worker::worker(std::shared_ptr<const service> what, io::allowlist_store& store, event_sink& events,
               totals& shared, std::shared_ptr<const io::server_book> book)
    : busy_{asio::make_work_guard(context_)}
    , service_{std::move(what)}
    , book_{std::move(book)}
    , store_{&store}
    , events_{&events}
    , registry_{shared, events}
    , deadlines_{context_}
    , lookups_{context_, events, service_->config.resolvers, book_}
    , resolver_{make_resolver()}
{
    watch_lists();
}

worker::~worker()
{
    stop();
}

void worker::listen(io::unique_fd socket, const endpoint& where)
{
    listeners_.push_back(std::make_unique<io::listener>(
        context_, std::move(socket), where, *events_, gathering_,
        [this] { return registry_.shared().has_room_for_client(); },
        [this](io::unique_fd connected, const endpoint& client, const endpoint& local) {
            guard([&] { accept(std::move(connected), client, local); });
        }));
}

void worker::start()
{
    for (auto& one : listeners_)
        one->start();
    thread_ = std::thread{[this] { context_.run(); }};
    ::pthread_setname_np(thread_.native_handle(), "fendmail-worker");
}

void worker::use(std::shared_ptr<const service> what)
{
    asio::post(context_, [this, next = std::move(what)]() mutable {
        const auto before = std::exchange(service_, std::move(next));
        try {
            const bool new_resolvers = service_->config.resolvers != before->config.resolvers;
            if (new_resolvers) {
                lookups_.set_resolvers(service_->config.resolvers);
                resolver_ = make_resolver();
            }
            // What was found through other resolvers says nothing about these.
            if (new_resolvers || service_->dnsbl_sites != before->dnsbl_sites ||
                service_->config.dnsbl_timeout != before->config.dnsbl_timeout ||
                service_->config.dnsbl_test_interval != before->config.dnsbl_test_interval)
                watch_lists();
        } catch (const std::exception& e) { // the old ones stay
            const std::string text = e.what();
            events_->on(event::internal_error{text});
        }
        lookups_.keep_only(*service_->dnsbl_sites);
    });
}

void worker::use_servers(std::shared_ptr<const io::server_book> book)
{
    asio::post(context_, [this, next = std::move(book)]() mutable {
        guard([&] {
            book_ = std::move(next);
            resolver_->use(*book_);
            // What lists seemed to be through other servers says nothing about them now.
            if (lookups_.use(book_)) watch_lists();
        });
    });
}

std::shared_ptr<io::resolver> worker::make_resolver()
{
    return std::make_shared<io::resolver>(context_, service_->config.resolvers,
                                          io::resolver_settings{}, book_.get());
}

void worker::watch_lists()
{
    const auto& config = service_->config;
    lookups_.watch(service_->dnsbl_sites, service_->zone_states, config.dnsbl_timeout,
                   dnsbl::timing_for(config.dnsbl_test_interval));
}

void worker::use_senders(std::shared_ptr<const acl::sender_set> senders)
{
    asio::post(context_, [this, next = std::move(senders)]() mutable { senders_.swap(next); });
}

worker& worker::owner_of(const ip_address& client) noexcept
{
    return all_.empty() ? *this : *all_[io::worker_of(client, static_cast<unsigned>(all_.size()))];
}

void worker::take_over(newcomer who)
{
    // Counted until its session counts for itself.
    auto descriptor = std::make_unique<counted>(registry_.shared().descriptors);
    asio::post(context_, [this, who = std::move(who),
                          descriptor = std::move(descriptor)]() mutable {
        guard([&] {
            begin_session(*this, std::move(who.what), std::move(who.socket), who.client, who.local);
        });
    });
}

void worker::close_doors(std::function<void()> done)
{
    asio::post(context_, [this, done = std::move(done)] {
        for (auto& one : listeners_)
            one->stop();
        registry_.turn_away();
        done();
    });
}

void worker::drain(std::function<void()> when_empty)
{
    asio::post(context_, [this, when_empty = std::move(when_empty)]() mutable {
        registry_.dismiss();
        registry_.drain(std::move(when_empty));
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
    // Only after an exception is anybody left. Sessions use what dies before the context does, so
    // they must be gone first; closing their streams ends whatever they wait for.
    registry_.kill_all();
    while (!registry_.is_empty()) {
        context_.restart();
        context_.run_one();
    }
}

void worker::accept(io::unique_fd connected, const endpoint& client, const endpoint& local)
{
    // Decided by the address alone, before an octet is read.
    if (service_->config.trusts(client.address))
        spawn(intake_.receive(service_, std::move(connected), client, local));
    else
        begin_session(*this, service_, std::move(connected), client, local);
}

void worker::spawn(io::awaitable<void> what)
{
    asio::co_spawn(context_, std::move(what), [this](std::exception_ptr escaped) {
        if (escaped) guard([&] { std::rethrow_exception(escaped); });
    });
}

void worker::tell_failure(const std::exception& what) noexcept
{
    events_->on(event::internal_error{what.what()});
}

} // namespace fendmail::app
