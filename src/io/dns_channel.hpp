// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dns_sockets.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/pace.hpp"
#include "fendmail/io/resolver.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include <ares.h>

/// One c-ares channel whose sockets and timeouts Asio watches.
///
/// Source: ares_init_options(3), ares_process(3); c-ares 1.18.1.
/// Units: while queries come fast (see core/pace.hpp), Asio does not watch the sockets for answers;
/// they are looked at every `gather_interval`, all at once. It ends on the grid of deadline_queue,
/// so that both mostly share one wake. A query that comes alone is answered at once.
/// Errors: the constructor throws `std::runtime_error`; a query ends with a status of c-ares.
/// Threads: one worker owns it; all calls on that worker's io_context.
namespace fendmail::io {

class dns_channel {
public:
    static constexpr milliseconds gather_interval{10};
    /// In a window of `pace`: 400 a second, or 100 clients who are asked about in four lists.
    static constexpr std::size_t queries_fast = 20;

    /// @param servers empty = those of resolv.conf; port 0 = 53
    dns_channel(boost::asio::io_context& context, std::span<const endpoint> servers,
                resolver_tries tries);
    /// Ends running queries with ARES_EDESTRUCTION. Never from within an `on_answer`.
    ~dns_channel();
    dns_channel(const dns_channel&) = delete;
    dns_channel& operator=(const dns_channel&) = delete;

    /// Calls `on_answer` with `argument` once, possibly from within this call.
    void query(const std::string& name, dns_type type, ares_callback on_answer, void* argument);

    /// In the order in which they are asked.
    [[nodiscard]] std::vector<endpoint> servers() const;

private:
    struct watched_socket;
    struct channel_deleter {
        void operator()(ares_channel channel) const noexcept { ares_destroy(channel); }
    };

    void open();
    void set_servers(std::span<const endpoint> servers);
    void on_socket_state(ares_socket_t socket, bool readable, bool writable);
    static void watch(const std::shared_ptr<watched_socket>& socket);
    void process(ares_socket_t readable, ares_socket_t writable);
    void send_later();
    void begin_to_gather();
    void gather_later();
    void gather();
    void end_gathering();
    void arm_timer();

    resolver_tries tries_;
    boost::asio::steady_timer timer_;
    bool timer_armed_ = false;
    std::shared_ptr<dns_channel*> self_; // a fired timer may find the channel gone
    boost::asio::io_context& context_;
    boost::asio::steady_timer gather_timer_;
    pace pace_{queries_fast};
    bool is_gathering_ = false;
    bool is_send_posted_ = false;
    dns_sockets sockets_;
    std::unordered_map<ares_socket_t, std::shared_ptr<watched_socket>> watched_;
    // Last, so that it goes first: c-ares closes its sockets through on_socket_state().
    std::unique_ptr<std::remove_pointer_t<ares_channel>, channel_deleter> channel_;
};

} // namespace fendmail::io
