// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/registry.hpp"
#include "fendmail/app/service.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/io/allowlist_store.hpp"
#include "fendmail/io/deadline_queue.hpp"
#include "fendmail/io/dnsbl_lookup.hpp"
#include "fendmail/io/listener.hpp"
#include "fendmail/io/unique_fd.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

/// One thread with its own event loop and all that its sessions share.
///
/// Threads: the public functions may be called from the main thread; they post to the worker.
namespace fendmail::app {

class worker {
public:
    worker(std::shared_ptr<const service> what, io::allowlist_store& store, event_sink& events,
           totals& shared);
    ~worker();
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    /// Before start(): accepts from this socket too.
    void listen(io::unique_fd socket, const endpoint& where);
    void start();
    /// New sessions work with this from now on.
    void use(std::shared_ptr<const service> what);
    /// Accepts no more; `when_empty` is called on the worker as soon as no session is left.
    void drain(std::function<void()> when_empty);
    void kill_sessions();
    /// Ends the loop and joins the thread. @pre no session is left
    void stop();

    // For the sessions of this worker, on its thread.
    [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
    [[nodiscard]] io::deadline_queue& deadlines() noexcept { return deadlines_; }
    [[nodiscard]] io::dnsbl_lookup& lookups() noexcept { return lookups_; }
    [[nodiscard]] io::allowlist_store& store() noexcept { return *store_; }
    [[nodiscard]] event_sink& events() noexcept { return *events_; }
    [[nodiscard]] registry& sessions() noexcept { return registry_; }

private:
    void accept(io::stream::socket socket, const endpoint& client, const endpoint& local);

    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy_;
    std::shared_ptr<const service> service_;
    io::allowlist_store* store_;
    event_sink* events_;
    registry registry_;
    io::deadline_queue deadlines_;
    io::dnsbl_lookup lookups_;
    std::vector<std::unique_ptr<io::listener>> listeners_;
    std::thread thread_;
};

} // namespace fendmail::app
