// SPDX-License-Identifier: Apache-2.0
#include "dns_sockets.hpp"

#include "fendmail/io/clock.hpp"
#include "fendmail/io/unique_fd.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fendmail::io {
namespace {

constexpr int receive_buffer = 1 << 20;

dns_sockets& self(void* data) noexcept
{
    return *static_cast<dns_sockets*>(data);
}

bool is_same(const sockaddr_in6& a, const sockaddr* b, socklen_t size) noexcept
{
    return size <= sizeof a && std::memcmp(&a, b, size) == 0;
}

ares_socket_t new_socket(int family, int type) noexcept
{
    const auto socket = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    // As much as the kernel allows: answers may wait here until they are gathered.
    if (socket != ARES_SOCKET_BAD && type == SOCK_DGRAM)
        setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    return socket;
}

/// The kernel has no room now: the datagram is lost as it might be on the way.
bool is_loss(int number) noexcept
{
    return number == EAGAIN || number == EWOULDBLOCK || number == ENOBUFS || number == EINTR;
}

} // namespace

const ares_socket_functions dns_sockets::functions{
    .asocket = [](int family, int type, int /*protocol*/,
                  void* data) { return self(data).open(family, type); },
    .aclose = [](ares_socket_t socket, void* data) { return self(data).close(socket); },
    .aconnect = [](ares_socket_t socket, const sockaddr* to, ares_socklen_t size,
                   void* data) { return self(data).connect(socket, to, size); },
    .arecvfrom =
        [](ares_socket_t socket, void* to, size_t room, int /*flags*/, sockaddr* sender,
           ares_socklen_t* sender_size,
           void* data) { return self(data).receive(socket, to, room, sender, sender_size); },
    .asendv = [](ares_socket_t socket, const iovec* parts, int count,
                 void* data) { return self(data).send(socket, parts, count); },
};

dns_sockets::dns_sockets()
    : received_{std::make_unique<received_datagrams>()}
{
}

dns_sockets::~dns_sockets()
{
    if (latest_.is_kept) really_close(latest_.number);
}

void dns_sockets::serve(ares_channel channel) noexcept
{
    ares_set_socket_functions(channel, &functions, this);
}

bool dns_sockets::may_be_reused() const noexcept
{
    return latest_.number != ARES_SOCKET_BAD && steady_now() - latest_.opened < reuse_time;
}

ares_socket_t dns_sockets::open(int family, int type) noexcept
{
    if (type != SOCK_DGRAM) {
        const auto socket = new_socket(family, type);
        const int on = 1; // a query is one small segment, for which somebody waits
        if (socket != ARES_SOCKET_BAD) setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return socket;
    }
    if (latest_.is_kept) {
        latest_.is_kept = false;
        if (latest_.peer.sin6_family == family && may_be_reused()) return latest_.number;
        really_close(latest_.number);
    }
    const auto socket = new_socket(family, type);
    if (socket == ARES_SOCKET_BAD) return socket;
    datagram_sockets_.push_back(socket);
    latest_ = {.number = socket, .opened = steady_now()};
    return socket;
}

int dns_sockets::connect(ares_socket_t socket, const sockaddr* to, socklen_t size) noexcept
{
    if (socket != latest_.number) return ::connect(socket, to, size);
    if (is_same(latest_.peer, to, size)) return 0;
    if (latest_.peer.sin6_family != 0) {
        // c-ares says only now to whom: another socket under the number that it has been given.
        const unique_fd fresh{new_socket(to->sa_family, SOCK_DGRAM)};
        if (dup3(fresh.get(), socket, O_CLOEXEC) < 0) return -1;
        latest_.opened = steady_now();
    }
    latest_.peer = {};
    if (::connect(socket, to, size) != 0) return -1;
    std::memcpy(&latest_.peer, to, std::min<std::size_t>(size, sizeof latest_.peer));
    return 0;
}

int dns_sockets::close(ares_socket_t socket) noexcept
{
    std::erase_if(unsent_, [&](const unsent_datagram& one) { return one.socket == socket; });
    if (failed_.socket == socket) failed_ = {};
    if (received_->from == socket) received_->forget();
    if (socket == latest_.number && may_be_reused())
        latest_.is_kept = true;
    else
        really_close(socket);
    return 0;
}

void dns_sockets::really_close(ares_socket_t socket) noexcept
{
    std::erase(datagram_sockets_, socket);
    if (latest_.number == socket) latest_ = {};
    ::close(socket);
}

// ── out ───────────────────────────────────────────────────────────────────────────────────────

ssize_t dns_sockets::send(ares_socket_t socket, const iovec* parts, int count) noexcept
{
    if (!is_datagram(socket)) {
        msghdr message{};
        message.msg_iov = const_cast<iovec*>(parts);
        message.msg_iovlen = static_cast<std::size_t>(count);
        return sendmsg(socket, &message, MSG_NOSIGNAL);
    }
    const std::size_t begin = unsent_octets_.size();
    for (const iovec* part = parts; part != parts + count; ++part) {
        const auto* const octets = static_cast<const std::uint8_t*>(part->iov_base);
        unsent_octets_.insert(unsent_octets_.end(), octets, octets + part->iov_len);
    }
    const std::size_t size = unsent_octets_.size() - begin;
    unsent_.push_back({socket, begin, size});
    return static_cast<ssize_t>(size);
}

std::optional<ares_socket_t> dns_sockets::flush() noexcept
{
    for (std::size_t first = 0; first < unsent_.size();)
        first += send_some(first);
    unsent_.clear();
    unsent_octets_.clear();
    if (failed_.socket == ARES_SOCKET_BAD) return std::nullopt;
    return failed_.socket;
}

/// @return how many are done with, at least one
std::size_t dns_sockets::send_some(std::size_t first) noexcept
{
    const auto socket = unsent_[first].socket;
    std::array<iovec, datagrams> parts{};
    std::array<mmsghdr, datagrams> messages{};
    unsigned count = 0;
    for (std::size_t i = first; i < unsent_.size() && count < datagrams; ++i, ++count) {
        if (unsent_[i].socket != socket) break;
        parts[count] = {unsent_octets_.data() + unsent_[i].begin, unsent_[i].size};
        messages[count].msg_hdr.msg_iov = &parts[count];
        messages[count].msg_hdr.msg_iovlen = 1;
    }
    const int sent = sendmmsg(socket, messages.data(), count, MSG_NOSIGNAL);
    if (sent > 0) return static_cast<std::size_t>(sent);
    if (!is_loss(errno)) failed_ = {socket, errno};
    return 1;
}

// ── in ────────────────────────────────────────────────────────────────────────────────────────

ssize_t dns_sockets::receive(ares_socket_t socket, void* to, std::size_t room, sockaddr* sender,
                             socklen_t* sender_size) noexcept
{
    if (!is_datagram(socket)) return ::recv(socket, to, room, 0);
    if (failed_.socket == socket) {
        errno = failed_.number;
        failed_ = {};
        if (latest_.number == socket) latest_ = {}; // not to be kept
        return -1;
    }
    auto& in = *received_;
    if (in.from != socket || (!has_unread() && !in.is_all)) {
        if (!fetch(socket)) return -1;
    }
    if (!has_unread()) {
        errno = EAGAIN;
        return -1;
    }
    const std::size_t at = in.next++;
    const std::size_t size = std::min(in.sizes[at], room);
    std::memcpy(to, in.octets[at].data(), size);
    if (sender != nullptr) std::memcpy(sender, &in.senders[at], *sender_size);
    return static_cast<ssize_t>(size);
}

bool dns_sockets::fetch(ares_socket_t socket) noexcept
{
    auto& in = *received_;
    in.forget();
    std::array<iovec, datagrams> parts{};
    std::array<mmsghdr, datagrams> messages{};
    for (std::size_t i = 0; i < datagrams; ++i) {
        parts[i] = {in.octets[i].data(), in.octets[i].size()};
        auto& header = messages[i].msg_hdr;
        header.msg_name = &in.senders[i];
        header.msg_namelen = sizeof in.senders[i];
        header.msg_iov = &parts[i];
        header.msg_iovlen = 1;
    }
    const int count = recvmmsg(socket, messages.data(), datagrams, MSG_DONTWAIT, nullptr);
    if (count < 0) {
        if (!is_loss(errno) && latest_.number == socket) latest_ = {}; // not to be kept
        return false;
    }
    in.from = socket;
    in.count = static_cast<std::size_t>(count);
    in.is_all = in.count < datagrams;
    for (std::size_t i = 0; i < in.count; ++i)
        in.sizes[i] = messages[i].msg_len;
    return true;
}

} // namespace fendmail::io
