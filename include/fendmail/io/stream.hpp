// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/deadline_queue.hpp"
#include "fendmail/io/waiter.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// One connected stream socket, of a client (TCP) or a backend (TCP or UNIX).
///
/// Units: octets.
/// Memory: the socket; no buffer of its own.
/// Errors: as values: every wait says how it ended.
/// Threads: one worker.
///
/// Waking a stream (as a waiter: a deadline, a finished lookup) ends the wait that is under way
/// with `woken`; the socket stays usable. If no wait is under way, the next one ends at once only
/// when its deadline has passed; whoever waits for other things checks them before each wait.
namespace fendmail::io {

enum class wait_end : std::uint8_t {
    ready,     ///< done: readable, read, written
    closed,    ///< end of stream
    failed,    ///< the connection is broken, or was closed under us
    timed_out, ///< the deadline passed
    woken,     ///< somebody called wake()
};

struct read_result {
    wait_end end = wait_end::failed;
    std::size_t octets = 0; ///< with `ready` at least 1
};

/// What a look at the first octets shows, without taking them.
struct peek_result {
    wait_end end = wait_end::failed; ///< ready, closed or failed
    std::size_t octets = 0;          ///< 0 with `ready`: nothing there yet
};

class stream final : public waiter {
public:
    using socket = asio::generic::stream_protocol::socket;

    explicit stream(socket connected)
        : socket_{std::move(connected)}
    {
    }
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() = default;

    [[nodiscard]] socket& raw() noexcept { return socket_; }
    [[nodiscard]] bool is_open() const noexcept { return socket_.is_open(); }
    void set_no_delay() noexcept;

    /// Waits until something can be read, or the other side has closed.
    asio::awaitable<wait_end> wait_readable(const deadline* limit = nullptr);
    /// Waits only to be woken, or for the connection to break: for a stream that has unread
    /// octets, which would make it readable all the time.
    asio::awaitable<wait_end> wait_woken(const deadline* limit = nullptr);
    asio::awaitable<read_result> read_some(asio::mutable_buffer into, const deadline* limit);
    /// Writes all of it.
    asio::awaitable<wait_end> write(std::string_view octets, const deadline* limit);
    /// Looks at up to `into.size()` octets and leaves them where they are.
    [[nodiscard]] peek_result peek(asio::mutable_buffer into) noexcept;
    /// Writes what the kernel takes at once, for a few octets to a fresh socket.
    /// @return false when not all of it went
    [[nodiscard]] bool write_now(std::string_view octets) noexcept;

    /// No more will be written; the other direction stays open.
    void shutdown_write() noexcept;
    void close() noexcept;
    /// Ends the wait under way.
    void wake() noexcept override;

    /// Gives the descriptor away: it is out of the event loop, and nobody closes it.
    /// @pre no wait is under way
    [[nodiscard]] int release() noexcept;
    /// Takes back a descriptor that was released from this very stream; closes it when it cannot.
    void adopt(int descriptor) noexcept;

private:
    [[nodiscard]] static wait_end end_of(const error_code& error, const deadline* limit) noexcept;
    socket socket_;
};

} // namespace fendmail::io
