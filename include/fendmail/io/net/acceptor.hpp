// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/throttle/report_limit.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/wake_coalescer.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>

/// Accepts clients from one listening socket, of whatever origin: bound here (io/net/bind),
/// inherited, or passed by a service manager.
///
/// Source: accept(2).
/// Memory: one coroutine, one descriptor.
/// Errors: a failed accept is told once a second at most; when descriptors are short the acceptor
/// pauses instead of spinning.
/// Threads: one worker.
namespace fendmail::io {

class acceptor {
public:
    using on_client = std::function<void(unique_fd, const endpoint& client, const endpoint& local)>;

    /// @param socket becomes non-blocking, and what it accepts gets TCP_NODELAY
    /// @param has_room asked before each accept; while it says no, clients wait in the kernel's
    /// queue
    /// @param accept gets a non-blocking socket
    /// @throws std::runtime_error when `socket` is no listening TCP socket, or cannot be set up
    acceptor(boost::asio::io_context& context, unique_fd socket, event_sink& events,
             wake_coalescer& wakes, std::function<bool()> has_room, on_client accept);
    void start();
    /// Closes the socket; the kernel refuses connections that have not been accepted yet, unless
    /// another process or worker has a descriptor of the same socket.
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
    [[nodiscard]] endpoint address_of(int connected) const noexcept;

    unique_fd unwatched_; ///< the socket while the event loop does not watch it
    asio::basic_socket_acceptor<asio::ip::tcp, executor> watched_; ///< open while it does
    steady_timer pause_;
    endpoint where_;
    bool is_any_address_; ///< clients meet it under several addresses
    event_sink* events_;
    wake_coalescer* wakes_;
    std::function<bool()> has_room_;
    on_client accept_;
    report_limit reports_{seconds{1}};
    bool stopped_ = false;
};

} // namespace fendmail::io
