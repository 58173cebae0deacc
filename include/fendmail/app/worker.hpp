// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/intake.hpp"
#include "fendmail/app/registry.hpp"
#include "fendmail/app/service.hpp"
#include "fendmail/core/acl/sender_set.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/io/allowlist_store.hpp"
#include "fendmail/io/deadline_queue.hpp"
#include "fendmail/io/dnsbl_lookup.hpp"
#include "fendmail/io/gatherer.hpp"
#include "fendmail/io/listener.hpp"
#include "fendmail/io/resolver.hpp"
#include "fendmail/io/server_book.hpp"
#include "fendmail/io/unique_fd.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

/// One thread with its own event loop and all that its sessions share.
///
/// Threads: the public functions may be called from the main thread, and take_over() from other
/// workers; they post to the worker.
namespace fendmail::app {

/// A client whose connection another worker has accepted.
struct newcomer {
    io::unique_fd socket;
    std::shared_ptr<const service> what; ///< taken when the connection was accepted
    endpoint client;
    endpoint local;
};

class worker {
public:
    worker(std::shared_ptr<const service> what, io::allowlist_store& store, event_sink& events,
           totals& shared, std::shared_ptr<const io::server_book> book);
    ~worker();
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    /// Before start(): accepts from this socket too.
    void listen(io::unique_fd socket, const endpoint& where);
    /// Before start(): all workers, this one among them, in the order of their sockets.
    void know(std::vector<worker*> all) { all_ = std::move(all); }
    void start();
    /// New sessions work with this from now on.
    void use(std::shared_ptr<const service> what);
    /// Other name servers from now on, also for what has been asked and not answered.
    void use_servers(std::shared_ptr<const io::server_book> book);
    /// New sessions know these senders from now on; null = none.
    void use_senders(std::shared_ptr<const acl::sender_set> senders);
    /// Begins a session here.
    void take_over(newcomer who);
    /// Accepts no more and hands nobody over any more; then `done` is called on the worker.
    void close_doors(std::function<void()> done);
    /// `when_empty` is called on the worker as soon as no session is left.
    /// @pre the doors of all workers are closed
    void drain(std::function<void()> when_empty);
    void kill_sessions();
    /// Ends the loop and joins the thread. @pre no session is left
    void stop();

    // For the sessions of this worker, on its thread.
    [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
    [[nodiscard]] io::deadline_queue& deadlines() noexcept { return deadlines_; }
    [[nodiscard]] io::gatherer& gathering() noexcept { return gathering_; }
    [[nodiscard]] io::dnsbl_lookup& lookups() noexcept { return lookups_; }
    [[nodiscard]] io::allowlist_store& store() noexcept { return *store_; }
    [[nodiscard]] event_sink& events() noexcept { return *events_; }
    [[nodiscard]] registry& sessions() noexcept { return registry_; }
    /// For the names of clients.
    [[nodiscard]] const std::shared_ptr<io::resolver>& resolver() noexcept { return resolver_; }
    /// Null when there are none.
    [[nodiscard]] const acl::sender_set* senders() const noexcept { return senders_.get(); }
    /// The worker that the connections of this client come to.
    [[nodiscard]] worker& owner_of(const ip_address& client) noexcept;
    /// Runs a coroutine of a session; what escapes it ends this session and no other.
    void spawn(io::awaitable<void> what);
    /// Does the same with a step of a session that is no coroutine.
    template <class Step>
    void guard(Step step) noexcept
    {
        try {
            step();
        } catch (const std::exception& e) { // a bug of ours or no memory
            tell_failure(e);
        }
    }

private:
    void watch_lists();
    [[nodiscard]] std::shared_ptr<io::resolver> make_resolver();
    void accept(io::unique_fd connected, const endpoint& client, const endpoint& local);
    void tell_failure(const std::exception& what) noexcept;

    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy_;
    std::shared_ptr<const service> service_;
    std::shared_ptr<const acl::sender_set> senders_;
    std::shared_ptr<const io::server_book> book_;
    io::allowlist_store* store_;
    event_sink* events_;
    registry registry_;
    intake intake_{*this};
    io::deadline_queue deadlines_;
    io::gatherer gathering_{context_.get_executor()};
    io::dnsbl_lookup lookups_;
    std::shared_ptr<io::resolver> resolver_;
    std::vector<std::unique_ptr<io::listener>> listeners_;
    std::vector<worker*> all_;
    std::thread thread_;
};

} // namespace fendmail::app
