// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/unix_connect.hpp"

#include "fendmail/io/os/clock.hpp"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

namespace fendmail::io {

namespace {

constexpr milliseconds pause{20};

/// A UNIX socket connects at once or not at all: a full queue is EAGAIN, never EINPROGRESS.
/// @return 0, or the errno
int try_to_connect(const std::string& path, unique_fd& into) noexcept
{
    into.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!into) return errno;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
    std::memcpy(address.sun_path, path.data(), path.size());
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    return ::connect(into.get(), generic, sizeof(address)) == 0 ? 0 : errno;
}

} // namespace

awaitable<int> connect_unix(const std::string& path, stream* client, deadline_queue& deadlines,
                            milliseconds patience, unique_fd& into)
{
    const tick give_up = steady_now() + patience;
    for (;;) {
        const int error_number = try_to_connect(path, into);
        if (error_number != EAGAIN || client == nullptr || steady_now() >= give_up)
            co_return error_number;
        deadline next_try{deadlines, *client};
        next_try.set_after(pause);
        if (co_await client->wait_woken(&next_try) == wait_end::failed) co_return EAGAIN;
    }
}

} // namespace fendmail::io
