// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/bind.hpp"

#include "fendmail/io/net/socket_address.hpp"
#include "fendmail/io/net/steering.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <utility>

namespace fendmail::io {

namespace {

/// As long as the kernel allows; net.core.somaxconn cuts it.
constexpr int backlog = 4096;
constexpr std::uint16_t smtp_port = 25;

/// What an admin can do about it, or "".
std::string_view advice(int error_number, const endpoint& where)
{
    switch (error_number) {
    case EADDRINUSE:
        return where.port == smtp_port
                   ? "; another program listens there (`ss -ltnp` shows which). Postfix does as "
                     "long as a line of master.cf that begins with \"smtp inet\" has no \"#\" in "
                     "front of it, or was not told so with `postfix reload`; Exim, as long as "
                     "daemon_smtp_ports has 25"
                   : "; another program listens there (`ss -ltnp` shows which)";
    case EACCES:
        return "; ports below 1024 need root, who becomes server.user, or CAP_NET_BIND_SERVICE, "
               "which fendmail.service has";
    case EADDRNOTAVAIL:
        return "; this machine has no such address (`ip address` shows which it has), or not yet";
    default: return {};
    }
}

[[noreturn]] void fail(const char* what, const endpoint& where)
{
    const int error_number = errno;
    throw std::runtime_error(fmt::format("cannot {} {}: {}{}", what, to_text(where),
                                         std::generic_category().message(error_number),
                                         advice(error_number, where)));
}

void set_option(int socket, int level, int name, const endpoint& where)
{
    const int on = 1;
    if (::setsockopt(socket, level, name, &on, sizeof(on)) != 0) fail("set up", where);
}

unique_fd open_bound(const endpoint& where, bool shared)
{
    const auto address = to_generic(where);
    unique_fd socket{
        ::socket(address.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) fail("open a socket for", where);
    set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, where);
    if (shared) set_option(socket.get(), SOL_SOCKET, SO_REUSEPORT, where);
    // "[::]:25" means IPv6 only, so that it can stand beside "0.0.0.0:25".
    if (where.address.is_v6()) set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, where);
    if (::bind(socket.get(), address.data(), static_cast<socklen_t>(address.size())) != 0)
        fail("bind to", where);
    return socket;
}

unique_fd open_listening(const endpoint& where)
{
    unique_fd socket = open_bound(where, true);
    if (::listen(socket.get(), backlog) != 0) fail("listen on", where);
    return socket;
}

/// SO_REUSEPORT would let a second fendmail of the same user share the port in silence, and half
/// of the mail would go to whichever was forgotten. Without it, bind() tells.
void make_sure_none_listens(const endpoint& where)
{
    if (where.port == 0) return;
    unique_fd probe = open_bound(where, false);
    if (::listen(probe.get(), 1) != 0) fail("listen on", where);
}

/// @throws std::runtime_error when clients of the other family would come through it: as mapped
/// addresses, which no list and no access rule knows
void make_sure_of_one_family(int socket, const endpoint& where)
{
    if (where.address != ip_address::v6({})) return;
    int only = 0;
    socklen_t size = sizeof(only);
    if (::getsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) != 0 || only == 0)
        throw std::runtime_error(fmt::format(
            "the socket for {} takes IPv4 clients as well: BindIPv6Only=ipv6-only in the .socket "
            "unit keeps them out, and ListenStream=0.0.0.0:{} is for them",
            to_text(where), where.port));
}

/// Until each worker has one. A descriptor more leads to the same queue.
void share_out(bound_address& bound, unsigned workers)
{
    auto& sockets = bound.sockets;
    bound.is_steered = sockets.size() == workers && steer(sockets);
    const std::size_t opened = sockets.size();
    for (std::size_t worker = opened; worker < workers; ++worker) {
        unique_fd more{::fcntl(sockets[worker % opened].get(), F_DUPFD_CLOEXEC, 0)};
        if (!more) fail("share", bound.where);
        sockets.push_back(std::move(more));
    }
}

} // namespace

bool is_family_missing(const endpoint& where) noexcept
{
    const int family = where.address.is_v6() ? AF_INET6 : AF_INET;
    const unique_fd probe{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    return !probe && errno == EAFNOSUPPORT;
}

std::vector<bound_address> bind_all(const std::vector<endpoint>& wanted, unsigned workers)
{
    std::vector<bound_address> all;
    for (const endpoint& want : wanted) {
        make_sure_none_listens(want);
        bound_address bound{want, {}, true};
        for (unsigned worker = 0; worker < workers; ++worker) {
            bound.sockets.push_back(open_listening(bound.where));
            if (worker == 0)
                bound.where = local_address(bound.sockets.front().get()).value_or(want);
        }
        bound.is_steered = steer(bound.sockets);
        all.push_back(std::move(bound));
    }
    return all;
}

std::vector<bound_address> adopt_all(std::vector<unique_fd> listening, unsigned workers)
{
    std::vector<bound_address> all;
    for (auto& socket : listening) {
        const auto where = local_address(socket.get());
        if (!where)
            throw std::runtime_error(fmt::format(
                "descriptor {}, which the service manager passes, is no TCP socket", socket.get()));
        make_sure_of_one_family(socket.get(), *where);
        auto bound = std::ranges::find(all, *where, &bound_address::where);
        if (bound == all.end()) bound = all.insert(bound, {*where, {}, true});
        bound->sockets.push_back(std::move(socket));
    }
    for (auto& bound : all)
        share_out(bound, workers);
    return all;
}

} // namespace fendmail::io
