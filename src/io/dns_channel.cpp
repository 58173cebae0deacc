// SPDX-License-Identifier: Apache-2.0
#include "dns_channel.hpp"

#include "fendmail/core/time_grid.hpp"
#include "fendmail/io/clock.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <fmt/format.h>
#include <stdexcept>

#include <sys/socket.h>

namespace fendmail::io {
namespace {

namespace asio = boost::asio;
using wait_type = asio::posix::descriptor_base::wait_type;

constexpr int dns_class_in = 1;

/// RFC 1035 §3.2.2, RFC 3596 §2.1.
int number_of(dns_type type) noexcept
{
    switch (type) {
    case dns_type::a: return 1;
    case dns_type::ptr: return 12;
    case dns_type::mx: return 15;
    case dns_type::txt: return 16;
    case dns_type::aaaa: return 28;
    }
    return 0;
}

void check(int status, const char* what)
{
    if (status != ARES_SUCCESS)
        throw std::runtime_error(fmt::format("{}: {}", what, ares_strerror(status)));
}

ares_addr_port_node to_node(const endpoint& server) noexcept
{
    ares_addr_port_node node{};
    const auto octets = server.address.octets();
    node.family = server.address.is_v4() ? AF_INET : AF_INET6;
    std::ranges::copy(octets, reinterpret_cast<std::uint8_t*>(&node.addr));
    node.udp_port = server.port;
    node.tcp_port = server.port;
    return node;
}

endpoint to_endpoint(const ares_addr_port_node& node) noexcept
{
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(&node.addr);
    std::array<std::uint8_t, 4> v4{};
    std::array<std::uint8_t, 16> v6{};
    const auto port = static_cast<std::uint16_t>(node.udp_port);
    if (node.family == AF_INET) {
        std::copy_n(octets, v4.size(), v4.begin());
        return {ip_address::v4(v4), port};
    }
    std::copy_n(octets, v6.size(), v6.begin());
    return {ip_address::v6(v6), port};
}

} // namespace

/// A socket of c-ares. Asio only watches it: c-ares opens and closes it.
struct dns_channel::watched_socket {
    watched_socket(dns_channel& of, ares_socket_t socket)
        : channel{&of}
        , number{socket}
        , is_datagram{of.sockets_.is_datagram(socket)}
        , descriptor{of.context_}
    {
    }
    watched_socket(const watched_socket&) = delete;
    watched_socket& operator=(const watched_socket&) = delete;
    ~watched_socket() { let_go(); }

    void begin_to_listen()
    {
        boost::system::error_code error;
        // Should this fail, nobody watches the socket and its queries run into their timeout.
        if (!descriptor.is_open()) descriptor.assign(number, error);
    }
    /// Ends all waits and leaves the socket open, which is not ours to close.
    void stop_listening() noexcept
    {
        if (descriptor.is_open()) descriptor.release();
    }
    void let_go() noexcept
    {
        channel = nullptr;
        stop_listening();
    }
    /// Not while it is looked at now and then. It must not even be registered: with Asio each
    /// datagram would wake the loop, although nobody waits for it.
    [[nodiscard]] bool is_to_listen() const noexcept
    {
        return channel != nullptr && !(channel->is_gathering_ && is_datagram);
    }

    dns_channel* channel; // null once c-ares has closed the socket
    ares_socket_t number;
    bool is_datagram;
    asio::posix::stream_descriptor descriptor;
    bool want_read = false;
    bool want_write = false;
    bool reading = false; // a wait is under way
    bool writing = false;
};

dns_channel::dns_channel(asio::io_context& context, std::span<const endpoint> servers,
                         resolver_tries tries)
    : tries_{tries}
    , timer_{context}
    , self_{std::make_shared<dns_channel*>(this)}
    , context_{context}
    , gather_timer_{context}
{
    open();
    if (!servers.empty()) set_servers(servers);
}

dns_channel::~dns_channel()
{
    *self_ = nullptr;
}

void dns_channel::open()
{
    static const int started = ares_library_init(ARES_LIB_INIT_ALL);
    check(started, "c-ares cannot start");

    std::array<char, 2> lookups{"b"}; // DNS only, no hosts file
    ares_options options{};
    // NOCHECKRESP: otherwise SERVFAIL and REFUSED look like resolvers that are down. Not
    // STAYOPEN: a socket for ever is one source port for ever, and half of what a forger must
    // guess.
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP;
    options.timeout = static_cast<int>(tries_.time.count());
    options.tries = tries_.count;
    options.lookups = lookups.data();
    options.sock_state_cb_data = this;
    // noexcept: an exception must not pass through c-ares.
    options.sock_state_cb = [](void* self, ares_socket_t socket, int readable,
                               int writable) noexcept {
        static_cast<dns_channel*>(self)->on_socket_state(socket, readable != 0, writable != 0);
    };
    ares_channel channel = nullptr;
    check(ares_init_options(&channel, &options,
                            ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB),
          "c-ares cannot start");
    channel_.reset(channel);
    sockets_.serve(channel);
}

void dns_channel::set_servers(std::span<const endpoint> servers)
{
    std::vector<ares_addr_port_node> nodes(servers.size());
    std::ranges::transform(servers, nodes.begin(), to_node);
    for (std::size_t i = 0; i + 1 < nodes.size(); ++i)
        nodes[i].next = &nodes[i + 1];
    check(ares_set_servers_ports(channel_.get(), nodes.data()), "c-ares refuses the resolvers");
}

std::vector<endpoint> dns_channel::servers() const
{
    ares_addr_port_node* first = nullptr;
    check(ares_get_servers_ports(channel_.get(), &first), "c-ares does not tell its resolvers");
    const std::unique_ptr<ares_addr_port_node, decltype(&ares_free_data)> owner{first,
                                                                                &ares_free_data};
    std::vector<endpoint> all;
    for (const auto* node = first; node != nullptr; node = node->next)
        all.push_back(to_endpoint(*node));
    return all;
}

void dns_channel::query(const std::string& name, dns_type type, ares_callback on_answer,
                        void* argument)
{
    ares_query(channel_.get(), name.c_str(), dns_class_in, number_of(type), on_answer, argument);
    const tick now = steady_now();
    pace_.on_event(now);
    if (!is_gathering_ && pace_.is_fast(now)) begin_to_gather();
    send_later();
    arm_timer();
}

/// Together with what else is asked until then: mostly all lists about one client.
void dns_channel::send_later()
{
    if (is_send_posted_ || !sockets_.has_unsent()) return;
    asio::post(context_, [self = self_] {
        if (*self == nullptr) return;
        (*self)->is_send_posted_ = false;
        if (const auto failed = (*self)->sockets_.flush())
            (*self)->process(*failed, ARES_SOCKET_BAD);
    });
    is_send_posted_ = true; // not when there was no memory for it
}

// ── sockets ───────────────────────────────────────────────────────────────────────────────────

void dns_channel::on_socket_state(ares_socket_t socket, bool readable, bool writable)
{
    auto found = watched_.find(socket);
    if (!readable && !writable) { // c-ares closes it right after this
        if (found == watched_.end()) return;
        found->second->let_go();
        watched_.erase(found);
        return;
    }
    if (found == watched_.end())
        found = watched_.emplace(socket, std::make_shared<watched_socket>(*this, socket)).first;
    found->second->want_read = readable;
    found->second->want_write = writable;
    watch(found->second);
}

void dns_channel::watch(const std::shared_ptr<watched_socket>& socket)
{
    if (!socket->is_to_listen()) return;
    socket->begin_to_listen();
    // A wait may have been ended by stop_listening(), and be wanted again by now.
    const auto is_over = [](const boost::system::error_code& error) {
        return error && error != asio::error::operation_aborted;
    };
    if (socket->want_read && !socket->reading) {
        socket->reading = true;
        socket->descriptor.async_wait(wait_type::wait_read, [socket, is_over](const auto& error) {
            socket->reading = false;
            if (is_over(error) || socket->channel == nullptr) return;
            if (!error) socket->channel->process(socket->number, ARES_SOCKET_BAD);
            watch(socket);
        });
    }
    if (socket->want_write && !socket->writing) {
        socket->writing = true;
        socket->descriptor.async_wait(wait_type::wait_write, [socket, is_over](const auto& error) {
            socket->writing = false;
            if (is_over(error) || socket->channel == nullptr) return;
            if (!error) socket->channel->process(ARES_SOCKET_BAD, socket->number);
            watch(socket);
        });
    }
}

void dns_channel::process(ares_socket_t readable, ares_socket_t writable)
{
    sockets_.begin_read();
    do
        ares_process_fd(channel_.get(), readable, writable);
    while (sockets_.has_unread()); // c-ares stops at a datagram of a stranger
    send_later();
    arm_timer();
}

// ── many answers at once ──────────────────────────────────────────────────────────────────────

void dns_channel::begin_to_gather()
{
    is_gathering_ = true;
    for (const auto& [number, socket] : watched_)
        if (socket->is_datagram) socket->stop_listening();
    gather_later();
}

void dns_channel::gather_later()
{
    gather_timer_.expires_at(next_on_grid(steady_now() + tick_span{1}, gather_interval));
    gather_timer_.async_wait([self = self_](const boost::system::error_code& error) {
        if (!error && *self != nullptr) (*self)->gather();
    });
}

void dns_channel::gather()
{
    std::vector<ares_socket_t> numbers; // c-ares may close and open sockets meanwhile
    for (const auto& [number, socket] : watched_)
        if (socket->is_datagram) numbers.push_back(number);
    for (const auto number : numbers)
        process(number, ARES_SOCKET_BAD);
    if (pace_.is_fast(steady_now()))
        gather_later();
    else
        end_gathering();
}

void dns_channel::end_gathering()
{
    is_gathering_ = false;
    for (const auto& [number, socket] : watched_)
        watch(socket);
}

// ── time ──────────────────────────────────────────────────────────────────────────────────────

// ares_timeout() walks over all running queries, so it is asked only when the timer has fired.
// That suffices: the timer is never set further ahead than `tries_.time`, and no query that starts
// or is sent again meanwhile ends sooner than that.
void dns_channel::arm_timer()
{
    if (timer_armed_) return;
    timeval buffer{};
    const timeval* const next = ares_timeout(channel_.get(), nullptr, &buffer);
    if (next == nullptr) return; // no query is running
    // c-ares rounds down to milliseconds: one more, or we would spin through the last one.
    const auto left =
        std::chrono::seconds{next->tv_sec} + std::chrono::milliseconds{next->tv_usec / 1000 + 1};
    timer_armed_ = true;
    timer_.expires_after(std::min<milliseconds>(left, tries_.time));
    timer_.async_wait([self = self_](const boost::system::error_code& error) {
        if (error || *self == nullptr) return;
        (*self)->timer_armed_ = false;
        (*self)->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    });
}

} // namespace fendmail::io
