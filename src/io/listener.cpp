// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/listener.hpp"

#include "fendmail/io/clock.hpp"
#include "fendmail/io/socket_address.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <exception>
#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <tuple>

namespace fendmail::io {

namespace {

/// As long as the kernel allows; net.core.somaxconn cuts it.
constexpr int backlog = 4096;
constexpr std::uint16_t smtp_port = 25;
/// Clients in one turn of the event loop; then those who are here already have theirs.
constexpr int clients_a_turn = 16;
/// Before another try when there is no room or no descriptor.
constexpr milliseconds pause_time{100};

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
    // Accepted sockets inherit it (tcp(7)). What we write is a whole reply each time.
    set_option(socket.get(), IPPROTO_TCP, TCP_NODELAY, where);
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
void make_sure_nobody_listens(const endpoint& where)
{
    if (where.port == 0) return;
    unique_fd probe = open_bound(where, false);
    if (::listen(probe.get(), 1) != 0) fail("listen on", where);
}

/// Nothing when the kernel does not tell, or it is no internet address.
std::optional<endpoint> local_address_of(int socket) noexcept
{
    asio::generic::stream_protocol::endpoint found;
    auto size = static_cast<socklen_t>(found.capacity());
    if (::getsockname(socket, found.data(), &size) != 0) return std::nullopt;
    found.resize(size);
    return from_generic(found);
}

/// Addresses of one network differ only in their last bits; the multiplication spreads them, and
/// its upper half is used.
constexpr std::uint32_t spread = 2654435761U;
constexpr unsigned upper_half = 16;

/// Picks the socket of the group by the client's address: all of an IPv4 one, or the first
/// `steered_ipv6_prefix` bits of an IPv6 one, mixed, modulo the number of sockets. worker_of() has
/// to say the same. Offsets are those of the IP header (RFC 791 §3.1, RFC 8200 §3).
bool steer(int socket, bool v6, unsigned workers) noexcept
{
    const auto net = static_cast<__u32>(SKF_NET_OFF);
    std::vector<sock_filter> program;
    const auto add = [&program](int code, __u32 k) {
        program.push_back(sock_filter{static_cast<__u16>(code), 0, 0, k});
    };
    if (v6) {
        add(BPF_LD | BPF_W | BPF_ABS, net + 8);
        add(BPF_MISC | BPF_TAX, 0);
        add(BPF_LD | BPF_H | BPF_ABS, net + 12);
        add(BPF_ALU | BPF_XOR | BPF_X, 0);
    } else {
        add(BPF_LD | BPF_W | BPF_ABS, net + 12);
    }
    add(BPF_ALU | BPF_MUL | BPF_K, spread);
    add(BPF_ALU | BPF_RSH | BPF_K, upper_half);
    add(BPF_ALU | BPF_MOD | BPF_K, workers);
    add(BPF_RET | BPF_A, 0);
    const sock_fprog code{static_cast<unsigned short>(program.size()), program.data()};
    return ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &code, sizeof(code)) == 0;
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
        make_sure_nobody_listens(want);
        bound_address bound{want, {}, true};
        for (unsigned worker = 0; worker < workers; ++worker) {
            bound.sockets.push_back(open_listening(bound.where));
            if (worker == 0)
                bound.where = local_address_of(bound.sockets.front().get()).value_or(want);
        }
        bound.is_steered = workers == 1 ||
                           steer(bound.sockets.front().get(), bound.where.address.is_v6(), workers);
        all.push_back(std::move(bound));
    }
    return all;
}

unsigned worker_of(const ip_address& client, unsigned workers) noexcept
{
    static_assert(steered_ipv6_prefix == 48);
    const auto octets = client.octets();
    const auto half = [&octets](std::size_t at) {
        return std::uint32_t{octets[at]} << 8 | std::uint32_t{octets[at + 1]};
    };
    std::uint32_t mixed = half(0) << 16 | half(2);
    if (client.is_v6()) mixed ^= half(4);
    return (mixed * spread >> upper_half) % workers;
}

listener::listener(asio::io_context& context, unique_fd socket, const endpoint& where,
                   event_sink& events, gatherer& gathering, std::function<bool()> has_room,
                   on_client accept)
    : unwatched_{std::move(socket)}
    , acceptor_{context}
    , pause_{context}
    , where_{where}
    , is_any_address_{std::ranges::all_of(where.address.octets(),
                                          [](std::uint8_t octet) { return octet == 0; })}
    , events_{&events}
    , gathering_{&gathering}
    , has_room_{std::move(has_room)}
    , accept_{std::move(accept)}
{
}

void listener::watch(bool wanted, error_code& error)
{
    if (wanted == acceptor_.is_open()) return;
    if (!wanted) {
        unwatched_.reset(acceptor_.release(error));
        return;
    }
    const auto protocol = where_.address.is_v4() ? asio::ip::tcp::v4() : asio::ip::tcp::v6();
    acceptor_.assign(protocol, unwatched_.get(), error);
    if (!error) static_cast<void>(unwatched_.release());
}

int listener::descriptor() noexcept
{
    return unwatched_ ? unwatched_.get() : acceptor_.native_handle();
}

void listener::start()
{
    asio::co_spawn(acceptor_.get_executor(), run(), [this](const std::exception_ptr& escaped) {
        if (!escaped || stopped_) return;
        // No memory, most likely: whatever it was, a port that nobody serves is worse.
        events_->on(event::internal_error{"the listener failed and goes on"});
        start();
    });
}

void listener::stop() noexcept
{
    stopped_ = true;
    error_code ignored; // closed either way
    acceptor_.close(ignored);
    unwatched_.reset();
    pause_.cancel();
}

awaitable<void> listener::run()
{
    using acceptor = decltype(acceptor_);
    while (!stopped_) {
        error_code error;
        // Where they gather they are looked for when the time has come, not waited for. In epoll
        // each of them would wake us all the same.
        watch(!gathering_->is_on(), error);
        if (!error && acceptor_.is_open())
            std::tie(error) = co_await acceptor_.async_wait(acceptor::wait_read, no_throw);
        if (stopped_) co_return;
        switch (error ? queue::waits : accept_some()) {
        // The others on this worker have their turn, also where nothing is waited for.
        case queue::has_more: co_await asio::post(acceptor_.get_executor(), use_awaitable); break;
        case queue::empty: co_await gathering_->wait(); break;
        case queue::waits:
            // Without a descriptor the same connection would be offered again at once, for ever.
            pause_.expires_after(pause_time);
            co_await pause_.async_wait(no_throw);
            break;
        }
    }
}

listener::queue listener::accept_some()
{
    for (int turn = 0; turn < clients_a_turn && !stopped_; ++turn) {
        if (!has_room_()) {
            if (may_report())
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
            if (may_report()) {
                const auto text = std::generic_category().message(error_number);
                events_->on(event::accept_failed{text});
            }
            // Linux also hands over errors of the network that the connection has met: accept(2).
            if (is_shortage(error_number)) return queue::waits;
            continue;
        }
        client.resize(size);
        if (const auto from = from_generic(client)) {
            const endpoint local = local_address(connected.get());
            accept_(std::move(connected), *from, local);
        }
    }
    return queue::has_more;
}

endpoint listener::local_address(int connected) const noexcept
{
    if (!is_any_address_) return where_;
    // Without one the client is gone already; whoever reads will see that.
    return local_address_of(connected).value_or(where_);
}

bool listener::may_report() noexcept
{
    const tick now = steady_now();
    if (now < next_report_) return false;
    next_report_ = now + seconds{1};
    return true;
}

} // namespace fendmail::io
