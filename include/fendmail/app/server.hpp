// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/address_book.hpp"
#include "fendmail/app/admin/http.hpp"
#include "fendmail/app/backend_prover.hpp"
#include "fendmail/app/backend_watch.hpp"
#include "fendmail/app/config/load.hpp"
#include "fendmail/app/known_senders.hpp"
#include "fendmail/app/observer.hpp"
#include "fendmail/app/registry.hpp"
#include "fendmail/app/worker.hpp"
#include "fendmail/io/allowlist_store.hpp"
#include "fendmail/io/listener.hpp"
#include "fendmail/io/resilient_store.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// The whole of a running fendmail: built from a configuration, reloaded on SIGHUP, its log
/// opened anew on SIGUSR1, stopped in order on SIGTERM or SIGINT.
///
/// Errors: the constructor throws std::exception with a message for the admin when something
/// that is needed cannot be had (a port, a user, the log, the store).
/// Threads: the main thread; workers have their own.
namespace fendmail::app {

class server {
public:
    /// Where a reload finds the configuration.
    using reader = std::function<loaded()>;

    /// Binds, gives up privileges, opens log and store, in this order.
    server(config initial, std::string config_name, reader reload);
    ~server();

    /// Serves until a signal, then stops in order.
    void run();
    /// The addresses with the ports the kernel chose.
    [[nodiscard]] std::vector<endpoint> addresses() const;

private:
    void open_store();
    void open_admin();
    /// @return "" when clients may come
    [[nodiscard]] std::string why_unready() const;
    void open_addresses();
    void keep_descriptors_back();
    void tell_of_plain();
    void open_senders();
    void start_workers();
    void await_signal();
    void on_signal(int number);
    void reopen_log();
    [[nodiscard]] std::string reload();
    void tell_serving(std::string_view remark) const;
    void begin_stop();
    void worker_is_closed();
    void cut_sessions();
    void worker_is_empty();

    startup_config startup_;
    std::shared_ptr<const service> service_;
    std::string config_name_;
    reader reader_;
    std::vector<io::bound_address> bound_;
    std::vector<endpoint> addresses_;
    std::unique_ptr<observer> events_;
    std::unique_ptr<io::allowlist_store> store_;
    io::resilient_store* lmdb_ = nullptr; ///< `store_`, when that is what it is
    totals totals_;
    boost::asio::io_context context_{1};
    boost::asio::signal_set signals_;
    boost::asio::steady_timer stop_deadline_;
    std::unique_ptr<admin_http> admin_;
    std::unique_ptr<address_book> addresses_in_use_;
    backend_watch backend_watch_{context_, [this] { return service_; }};
    backend_prover prover_{context_, [this] { return service_; },
                           [this]() -> event_sink& { return *events_; }};
    std::vector<std::unique_ptr<worker>> workers_;
    std::unique_ptr<known_senders> senders_;
    std::size_t closed_workers_ = 0;
    std::size_t empty_workers_ = 0;
    std::size_t sessions_cut_ = 0;
    bool stopping_ = false;
    bool cutting_ = false;
};

} // namespace fendmail::app
