// SPDX-License-Identifier: Apache-2.0
#include "socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

namespace fendmail::io {

int log_socket::connect() noexcept
{
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (path_.size() >= sizeof to.sun_path) return ENAMETOOLONG;
    std::memcpy(to.sun_path, path_.data(), path_.size());
    int error = 0;
    for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
        socket_.reset(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
        if (!socket_) return errno;
        is_stream_ = type == SOCK_STREAM;
        if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0)
            return 0;
        error = errno;
        if (error != EPROTOTYPE) break;
    }
    socket_.reset();
    return error;
}

int log_socket::try_to_send(std::string_view message) noexcept
{
    // The type has no const, but nothing writes through it.
    const std::array parts{iovec{const_cast<char*>(message.data()), message.size()},
                           iovec{const_cast<char*>(""), 1}};
    msghdr header{};
    header.msg_iov = const_cast<iovec*>(parts.data());
    header.msg_iovlen = is_stream_ ? 2 : 1;
    const auto size = static_cast<ssize_t>(message.size() + (is_stream_ ? 1 : 0));
    for (;;) {
        const ssize_t sent = ::sendmsg(socket_.get(), &header, MSG_NOSIGNAL);
        if (sent == size) return 0;
        if (sent >= 0) return EIO; // a part of it, on a stream
        if (errno != EINTR) return errno;
    }
}

int log_socket::send(std::string_view message) noexcept
{
    const bool was_connected = static_cast<bool>(socket_);
    if (!was_connected)
        if (const int code = connect(); code != 0) return code;
    int code = try_to_send(message);
    // Its other end may be that of a daemon that is gone, beside which a new one listens.
    if (code != 0 && code != EMSGSIZE && was_connected) {
        socket_.reset();
        code = connect();
        if (code == 0) code = try_to_send(message);
    }
    if (code != 0 && code != EMSGSIZE) socket_.reset();
    return code;
}

} // namespace fendmail::io
