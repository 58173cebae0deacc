// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/abuse/abuse_watch.hpp"
#include "fendmail/app/feeds/feed_set.hpp"
#include "fendmail/app/server/intake.hpp"
#include "fendmail/app/session/environment.hpp"
#include "fendmail/app/session/session.hpp"
#include "fendmail/app/shared/registry.hpp"
#include "fendmail/app/shared/snapshot.hpp"
#include "fendmail/core/acl/sender_set.hpp"
#include "fendmail/core/acl/timed_rules.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/mta/recipient_table.hpp"
#include "fendmail/io/dns/resolver_pool.hpp"
#include "fendmail/io/dns/server_book.hpp"
#include "fendmail/io/dnsbl/lookup.hpp"
#include "fendmail/io/net/acceptor.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/wake_coalescer.hpp"
#include "fendmail/io/os/unique_fd.hpp"
#include "fendmail/io/store/allowlist_store.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

/// One thread with its own event loop and all that its sessions share.
///
/// Threads: the public functions may be called from the main thread, and begin() from other
/// workers; they post to the worker.
namespace fendmail::app {

/// Where a worker's sessions report what they have seen of their clients.
struct worker_reports {
    std::function<void(abuse_watch::reports)> send; ///< called on the worker
    std::size_t workers = 1;                        ///< of the process
    grey_asker ask_grey{};
};

class worker {
public:
    worker(std::shared_ptr<const snapshot> what, io::allowlist_store& store, event_sink& events,
           process_counters& shared, std::shared_ptr<const io::server_book> book,
           worker_reports reports);
    ~worker();
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    /// Before start(): accepts from this socket too.
    /// @param is_steered the kernel brings it the clients that are this worker's and no others
    void listen(io::unique_fd socket, bool is_steered);
    /// Before start(): all workers, this one among them, in the order of their sockets.
    void know(std::vector<worker*> all) { all_ = std::move(all); }
    void start();
    /// New sessions work with this from now on.
    void use(std::shared_ptr<const snapshot> what);
    /// Other name servers from now on, also for what has been asked and not answered.
    void use_servers(std::shared_ptr<const io::server_book> book);
    /// New sessions know these senders from now on; null = none.
    void use_senders(std::shared_ptr<const acl::sender_set> senders);
    /// New sessions know these recipients from now on; null = none.
    void use_recipients(std::shared_ptr<const mta::recipient_set> recipients);
    /// New sessions obey these from now on; null = none.
    void use_timed_rules(std::shared_ptr<const acl::timed_rule_set> rules);
    /// A client or network is banned from now on, or no longer.
    void use_ban(const network& who, std::optional<abuse::ban> what);
    /// Calls `done` on the worker with what its rates have seen.
    void tell_rates(std::function<void(abuse_watch::figures)> done);
    /// New sessions are looked up in these from now on; null = none.
    void use_feeds(std::shared_ptr<const feed_set> feeds);
    /// Calls `done` on the worker with what its resolvers have done so far.
    void tell_resolvers(std::function<void(io::resolver_pool::named_figures)> done);
    /// Calls it on the worker, which shows that its loop turns.
    void call(std::function<void()> what);
    /// Begins a session here.
    void begin(incoming connection);
    /// Accepts no more; sessions and connections of balancers go on.
    void stop_accepting();
    /// Accepts no more and hands no client to other workers any more; then `done` is called on the
    /// worker.
    void close_doors(std::function<void()> done);
    /// `when_empty` is called on the worker as soon as no session is left.
    /// @pre the doors of all workers are closed
    void drain(std::function<void()> when_empty);
    void kill_sessions();
    /// Ends the loop and joins the thread. @pre no session is left
    void stop();

private:
    void watch_lists();
    void accept(incoming connection, bool is_steered);
    /// The worker that the connections of this client come to.
    [[nodiscard]] worker& owner_of(const ip_address& client) noexcept;

    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy_;
    std::shared_ptr<const snapshot> snapshot_;
    registry registry_;
    io::deadline_queue deadlines_;
    io::resolver_pool resolvers_;
    io::wake_coalescer wakes_{context_.get_executor()};
    io::dnsbl_lookup lookups_;
    abuse_watch abuse_;
    environment env_;
    intake intake_;
    std::vector<std::unique_ptr<io::acceptor>> acceptors_;
    std::vector<worker*> all_;
    std::thread thread_;
};

} // namespace fendmail::app
