// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/tcp_connect.hpp"

#include "fendmail/io/net/socket_address.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace fendmail::io {

namespace {

/// @return 0, EINPROGRESS, or another errno
int begin(const endpoint& where, bool speaks_first, stream& into)
{
    const auto address = to_generic(where);
    unique_fd socket{
        ::socket(address.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) return errno;
    // Every segment costs both hosts. Without this the kernel acknowledges the handshake and what
    // comes next at once, and each acknowledgement is a segment; it goes with our next words.
    const int off = 0;
    if (speaks_first)
        (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
    const auto size = static_cast<socklen_t>(address.size());
    const int error_number = ::connect(socket.get(), address.data(), size) == 0 ? 0 : errno;
    into.adopt(std::move(socket));
    into.set_no_delay();
    return error_number;
}

} // namespace

awaitable<int> connect_tcp(const endpoint& where, bool speaks_first, stream& into,
                           const deadline& limit)
{
    const int error_number = begin(where, speaks_first, into);
    if (error_number != EINPROGRESS) co_return error_number;
    // Within one host it is connected by now, though connect() never says so.
    if (into.is_connected()) co_return 0;
    for (;;) {
        const auto end = co_await into.wait_writable(&limit);
        if (end == wait_end::timed_out) co_return ETIMEDOUT;
        if (end != wait_end::ready) co_return ECANCELED;
        // Asio may end a wait for an event of a socket that was in epoll before this one.
        const int failure = into.take_error();
        if (failure != 0 || into.is_connected()) co_return failure;
    }
}

} // namespace fendmail::io
