// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/abuse/ban_book.hpp"
#include "fendmail/app/abuse/grey_book.hpp"
#include "fendmail/app/abuse/kernel_link.hpp"
#include "fendmail/app/admin/http.hpp"
#include "fendmail/app/api/api.hpp"
#include "fendmail/app/config/load.hpp"
#include "fendmail/app/feeds/feed_book.hpp"
#include "fendmail/app/names/address_book.hpp"
#include "fendmail/app/names/known_recipients.hpp"
#include "fendmail/app/names/known_senders.hpp"
#include "fendmail/app/observe/client_tops.hpp"
#include "fendmail/app/observe/event_stream.hpp"
#include "fendmail/app/observe/last_hour.hpp"
#include "fendmail/app/observe/log_sink.hpp"
#include "fendmail/app/observe/metrics.hpp"
#include "fendmail/app/observe/observer.hpp"
#include "fendmail/app/rules/timed_rule_book.hpp"
#include "fendmail/app/server/backend_probe.hpp"
#include "fendmail/app/server/backend_prover.hpp"
#include "fendmail/app/server/predecessor.hpp"
#include "fendmail/app/server/watchdog.hpp"
#include "fendmail/app/server/worker.hpp"
#include "fendmail/app/shared/registry.hpp"
#include "fendmail/core/network_set.hpp"
#include "fendmail/io/net/bind.hpp"
#include "fendmail/io/store/allowlist_store.hpp"
#include "fendmail/io/store/resilient_store.hpp"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
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
    /// @param initial with a value
    /// @param before the process whose sockets this one takes over, as the user that it is already;
    /// null = there is none; in use until run() serves
    server(loaded initial, std::string config_name, reader reload, predecessor* before = nullptr);
    ~server();

    /// Serves until a signal, then stops in order.
    void run();
    /// The addresses with the ports the kernel chose.
    [[nodiscard]] std::vector<endpoint> addresses() const;

private:
    void open_store();
    void open_admin();
    void open_admin_at(const listen_address& where, std::string_view key);
    void note_minute();
    void open_rules();
    void open_bans();
    [[nodiscard]] unsigned worker_total() const noexcept;
    [[nodiscard]] abuse::ban_guard guard_of(const network& who,
                                            std::span<const ip_address> own) const;
    void open_kernel();
    void serve_kernel();
    void open_grey();
    [[nodiscard]] kernel_link::settings kernel_settings() const;
    [[nodiscard]] std::vector<abuse::kernel_ban> kernel_list() const;
    [[nodiscard]] const network_set& permitted_networks() const;
    void permissions_change();
    [[nodiscard]] bool is_let_through(const network& who, const network_set& permitted,
                                      std::span<const ip_address> own) const;
    void tell_kernel(const network& who, const std::optional<abuse::ban>& what);
    [[nodiscard]] worker_reports reports();
    void publish_ban(const network& who, const std::optional<abuse::ban>& what);
    io::awaitable<abuse_watch::figures> gather_rates();
    [[nodiscard]] api_subject subject();
    [[nodiscard]] web::access_rules admin_rules() const;
    /// @return "" when clients may come
    [[nodiscard]] std::string why_unready() const;
    io::awaitable<std::string> metrics_text();
    io::awaitable<io::resolver_pool::named_figures> gather_resolvers();
    void open_addresses();
    void keep_descriptors_back();
    void tell_of_plain();
    void open_senders();
    void open_recipients();
    void open_feeds();
    [[nodiscard]] feed_book::forbidden forbidden_to_feeds() const;
    void tell_of_passed_sockets();
    void start_workers();
    void keep_duplicates();
    void open_sockets(const std::vector<endpoint>& listen);
    void adopt(inherited_address& from, unsigned workers);
    [[nodiscard]] admin_socket admin_at(const listen_address& where);
    io::awaitable<admin_reply> upgrade();
    [[nodiscard]] admin_reply hand_over();
    io::awaitable<void> hand_over_to(std::shared_ptr<admin_stream> successor);
    io::awaitable<void> end_starter();
    void let_go();
    void wait_until_empty();
    void start_watchdog();
    void await_signal();
    void on_signal(int number);
    void ignore_signals() noexcept;
    void reopen_log();
    [[nodiscard]] reload_outcome reload();
    void tell_serving(std::string_view remark) const;
    void begin_stop();
    void worker_is_closed();
    void cut_sessions();
    void worker_is_empty();

    std::vector<effective_key> keys_; ///< of the configuration in use
    startup_config startup_;
    std::shared_ptr<const snapshot> snapshot_;
    std::string config_name_;
    reader reader_;
    std::vector<io::bound_address> bound_;
    std::vector<endpoint> wanted_; ///< of `bound_`, as configured; fewer when others opened them
    bool are_passed_ = false;      ///< by a service manager
    std::vector<inherited_address> duplicates_; ///< of what workers accept from, for a successor
    std::vector<endpoint> addresses_;
    std::unique_ptr<log_sink> log_;
    metrics metrics_;
    event_stream stream_;
    client_tops tops_;
    last_hour hour_;
    std::unique_ptr<observer> events_;
    std::unique_ptr<io::allowlist_store> store_;
    io::resilient_store* lmdb_ = nullptr; ///< `store_`, when that is what it is
    process_counters counters_;
    boost::asio::io_context context_{1};
    boost::asio::signal_set signals_;
    boost::asio::steady_timer stop_deadline_;
    predecessor* before_; ///< until this process serves
    std::string program_; ///< to start a successor of
    api_facts facts_;
    std::unique_ptr<timed_rule_book> rules_;
    std::unique_ptr<ban_book> bans_;
    std::unique_ptr<kernel_link> kernel_;
    mutable std::optional<network_set> permitted_; ///< see permitted_networks()
    std::unique_ptr<grey_book> grey_;
    known_senders::set sender_set_; ///< that the workers have
    std::atomic<std::size_t> reports_on_their_way_{0};
    std::atomic<std::uint64_t> reports_lost_{0};
    std::atomic<std::size_t> questions_on_their_way_{0};
    std::unique_ptr<admin_api> api_;
    std::vector<std::unique_ptr<admin_http>> admin_;
    boost::asio::steady_timer minute_{context_};
    std::unique_ptr<address_book> addresses_in_use_;
    backend_probe backend_probe_{context_, [this] { return snapshot_; }};
    backend_prover prover_{context_, [this] { return snapshot_; },
                           [this]() -> event_sink& { return *events_; }};
    std::vector<std::unique_ptr<worker>> workers_;
    std::unique_ptr<known_senders> senders_;
    std::unique_ptr<known_recipients> recipients_;
    std::unique_ptr<feed_book> feeds_;
    std::unique_ptr<watchdog> watchdog_; ///< none where systemd does not watch
    std::size_t closed_workers_ = 0;
    std::size_t empty_workers_ = 0;
    std::size_t sessions_cut_ = 0;
    std::string reload_error_;                 ///< of the last reload
    boost::asio::steady_timer look_{context_}; ///< whether any session is left here
    std::string takeover_failure_;             ///< what the last successor said
    pid_t starter_ = -1;                       ///< of the successor, until that one serves
    std::string successor_;                    ///< the process that serves now
    tick let_go_until_{};
    unsigned empty_looks_ = 0;
    std::weak_ptr<admin_stream> asking_; ///< a successor that has the sockets and is not ready yet
    bool handing_over_ = false;
    bool handed_over_ = false;
    bool draining_ = false;
    bool stopping_ = false;
    bool is_over_ = false; ///< no session is left, and nothing is waited for any more
    bool cutting_ = false;
};

} // namespace fendmail::app
