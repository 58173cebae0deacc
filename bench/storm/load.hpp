// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "storm/client.hpp"
#include "storm/histogram.hpp"
#include "storm/options.hpp"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

/// Makes clients come, at a rate or as others leave, and counts what became of them.
///
/// Units: latencies in microseconds, from when a client was due: in an open loop a client that we
/// start late has waited too. With `at_once` from when its connection was established: of
/// thousands that connect in one moment some have their SYN lost and sent again after 1 and 3 s,
/// which is the kernel's doing and not the server's. `connect` says how long that took.
/// Memory: that of the clients, and one mail for each size.
/// Errors: are counted; nothing throws but for lack of memory.
/// Threads: one.
namespace fendmail::storm {

struct group_result {
    std::string name;
    std::uint64_t started = 0;
    std::uint64_t finished = 0;
    std::uint64_t refused = 0;
    std::uint64_t let_through = 0;
    std::uint64_t deferred = 0;
    std::uint64_t unexpected = 0;
    std::array<std::uint64_t, failure_count> failures{};
    histogram connect;  ///< from the start of a client until its connection was established
    histogram heard;    ///< from there to the first octets of the server
    histogram held;     ///< from the server's first octets to the last line of its greeting
    histogram greeting; ///< to the last line of the greeting, or what came in its place
    histogram verdict;  ///< to the reply that decided
    histogram total;    ///< to the server's end of the connection
};

struct load_result {
    std::vector<group_result> groups;
    double seconds = 0;       ///< first start to last end
    std::uint64_t missed = 0; ///< arrivals dropped: too many clients were under way
    std::uint64_t peak = 0;   ///< most clients at once
    bool was_stopped = false; ///< by a signal
};

class load final : client_owner {
public:
    explicit load(const options& wanted);
    /// Runs to the end.
    load_result run();

private:
    void on_connected(client& who) override;
    void on_heard(client& who) override;
    void on_finished(client& who) override;

    [[nodiscard]] bool may_start() const noexcept;
    void start_one(clock::time_point due);
    void start_due();
    void start_ready();
    void stop_all(failure why);
    void tick();
    void drop_late(clock::time_point now);
    void show_progress(clock::time_point now);
    void end_if_done();
    [[nodiscard]] bool holds() const noexcept;

    options options_;
    boost::asio::io_context context_{1};
    boost::asio::steady_timer timer_;
    boost::asio::signal_set signals_;
    std::vector<std::string> mails_;             ///< one for each group
    std::list<std::shared_ptr<client>> clients_; ///< in the order of their start
    load_result result_;
    clock::time_point begin_;
    clock::time_point next_progress_;
    std::uint64_t arrivals_ = 0;
    std::uint64_t finished_ = 0;
    std::uint64_t finished_before_ = 0; ///< when progress was shown last
    /// Not connected yet; of those who are held, not heard yet: none of them ever makes room, so
    /// only that shows how fast the server takes them in.
    std::uint64_t arriving_ = 0;
    std::uint64_t heard_ = 0;
    bool is_over_ = false; ///< no more clients start
    bool shows_progress_ = false;
};

} // namespace fendmail::storm
