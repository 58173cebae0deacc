// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/worker.hpp"

#include "fendmail/app/session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <pthread.h>
#include <string>

namespace fendmail::app {

namespace asio = boost::asio;

worker::worker(std::shared_ptr<const service> what, io::allowlist_store& store, event_sink& events,
               totals& shared)
    : busy_{asio::make_work_guard(context_)}
    , service_{std::move(what)}
    , store_{&store}
    , events_{&events}
    , registry_{shared, events}
    , deadlines_{context_}
    , lookups_{context_, events, service_->config.resolvers}
{
}

worker::~worker()
{
    stop();
}

void worker::listen(io::unique_fd socket, const endpoint& where)
{
    listeners_.push_back(std::make_unique<io::listener>(
        context_, std::move(socket), where, *events_,
        [this] { return registry_.shared().has_room_for_client(); },
        [this](io::stream::socket connected, const endpoint& client, const endpoint& local) {
            accept(std::move(connected), client, local);
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
        try {
            if (next->config.resolvers != service_->config.resolvers)
                lookups_.set_resolvers(next->config.resolvers);
        } catch (const std::exception& e) { // the old ones stay
            const std::string text = e.what();
            events_->on(event::internal_error{text});
        }
        lookups_.keep_only(*next->dnsbl_sites);
        service_ = std::move(next);
    });
}

void worker::drain(std::function<void()> when_empty)
{
    asio::post(context_, [this, when_empty = std::move(when_empty)]() mutable {
        for (auto& one : listeners_)
            one->stop();
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
    while (registry_.sessions() != 0) {
        context_.restart();
        context_.run_one();
    }
}

void worker::accept(io::stream::socket socket, const endpoint& client, const endpoint& local)
{
    asio::co_spawn(context_, run_session(*this, service_, std::move(socket), client, local),
                   [this](std::exception_ptr escaped) {
                       if (!escaped) return;
                       // A bug of ours or no memory: it ends this session and no other.
                       try {
                           std::rethrow_exception(escaped);
                       } catch (const std::exception& e) {
                           const std::string text = e.what();
                           events_->on(event::internal_error{text});
                       }
                   });
}

} // namespace fendmail::app
