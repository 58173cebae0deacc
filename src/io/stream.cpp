// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/stream.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

namespace fendmail::io {

namespace {

bool has_passed(const deadline* limit) noexcept
{
    return limit != nullptr && limit->has_passed();
}

} // namespace

wait_end stream::end_of(const error_code& error, const deadline* limit) noexcept
{
    if (!error) return wait_end::ready;
    if (error == asio::error::eof) return wait_end::closed;
    if (error == asio::error::operation_aborted)
        return has_passed(limit) ? wait_end::timed_out : wait_end::woken;
    return wait_end::failed;
}

void stream::set_no_delay() noexcept
{
    error_code ignored; // a UNIX socket has no such option
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

asio::awaitable<wait_end> stream::wait_readable(const deadline* limit)
{
    if (has_passed(limit)) co_return wait_end::timed_out;
    const auto [error] = co_await socket_.async_wait(socket::wait_read, no_throw);
    co_return end_of(error, limit);
}

asio::awaitable<wait_end> stream::wait_woken(const deadline* limit)
{
    if (has_passed(limit)) co_return wait_end::timed_out;
    const auto [error] = co_await socket_.async_wait(socket::wait_error, no_throw);
    // Without an error of the wait, the socket reports one: the connection is gone.
    co_return error ? end_of(error, limit) : wait_end::failed;
}

asio::awaitable<read_result> stream::read_some(asio::mutable_buffer into, const deadline* limit)
{
    if (has_passed(limit)) co_return read_result{wait_end::timed_out, 0};
    const auto [error, octets] = co_await socket_.async_read_some(into, no_throw);
    co_return read_result{end_of(error, limit), octets};
}

asio::awaitable<wait_end> stream::write(std::string_view octets, const deadline* limit)
{
    while (!octets.empty()) {
        if (has_passed(limit)) co_return wait_end::timed_out;
        const auto [error, written] =
            co_await socket_.async_write_some(asio::buffer(octets), no_throw);
        octets.remove_prefix(written);
        // A wake that was not meant for this write must not leave half a reply behind.
        if (error && end_of(error, limit) != wait_end::woken) co_return end_of(error, limit);
        if (error && !socket_.is_open()) co_return wait_end::failed;
    }
    co_return wait_end::ready;
}

peek_result stream::peek(asio::mutable_buffer into) noexcept
{
    const ssize_t got =
        ::recv(socket_.native_handle(), into.data(), into.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) return {wait_end::ready, static_cast<std::size_t>(got)};
    if (got == 0) return {wait_end::closed, 0};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {wait_end::ready, 0};
    return {wait_end::failed, 0};
}

bool stream::write_now(std::string_view octets) noexcept
{
    const ssize_t sent =
        ::send(socket_.native_handle(), octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == static_cast<ssize_t>(octets.size());
}

void stream::shutdown_write() noexcept
{
    error_code ignored; // the other side may have closed first
    socket_.shutdown(socket::shutdown_send, ignored);
}

void stream::close() noexcept
{
    error_code ignored; // the descriptor is gone either way
    socket_.close(ignored);
}

void stream::wake() noexcept
{
    error_code ignored; // nothing to wake when it is closed
    socket_.cancel(ignored);
}

int stream::release() noexcept
{
    error_code error;
    const int descriptor = socket_.release(error);
    return error ? -1 : descriptor;
}

void stream::adopt(int descriptor) noexcept
{
    // The protocol only matters for opening; what the descriptor is does not change.
    error_code error;
    socket_.assign(asio::generic::stream_protocol(AF_INET, IPPROTO_TCP), descriptor, error);
    // Without the event loop it can only be closed; the client comes back.
    if (error) ::close(descriptor);
}

} // namespace fendmail::io
