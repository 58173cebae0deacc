// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/acceptor.hpp"

#include "fendmail/io/net/socket_address.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <tuple>
#include <utility>

namespace fendmail::io {

namespace {

/// Clients in one turn of the event loop; then the clients that are here already have theirs.
constexpr int clients_a_turn = 16;
/// Before another try when there is no room or no descriptor.
constexpr milliseconds pause_time{100};

bool has_option(int socket, int name, int wanted) noexcept
{
    int value = -1;
    socklen_t size = sizeof(value);
    return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 && value == wanted;
}

endpoint address_listened_on(int socket)
{
    const auto where = local_address(socket);
    if (!where || !has_option(socket, SO_PROTOCOL, IPPROTO_TCP) ||
        !has_option(socket, SO_ACCEPTCONN, 1))
        throw std::runtime_error(fmt::format("descriptor {} is no listening TCP socket", socket));
    return *where;
}

bool is_shortage(int error_number) noexcept
{
    switch (error_number) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return true;
    default: return false;
    }
}

} // namespace

acceptor::acceptor(asio::io_context& context, unique_fd socket, event_sink& events,
                   wake_coalescer& wakes, std::function<bool()> has_room, on_client accept)
    : unwatched_{std::move(socket)}
    , watched_{context}
    , pause_{context}
    , where_{address_listened_on(unwatched_.get())}
    , is_any_address_{std::ranges::all_of(where_.address.octets(),
                                          [](std::uint8_t octet) { return octet == 0; })}
    , events_{&events}
    , wakes_{&wakes}
    , has_room_{std::move(has_room)}
    , accept_{std::move(accept)}
{
    const int listening = unwatched_.get();
    // accept() must not block when a client has given up between the wake and the call. Accepted
    // sockets inherit TCP_NODELAY (tcp(7)): what we write is a whole reply each time.
    const int flags = ::fcntl(listening, F_GETFL);
    const int on = 1;
    if (flags < 0 || ::fcntl(listening, F_SETFL, flags | O_NONBLOCK) != 0 ||
        ::setsockopt(listening, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        throw std::system_error{errno, std::generic_category(),
                                fmt::format("cannot set up {}", to_text(where_))};
}

void acceptor::watch(bool wanted, error_code& error)
{
    if (wanted == watched_.is_open()) return;
    if (!wanted) {
        unwatched_.reset(watched_.release(error));
        return;
    }
    const auto protocol = where_.address.is_v4() ? asio::ip::tcp::v4() : asio::ip::tcp::v6();
    watched_.assign(protocol, unwatched_.get(), error);
    if (!error) static_cast<void>(unwatched_.release());
}

int acceptor::descriptor() noexcept
{
    return unwatched_ ? unwatched_.get() : watched_.native_handle();
}

void acceptor::start()
{
    asio::co_spawn(watched_.get_executor(), run(), [this](const std::exception_ptr& escaped) {
        if (!escaped || stopped_) return;
        // No memory, most likely: whatever it was, a port that is not served is worse.
        events_->on(event::internal_error{"the listener failed and goes on"});
        start();
    });
}

void acceptor::stop() noexcept
{
    stopped_ = true;
    // Not watched_.close(): epoll forgets a socket by itself only with its last descriptor, and a
    // service manager or another worker may have one. Asio would go on to get its events.
    error_code ignored; // it was watched, so it can be taken out
    watch(false, ignored);
    unwatched_.reset();
    pause_.cancel();
}

awaitable<void> acceptor::run()
{
    while (!stopped_) {
        error_code error;
        // While clients gather, the queue is looked at when the time has come and not waited for:
        // in epoll each client would wake this worker all the same.
        watch(!wakes_->is_on(), error);
        if (!error && watched_.is_open())
            std::tie(error) = co_await watched_.async_wait(asio::socket_base::wait_read, no_throw);
        if (stopped_) co_return;
        switch (error ? queue::waits : accept_some()) {
        // The others on this worker have their turn, also where nothing is waited for.
        case queue::has_more: co_await asio::post(watched_.get_executor(), use_awaitable); break;
        case queue::empty: co_await wakes_->wait(); break;
        case queue::waits:
            // Without a descriptor the same connection would be offered again at once, for ever.
            pause_.expires_after(pause_time);
            co_await pause_.async_wait(no_throw);
            break;
        }
    }
}

acceptor::queue acceptor::accept_some()
{
    for (int turn = 0; turn < clients_a_turn && !stopped_; ++turn) {
        if (!has_room_()) {
            if (reports_.on_occurrence(steady_now()))
                events_->on(event::accept_failed{
                    "no descriptors left for more clients, they wait in the kernel's queue; "
                    "raise the limit (LimitNOFILE=)"});
            return queue::waits;
        }
        asio::generic::stream_protocol::endpoint client;
        auto size = static_cast<socklen_t>(client.capacity());
        unique_fd connected{
            ::accept4(descriptor(), client.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        const int error_number = connected ? 0 : errno;
        if (error_number == EAGAIN || error_number == EWOULDBLOCK) return queue::empty;
        // A client that gives up in the queue is no trouble of ours.
        if (error_number == EINTR || error_number == ECONNABORTED) continue;
        if (error_number != 0) {
            if (reports_.on_occurrence(steady_now())) {
                const auto text = std::generic_category().message(error_number);
                events_->on(event::accept_failed{text});
            }
            // Linux also hands over errors of the network that the connection has met: accept(2).
            if (is_shortage(error_number)) return queue::waits;
            continue;
        }
        client.resize(size);
        if (const auto from = from_generic(client)) {
            const endpoint local = address_of(connected.get());
            accept_(std::move(connected), *from, local);
        }
    }
    return queue::has_more;
}

endpoint acceptor::address_of(int connected) const noexcept
{
    if (!is_any_address_) return where_;
    // Without one the client is gone already; the first read will show that.
    return local_address(connected).value_or(where_);
}

} // namespace fendmail::io
