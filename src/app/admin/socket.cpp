// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/admin/http.hpp"
#include "fendmail/io/net/socket_address.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace fendmail::app {

namespace {

using address = boost::asio::generic::stream_protocol::endpoint;

/// Owner and group may connect; who they are decides what they may do.
constexpr mode_t socket_mode = 0660;

[[noreturn]] void fail(int code)
{
    throw std::runtime_error(std::generic_category().message(code));
}

bool is_socket(const std::string& path) noexcept
{
    struct stat found{};
    return ::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

/// A socket that is left of a process that was killed is removed; one that answers is another
/// process's, and a file that is no socket is not ours: binding there fails with the reason.
void clear_path(const std::string& path, const address& where)
{
    if (!is_socket(path)) return;
    const io::unique_fd trial{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!trial) fail(errno);
    if (::connect(trial.get(), where.data(), static_cast<socklen_t>(where.size())) == 0 ||
        errno == EAGAIN)
        throw std::runtime_error("another process listens there");
    ::unlink(path.c_str());
}

} // namespace

admin_socket admin_socket::bind(const listen_address& where)
{
    const auto to = where.is_unix() ? io::to_generic(where.unix_path) : io::to_generic(where.tcp);
    if (where.is_unix()) clear_path(where.unix_path, to);
    io::unique_fd made{
        ::socket(to.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!made) fail(errno);
    const int on = 1;
    if (!where.is_unix() && ::setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        fail(errno);
    // So that it is never open to more; the umask may take of it, and then it is given back.
    if (where.is_unix() && ::fchmod(made.get(), socket_mode) != 0) fail(errno);
    if (::bind(made.get(), to.data(), static_cast<socklen_t>(to.size())) != 0) fail(errno);
    if (where.is_unix() && ::chmod(where.unix_path.c_str(), socket_mode) != 0) fail(errno);
    if (::listen(made.get(), SOMAXCONN) != 0) fail(errno);
    return {std::move(made), where, true};
}

} // namespace fendmail::app
