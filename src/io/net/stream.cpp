// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/stream.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/io/tls/session.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <new>
#include <span>
#include <sys/socket.h>
#include <utility>

namespace fendmail::io {

namespace {

bool has_passed(const deadline* limit) noexcept
{
    return limit != nullptr && limit->has_passed();
}

/// Without an error of the wait itself.
wait_end end_of(tls_next then) noexcept
{
    switch (then) {
    case tls_next::done: return wait_end::ready;
    case tls_next::closed: return wait_end::closed;
    case tls_next::wait_read:
    case tls_next::wait_write:
    case tls_next::failed: break;
    }
    return wait_end::failed;
}

/// Nothing to do yet is `ready`, for callers that do not wait.
wait_end now_or_end(const tls_step& step) noexcept
{
    const bool nothing_yet = step.then == tls_next::wait_read || step.then == tls_next::wait_write;
    return nothing_yet ? wait_end::ready : end_of(step.then);
}

wait_end end_of(const error_code& error, const deadline* limit) noexcept
{
    if (!error) return wait_end::ready;
    if (error == asio::error::eof) return wait_end::closed;
    if (error == asio::error::operation_aborted)
        return has_passed(limit) ? wait_end::timed_out : wait_end::woken;
    return wait_end::failed;
}

} // namespace

wait_end end_of_wait(const error_code& error) noexcept
{
    return end_of(error, nullptr);
}

stream::stream(executor where)
    : socket_{where}
{
}

stream::stream(executor where, unique_fd connected)
    : unwatched_{std::move(connected)}
    , socket_{where}
{
}

stream::~stream() = default;

int stream::descriptor() noexcept
{
    return unwatched_ ? unwatched_.get() : socket_.native_handle();
}

bool stream::watch() noexcept
{
    if (!unwatched_) return socket_.is_open();
    // The protocol only matters for opening; what the descriptor is does not change.
    error_code error;
    try {
        socket_.assign(asio::generic::stream_protocol(AF_INET, IPPROTO_TCP), unwatched_.get(),
                       error);
    } catch (const std::bad_alloc&) {
        return false;
    }
    if (error) return false;
    (void)unwatched_.release();
    return true;
}

bool stream::is_connected() noexcept
{
    sockaddr_storage ignored{};
    socklen_t size = sizeof(ignored);
    return ::getpeername(descriptor(), reinterpret_cast<sockaddr*>(&ignored), &size) == 0;
}

int stream::take_error() noexcept
{
    int error_number = 0;
    socklen_t size = sizeof(error_number);
    if (::getsockopt(descriptor(), SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) return errno;
    return error_number;
}

void stream::set_no_delay() noexcept
{
    const int on = 1; // a UNIX socket has no such option, which does no harm
    (void)::setsockopt(descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void stream::delay_acks() noexcept
{
    const int off = 0;
    (void)::setsockopt(descriptor(), IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
}

awaitable<wait_end> stream::wait_readable(const deadline* limit)
{
    if (tls_) {
        const auto looked = co_await drive_tls(
            [](tls_session& tls) {
                char octet = 0;
                return tls.look({&octet, 1});
            },
            limit);
        // As in plain text, whose socket is readable at its end.
        co_return looked.end == wait_end::closed ? wait_end::ready : looked.end;
    }
    if (has_passed(limit)) co_return wait_end::timed_out;
    if (!watch()) co_return wait_end::failed;
    const auto [error] = co_await socket_.async_wait(socket::wait_read, no_throw);
    co_return end_of(error, limit);
}

awaitable<wait_end> stream::wait_woken(const deadline* limit)
{
    if (has_passed(limit)) co_return wait_end::timed_out;
    if (!watch()) co_return wait_end::failed;
    const auto [error] = co_await socket_.async_wait(socket::wait_error, no_throw);
    // Without an error of the wait, the socket reports one: the connection is gone.
    co_return error ? end_of(error, limit) : wait_end::failed;
}

awaitable<wait_end> stream::wait_writable(const deadline* limit)
{
    if (has_passed(limit)) co_return wait_end::timed_out;
    if (!watch()) co_return wait_end::failed;
    const auto [error] = co_await socket_.async_wait(socket::wait_write, no_throw);
    co_return end_of(error, limit);
}

awaitable<read_result> stream::read_some(asio::mutable_buffer into, const deadline* limit)
{
    if (tls_) co_return co_await read_tls(into, limit);
    if (has_passed(limit)) co_return read_result{wait_end::timed_out, 0};
    if (!watch()) co_return read_result{wait_end::failed, 0};
    const auto [error, octets] = co_await socket_.async_read_some(into, no_throw);
    co_return read_result{end_of(error, limit), octets};
}

awaitable<wait_end> stream::write(std::string_view octets, const deadline* limit)
{
    if (tls_) co_return co_await write_tls(octets, limit);
    while (!octets.empty()) {
        if (has_passed(limit)) co_return wait_end::timed_out;
        const ssize_t sent =
            ::send(descriptor(), octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            octets.remove_prefix(static_cast<std::size_t>(sent));
            continue;
        }
        if (errno == EINTR) continue;
        if ((errno != EAGAIN && errno != EWOULDBLOCK) || !watch()) co_return wait_end::failed;
        const auto [error] = co_await socket_.async_wait(socket::wait_write, no_throw);
        // A wake that was not meant for this write must not leave half a reply behind.
        if (error && end_of(error, limit) != wait_end::woken) co_return end_of(error, limit);
    }
    co_return wait_end::ready;
}

awaitable<wait_end> stream::write_last(std::string_view octets, const deadline* limit)
{
    if (!tls_) {
        // MSG_MORE: held back for the end that follows, which then needs no segment of its own.
        const ssize_t sent = ::send(descriptor(), octets.data(), octets.size(),
                                    MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE);
        if (sent > 0) octets.remove_prefix(static_cast<std::size_t>(sent));
    }
    const auto end = octets.empty() ? wait_end::ready : co_await write(octets, limit);
    if (end == wait_end::ready) shutdown_write();
    co_return end;
}

std::size_t stream::write_some_now(std::string_view octets) noexcept
{
    if (tls_) return 0; // it would want the same octets again, and they may not live so long
    const ssize_t sent =
        ::send(descriptor(), octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

peek_result stream::peek(asio::mutable_buffer into) noexcept
{
    if (tls_) {
        const tls_step step = tls_->look({static_cast<char*>(into.data()), into.size()});
        return {now_or_end(step), step.octets};
    }
    const auto [end, octets] = receive(into, MSG_PEEK);
    return {end, octets};
}

read_result stream::read_now(asio::mutable_buffer into) noexcept
{
    if (tls_) {
        const tls_step step = tls_->read({static_cast<char*>(into.data()), into.size()});
        return {now_or_end(step), step.octets};
    }
    return receive(into, 0);
}

read_result stream::receive(asio::mutable_buffer into, int flags) noexcept
{
    const ssize_t got = ::recv(descriptor(), into.data(), into.size(), flags | MSG_DONTWAIT);
    if (got > 0) return {wait_end::ready, static_cast<std::size_t>(got)};
    if (got == 0) return {wait_end::closed, 0};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {wait_end::ready, 0};
    return {wait_end::failed, 0};
}

bool stream::discard(std::size_t octets) noexcept
{
    std::array<char, 512> ignored;
    while (octets != 0) {
        const ssize_t got =
            ::recv(descriptor(), ignored.data(), std::min(octets, ignored.size()), MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        octets -= static_cast<std::size_t>(got);
    }
    return true;
}

bool stream::write_now(std::string_view octets) noexcept
{
    FENDMAIL_ASSERT(!tls_);
    const ssize_t sent =
        ::send(descriptor(), octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == static_cast<ssize_t>(octets.size());
}

// ── TLS ───────────────────────────────────────────────────────────────────────────────────────

template <class Act>
awaitable<read_result> stream::drive_tls(Act act, const deadline* limit)
{
    for (;;) {
        if (has_passed(limit)) co_return read_result{wait_end::timed_out, 0};
        const tls_step step = act(*tls_);
        if (step.then != tls_next::wait_read && step.then != tls_next::wait_write)
            co_return read_result{end_of(step.then), step.octets};
        const auto what = step.then == tls_next::wait_read ? socket::wait_read : socket::wait_write;
        const auto [error] = co_await socket_.async_wait(what, no_throw);
        // Whatever ended the wait, all that arrived is still there: in the socket or in OpenSSL.
        if (error) co_return read_result{end_of(error, limit), 0};
    }
}

awaitable<read_result> stream::read_tls(asio::mutable_buffer into, const deadline* limit)
{
    const std::span<char> span{static_cast<char*>(into.data()), into.size()};
    const auto got = co_await drive_tls([span](tls_session& tls) { return tls.read(span); }, limit);
    // What OpenSSL has at hand comes without a wait. The others of this worker get their turn all
    // the same, however fast octets arrive.
    if (got.end == wait_end::ready) co_await asio::post(socket_.get_executor(), use_awaitable);
    co_return got;
}

awaitable<wait_end> stream::write_tls(std::string_view octets, const deadline* limit)
{
    while (!octets.empty()) {
        const auto wrote =
            co_await drive_tls([octets](tls_session& tls) { return tls.write(octets); }, limit);
        if (wrote.end == wait_end::woken && socket_.is_open()) continue;
        if (wrote.end != wait_end::ready) {
            tls_->abandon_write();
            co_return wrote.end == wait_end::woken ? wait_end::failed : wrote.end;
        }
        octets.remove_prefix(wrote.octets);
    }
    co_return wait_end::ready;
}

awaitable<wait_end> stream::start_tls(const tls_context& context, const deadline* limit,
                                      std::string server_name)
{
    FENDMAIL_ASSERT(!tls_);
    if (!watch()) co_return wait_end::failed;
    tls_ = tls_session::make(context, socket_.native_handle(), server_name);
    if (!tls_) throw std::bad_alloc{};
    for (;;) {
        const auto tried =
            co_await drive_tls([](tls_session& tls) { return tls.handshake(); }, limit);
        if (tried.end == wait_end::timed_out) tls_->give_up("the handshake took too long");
        if (tried.end != wait_end::woken) co_return tried.end;
        if (!socket_.is_open()) co_return wait_end::failed;
    }
}

bool stream::is_encrypted() const noexcept
{
    return tls_ && tls_->is_established();
}

std::string stream::tls_summary() const
{
    return tls_ ? tls_->summary() : std::string{};
}

std::string stream::tls_certificate() const
{
    return tls_ ? tls_->certificate() : std::string{};
}

std::string stream::tls_error() const
{
    return tls_ ? tls_->error() : std::string{};
}

// ── ends ──────────────────────────────────────────────────────────────────────────────────────

void stream::shutdown_write() noexcept
{
    if (tls_) tls_->close_notify();
    (void)::shutdown(descriptor(), SHUT_WR); // the other side may have closed first
}

void stream::close() noexcept
{
    if (tls_) tls_->detach();
    unwatched_.reset();
    error_code ignored; // the descriptor is gone either way
    socket_.close(ignored);
}

void stream::wake() noexcept
{
    error_code ignored; // nothing to wake when it is closed
    socket_.cancel(ignored);
}

unique_fd stream::release() noexcept
{
    FENDMAIL_ASSERT(!tls_);
    if (unwatched_) return std::move(unwatched_);
    error_code error;
    const int descriptor = socket_.release(error);
    return unique_fd{error ? -1 : descriptor};
}

void stream::adopt(unique_fd connected) noexcept
{
    FENDMAIL_ASSERT(!tls_);
    close();
    unwatched_ = std::move(connected);
}

} // namespace fendmail::io
