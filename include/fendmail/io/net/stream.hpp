// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/os/unique_fd.hpp"
#include "fendmail/io/waiter.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

/// One connected stream socket, of a client (TCP) or a backend (TCP or UNIX), in plain text until
/// start_tls() and encrypted from then on.
///
/// Units: octets; of the plain text.
/// Memory: the socket; no buffer of its own. One pointer until TLS starts, then see tls_session.
/// The event loop gets to know a socket when it is waited for, and not before: one that is
/// passed on, written to and closed costs neither its entry nor the system calls for that.
/// Errors: as values: every wait says how it ended.
/// Threads: one worker.
///
/// Waking a stream (as a waiter: a deadline, a finished lookup) ends the wait that is under way
/// with `woken`; the socket stays usable. If no wait is under way, the next one ends at once only
/// when its deadline has passed; code that waits for other things checks them before each wait.
/// With TLS all of that holds as well: a wait that was ended loses nothing, and the next one goes
/// on where it stopped. A write goes on after a wake by itself, so that no record is torn.
namespace fendmail::io {

enum class wait_end : std::uint8_t {
    ready,     ///< done: readable, read, written
    closed,    ///< end of stream
    failed,    ///< the connection is broken, or was closed under us
    timed_out, ///< the deadline passed
    woken,     ///< wake() was called
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

class tls_context;
class tls_session;

class stream final : public waiter {
public:
    using socket = asio::basic_stream_socket<asio::generic::stream_protocol, executor>;

    /// Not open.
    explicit stream(executor where);
    /// @param connected non-blocking
    stream(executor where, unique_fd connected);
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream();

    [[nodiscard]] executor get_executor() noexcept { return socket_.get_executor(); }
    [[nodiscard]] bool is_open() const noexcept { return unwatched_ || socket_.is_open(); }
    /// False while a connection is being made, and when it could not be.
    [[nodiscard]] bool is_connected() noexcept;
    /// The errno that the kernel has noted for the socket; 0 = none.
    [[nodiscard]] int take_error() noexcept;
    void set_no_delay() noexcept;
    /// Every segment costs both hosts, and the kernel acknowledges the first ones of a connection
    /// at once, each with a segment of its own. From here on that goes with our next words, or
    /// follows after 40 ms.
    void delay_acks() noexcept;

    /// Waits until something can be read, or the other side has closed.
    awaitable<wait_end> wait_readable(const deadline* limit = nullptr);
    /// Waits only to be woken, or for the connection to break: for a stream that has unread
    /// octets, which would make it readable all the time.
    awaitable<wait_end> wait_woken(const deadline* limit = nullptr);
    /// Waits until something can be written, or the connection is broken: a connection that is
    /// being made is made.
    awaitable<wait_end> wait_writable(const deadline* limit);
    /// As wait_readable() and wait_woken(), for callers without a coroutine: `done` is called from
    /// the event loop, never at once.
    /// @pre start_tls() was never called
    template <class Done>
    void when_readable(Done done)
    {
        when(socket::wait_read, std::move(done));
    }
    template <class Done>
    void when_woken(Done done)
    {
        when(socket::wait_error, std::move(done));
    }
    /// @pre `into` is not empty
    awaitable<read_result> read_some(asio::mutable_buffer into, const deadline* limit);
    /// Writes all of it. With TLS, all writes fail after one that did not end with `ready`.
    awaitable<wait_end> write(std::string_view octets, const deadline* limit);
    /// Reads what is there at once; `ready` without octets when that is nothing.
    /// @pre `into` is not empty
    [[nodiscard]] read_result read_now(asio::mutable_buffer into) noexcept;
    /// Writes what the socket takes at once.
    /// @return how much that was; after less than all of it, write() the rest, which also says
    /// what is wrong if something is
    [[nodiscard]] std::size_t write_some_now(std::string_view octets) noexcept;
    /// Writes and ends our direction; in plain text the end travels with the octets.
    awaitable<wait_end> write_last(std::string_view octets, const deadline* limit);
    /// Looks at up to `into.size()` octets that have arrived, with TLS decrypted (then no further
    /// than the end of their record), and leaves them where they are.
    [[nodiscard]] peek_result peek(asio::mutable_buffer into) noexcept;
    /// Takes octets that a peek has shown, and forgets them.
    /// @pre start_tls() was never called
    /// @return false when the connection broke meanwhile
    [[nodiscard]] bool discard(std::size_t octets) noexcept;
    /// Writes what the kernel takes at once, for a few octets to a fresh socket.
    /// @pre start_tls() was never called
    /// @return false when not all of it went
    [[nodiscard]] bool write_now(std::string_view octets) noexcept;

    /// The TLS handshake, as the side that the context is made for. From its beginning on nothing
    /// goes over the socket in plain text, also when it fails: then reads and writes fail too.
    /// Octets that were read before are the caller's business: they came in plain text.
    /// @param server_name as a client: the name to ask the server for; "" = none
    /// @return ready, or closed, failed or timed_out with the reason in tls_error(); never woken
    /// @pre start_tls() was never called, and no wait is under way
    awaitable<wait_end> start_tls(const tls_context& context, const deadline* limit,
                                  std::string server_name = {});
    /// The handshake was done.
    [[nodiscard]] bool is_encrypted() const noexcept;
    /// "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"; "" when not encrypted.
    [[nodiscard]] std::string tls_summary() const;
    /// Whom the other side's certificate is for, see tls_session; "" when there is none.
    [[nodiscard]] std::string tls_certificate() const;
    /// Why TLS failed; "" when it did not.
    [[nodiscard]] std::string tls_error() const;

    /// No more will be written; the other direction stays open. With TLS the other side is told
    /// so by close_notify, if the socket takes it at once.
    void shutdown_write() noexcept;
    void close() noexcept;
    /// Ends the wait under way.
    void wake() noexcept override;

    /// Gives the descriptor away: it is out of the event loop, and is not closed here.
    /// @pre no wait is under way, and start_tls() was never called: nothing else has its keys
    [[nodiscard]] unique_fd release() noexcept;
    /// Takes a connected, non-blocking descriptor; one that is there is closed.
    /// @pre no wait is under way, and start_tls() was never called
    void adopt(unique_fd connected) noexcept;

private:
    /// Calls `act` until it says how it ended, and waits in between for what it asks for.
    template <class Act>
    awaitable<read_result> drive_tls(Act act, const deadline* limit);
    awaitable<read_result> read_tls(asio::mutable_buffer into, const deadline* limit);
    awaitable<wait_end> write_tls(std::string_view octets, const deadline* limit);
    template <class Done>
    void when(socket::wait_type what, Done done);
    [[nodiscard]] read_result receive(asio::mutable_buffer into, int flags) noexcept;
    [[nodiscard]] int descriptor() noexcept;
    /// Makes the descriptor known to the event loop.
    /// @return false when there is none, or no memory for it
    [[nodiscard]] bool watch() noexcept;

    unique_fd unwatched_; ///< the event loop does not know it yet; then socket_ is not open
    socket socket_;
    std::unique_ptr<tls_session> tls_; ///< nothing until start_tls()
};

/// Woken also when a deadline has passed: the caller has to look itself.
[[nodiscard]] wait_end end_of_wait(const error_code& error) noexcept;

template <class Done>
void stream::when(socket::wait_type what, Done done)
{
    if (!watch()) {
        asio::post(socket_.get_executor(),
                   [done = std::move(done)]() mutable { done(wait_end::failed); });
        return;
    }
    socket_.async_wait(what, [done = std::move(done)](const error_code& error) mutable {
        done(end_of_wait(error));
    });
}

} // namespace fendmail::io
