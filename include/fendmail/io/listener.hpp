// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/gatherer.hpp"
#include "fendmail/io/unique_fd.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// Listening sockets: bound while we may, shared out to the workers, accepted from.
///
/// Source: SO_REUSEPORT gives each worker a queue of its own; a classic BPF program of the group
/// (SO_ATTACH_REUSEPORT_CBPF) picks the queue by the client's address, so that one client always
/// meets the same worker: its limit is exact and its lookups are shared without a lock.
/// Errors: bind_all throws std::runtime_error with the address and what to do. A failed accept is
/// told once a second at most; when descriptors are short the listener pauses instead of spinning.
/// Threads: bind_all on the main thread; a listener belongs to one worker.
namespace fendmail::io {

/// The sockets of one address, one for each worker.
struct bound_address {
    endpoint where; ///< with the port the kernel chose, if 0 was asked for
    std::vector<unique_fd> sockets;
    bool is_steered = true; ///< false: the kernel shares clients out at random
};

/// True when this kernel was built or started without the address's family.
[[nodiscard]] bool is_family_missing(const endpoint& where) noexcept;

[[nodiscard]] std::vector<bound_address> bind_all(const std::vector<endpoint>& wanted,
                                                  unsigned workers);

/// Two IPv6 addresses that begin with the same so many bits meet the same worker: they may be one
/// client, and whoever counts its sessions must see all of them.
inline constexpr unsigned steered_ipv6_prefix = 48;

/// Which of `workers` that program picks for a client. Who learns a client's address only from a
/// PROXY header hands it over to this one, to meet whoever else of that client is there.
[[nodiscard]] unsigned worker_of(const ip_address& client, unsigned workers) noexcept;

class listener {
public:
    using on_client = std::function<void(unique_fd, const endpoint& client, const endpoint& local)>;

    /// @param has_room asked before each accept; while it says no, clients wait in the kernel's
    /// queue
    /// @param accept gets a non-blocking socket
    listener(boost::asio::io_context& context, unique_fd socket, const endpoint& where,
             event_sink& events, gatherer& gathering, std::function<bool()> has_room,
             on_client accept);
    void start();
    /// Closes the socket; connections that nobody has accepted yet are refused by the kernel.
    void stop() noexcept;

private:
    awaitable<void> run();
    enum class queue : std::uint8_t {
        empty,
        has_more, ///< for the next turn: others should have theirs
        waits,    ///< no room or no descriptor: better try again after a pause
    };
    /// Takes clients from the kernel's queue.
    [[nodiscard]] queue accept_some();
    /// Has the event loop watch the socket, or not.
    void watch(bool wanted, error_code& error);
    [[nodiscard]] int descriptor() noexcept;
    [[nodiscard]] endpoint local_address(int connected) const noexcept;
    [[nodiscard]] bool may_report() noexcept;

    unique_fd unwatched_; ///< the socket while the event loop does not watch it
    asio::basic_socket_acceptor<asio::ip::tcp, executor> acceptor_; ///< open while it does
    steady_timer pause_;
    endpoint where_;
    bool is_any_address_; ///< clients meet it under several addresses
    event_sink* events_;
    gatherer* gathering_;
    std::function<bool()> has_room_;
    on_client accept_;
    tick next_report_{};
    bool stopped_ = false;
};

} // namespace fendmail::io
