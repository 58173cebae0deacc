// SPDX-License-Identifier: Apache-2.0
#include "check_start.hpp"

#include "fendmail/io/backend/pass_service.hpp"
#include "fendmail/io/net/bind.hpp"
#include "fendmail/io/net/socket_address.hpp"
#include "fendmail/io/os/port_holder.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fmt/format.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <vector>

namespace fendmail::app {

namespace {

constexpr const char* our_name = "fendmail";
constexpr const char* service_manager = "systemd";

bool try_port(const endpoint& where, const std::string& config_path)
{
    const auto what = "listen on " + to_text(where);
    try {
        (void)io::bind_all({where}, 1);
        print_good(what);
        return true;
    } catch (const std::exception& e) {
        const auto holder = io::find_port_holder(where.port);
        if (holder && holder->program == our_name) {
            fmt::print("try: {}: a fendmail (process {}) does already\n", what, holder->pid);
            return true;
        }
        if (holder && holder->program == service_manager) {
            fmt::print("try: {}: systemd does, for a .socket unit\n", what);
            return true;
        }
        print_bad(config_path, "server.listen",
                  holder ? fmt::format("{} (it is \"{}\", process {})", e.what(), holder->program,
                                       holder->pid)
                         : std::string{e.what()});
        return false;
    }
}

/// @return 0, or the errno
int connect_within(int socket, const sockaddr* address, socklen_t size, milliseconds limit)
{
    if (::connect(socket, address, size) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    pollfd ready{socket, POLLOUT, 0};
    const int polled = ::poll(&ready, 1, static_cast<int>(limit.count()));
    if (polled == 0) return ETIMEDOUT;
    if (polled < 0) return errno;
    int error_number = 0;
    socklen_t length = sizeof(error_number);
    if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) return errno;
    return error_number;
}

int try_unix(const std::string& path, milliseconds limit)
{
    const io::unique_fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) return errno;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
    std::memcpy(address.sun_path, path.data(), path.size());
    return connect_within(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                          sizeof(address), limit);
}

int try_tcp(const endpoint& where, milliseconds limit)
{
    const auto address = io::to_generic(where);
    const io::unique_fd socket{
        ::socket(address.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) return errno;
    return connect_within(socket.get(), address.data(), static_cast<socklen_t>(address.size()),
                          limit);
}

/// All addresses of a name.
std::vector<endpoint> look_up(const dns::named_host& host, std::string& why)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int fault = ::getaddrinfo(host.name.c_str(), nullptr, &hints, &found); fault != 0) {
        why = ::gai_strerror(fault);
        return {};
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{found, &::freeaddrinfo};
    std::vector<endpoint> all;
    for (const auto* one = found; one != nullptr; one = one->ai_next) {
        const io::server_address raw{one->ai_addr, one->ai_addrlen, IPPROTO_TCP};
        if (const auto where = io::from_generic(raw)) all.push_back({where->address, host.port});
    }
    return all;
}

/// One of its addresses is enough, as for a client. @return 0, or the errno of the last one
int try_named(const dns::named_host& host, milliseconds limit, std::string& why)
{
    int error_number = EHOSTUNREACH;
    for (const auto& where : look_up(host, why)) {
        error_number = try_tcp(where, limit);
        if (error_number == 0) return 0;
    }
    return error_number;
}

} // namespace

void print_good(const std::string& what)
{
    fmt::print("try: {}: ok\n", what);
    std::fflush(stdout); // in order with what goes to stderr
}

void print_bad(const std::string& config_path, const char* key, const std::string& why)
{
    fmt::print(stderr, "{}: error: {}: {}\n", config_path, key, why);
}

std::vector<endpoint> addresses_of(const backend_options& backend, std::string& why)
{
    if (!backend.host) return {backend.tcp};
    return look_up(*backend.host, why);
}

std::size_t try_ports(const startup_config& startup, const std::string& config_path)
{
    const auto bad = std::ranges::count_if(startup.server.listen, [&](const endpoint& where) {
        const bool is_default_only = where.address == ip_address::v6({});
        if (is_default_only && io::is_family_missing(where)) return false; // as at a start
        return !try_port(where, config_path);
    });
    return static_cast<std::size_t>(bad);
}

std::size_t try_backend(const backend_options& backend, const std::string& config_path)
{
    const bool is_unix = !backend.unix_path.empty();
    std::string why_not_found;
    int error_number = 0;
    if (is_unix)
        error_number = try_unix(backend.unix_path, backend.connect_timeout);
    else if (backend.host)
        error_number = try_named(*backend.host, backend.connect_timeout, why_not_found);
    else
        error_number = try_tcp(backend.tcp, backend.connect_timeout);
    if (error_number == 0) {
        print_good(fmt::format("connect to the backend {}", backend.address));
        return 0;
    }
    if (!why_not_found.empty()) {
        print_bad(config_path, "backend.address",
                  fmt::format("{} cannot be looked up: {}; clients would get 421 until it can",
                              backend.host->name, why_not_found));
        return 1;
    }
    const auto text = std::generic_category().message(error_number);
    print_bad(config_path, "backend.address",
              backend.kind == backend_kind::postfix_pass
                  ? io::why_not_connected(error_number, backend.unix_path)
                  : fmt::format("cannot connect to {}: {}; does the mail server run, and listen "
                                "there?",
                                backend.address, text));
    return 1;
}

} // namespace fendmail::app
