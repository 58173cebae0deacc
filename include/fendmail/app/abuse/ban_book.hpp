// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/abuse/abuse_watch.hpp"
#include "fendmail/app/config/config.hpp"
#include "fendmail/app/observe/heavy_hitters.hpp"
#include "fendmail/core/abuse/ban_ledger.hpp"
#include "fendmail/core/abuse/ban_table.hpp"
#include "fendmail/core/abuse/recent_clients.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/os/line_journal.hpp"

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

/// Who is banned: takes what the workers report, decides (core/abuse/ban_ledger), tells the
/// workers, and keeps it in a file.
///
/// A ban is in the file before it is told; offences at most a second later.
/// Memory: that of the ledger, and of the clients whose mail was accepted; each at most 100,000.
/// Errors: a file that cannot be read or written is told as a caution, and tried again with the
/// next change; bans then end with the process.
/// Threads: the thread of its io_context.
namespace fendmail::app {

class ban_book {
public:
    /// Tells the workers: a ban, or nothing for one that is over.
    using publisher = std::function<void(const network&, const std::optional<abuse::ban>&)>;
    /// Who is never banned for what it is; accepted mail and gateways are looked at here.
    using guard = std::function<abuse::ban_guard(const network&)>;

    /// Reads the file, and publishes what is in it.
    /// @param file "" = it is kept in memory only
    ban_book(boost::asio::io_context& context, event_sink& events, std::filesystem::path file,
             const runtime_config& config, publisher publish, guard who_is_never);
    /// Writes what is not written yet.
    void stop();
    /// Another process has the file as well from now on: this one only appends to it.
    void let_go();
    /// What another process has written since the start: its last sessions, an admin's changes.
    void read_again();
    /// What waits for it.
    void write_now();

    void configure(const runtime_config& config);
    void take(const abuse_watch::reports& reports);

    /// Those in force, the one that ends first being first.
    [[nodiscard]] std::vector<abuse::offender> bans() const;
    [[nodiscard]] const abuse::offender* find(const ip_address& client) const;
    /// @return why not
    [[nodiscard]] std::optional<std::string> add(const network& who, seconds span);
    [[nodiscard]] bool remove(const network& who);
    /// Why this client would not be banned.
    [[nodiscard]] abuse::ban_guard guard_of(const network& who) const;

    struct figures {
        std::size_t bans = 0;
        std::size_t offenders = 0;
        std::uint64_t evicted = 0;
        bool is_paused = false;
    };
    [[nodiscard]] figures counts() const noexcept;

private:
    /// Sessions that reached the backend, of each client.
    using traffic = heavy_hitters<ip_address, 128>;
    static constexpr seconds period = std::chrono::minutes{5};

    void restore();
    void take(const client_report& what, instant now);
    void count(const ip_address& client);
    [[nodiscard]] bool is_gateway(const ip_address& client) const;
    void act_on(const abuse::ban_ledger::judgement& found, const network& who);
    void begin(const abuse::offender& of);
    void end(const network& who, bool by_admin);
    void write_soon(const std::string& line);
    void rewrite();
    void tell(const std::optional<std::string>& failure, std::string_view what);
    void wait();
    void on_second();
    [[nodiscard]] network client_of(const ip_address& address) const noexcept;
    [[nodiscard]] double jitter();

    event_sink& events_;
    publisher publish_;
    guard who_is_never_;
    std::optional<io::line_journal> journal_;
    std::filesystem::path file_;
    abuse::ban_ledger ledger_;
    abuse::recent_clients accepted_;
    std::array<traffic, 2> traffic_; ///< of this period and the one before
    std::array<std::uint64_t, 2> sessions_{};
    tick period_begun_;
    unsigned client_ipv6_prefix_ = 64;
    io::steady_timer timer_;
    std::minstd_rand random_;
    std::string told_failure_;
    bool may_rewrite_ = true;
    bool is_stopped_ = false;
};

/// Beside the client store.
[[nodiscard]] std::filesystem::path bans_file_of(const std::filesystem::path& store);

} // namespace fendmail::app
