// SPDX-License-Identifier: Apache-2.0
#include "ports.hpp"

#include "fendmail/io/net/socket_address.hpp"
#include "fendmail/io/os/clock.hpp"
#include "question.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <sys/uio.h>

namespace fendmail::io {
namespace {

namespace asio = boost::asio;

constexpr int receive_buffer = 1 << 20;
// Without EDNS an answer has at most 512 octets (RFC 1035 §4.2.1); more is asked for by TCP.
constexpr std::size_t datagram_octets = 640;
constexpr std::size_t datagrams = 32;

unique_fd new_socket(const server_address& to)
{
    unique_fd socket{::socket(to.data()->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) return socket;
    // As much as the kernel allows; more where we may.
    if (setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer,
                   sizeof receive_buffer) != 0)
        setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const int on = 1;
    setsockopt(socket.get(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    return socket;
}

/// The kernel has no room now: the datagram is lost as it might be on the way.
bool is_loss(int number) noexcept
{
    return number == EAGAIN || number == EWOULDBLOCK || number == ENOBUFS || number == EINTR;
}

/// What recvmmsg() fills, for one call at a time of any port of the thread.
struct received_datagrams {
    std::array<std::array<std::uint8_t, datagram_octets>, datagrams> octets;
    std::array<std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint32_t))>, datagrams> control;
    std::array<iovec, datagrams> parts;
    std::array<mmsghdr, datagrams> messages;

    void prepare() noexcept
    {
        for (std::size_t i = 0; i < datagrams; ++i) {
            parts[i] = {octets[i].data(), octets[i].size()};
            messages[i] = {};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_control = control[i].data();
            messages[i].msg_hdr.msg_controllen = control[i].size();
        }
    }
};

received_datagrams& receive_room()
{
    thread_local const auto room = std::make_unique<received_datagrams>();
    return *room;
}

/// What the kernel has dropped of a socket so far; none where it has dropped nothing.
std::uint32_t drops_of(msghdr& message) noexcept
{
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SO_RXQ_OVFL) continue;
        std::uint32_t drops = 0;
        std::memcpy(&drops, CMSG_DATA(one), sizeof drops);
        return drops;
    }
    return 0;
}

} // namespace

struct dns_ports::port {
    struct sent_question {
        dns::attempt_id as;
        std::uint32_t letters;
        std::uint16_t id;
    };

    port(asio::io_context& context, unique_fd connected, tick now)
        : socket{std::move(connected)}
        , watched{context}
        , opened{now}
    {
    }
    port(const port&) = delete;
    port& operator=(const port&) = delete;
    ~port() { unwatch(); }

    void unwatch() noexcept
    {
        if (watched.is_open()) watched.release();
    }
    [[nodiscard]] bool is_usable(tick now) const noexcept
    {
        return count < questions_max && now - opened < age_max;
    }
    [[nodiscard]] bool has_id(std::uint16_t id) const noexcept
    {
        return std::any_of(sent.begin(), sent.begin() + count,
                           [id](const sent_question& one) { return one.id == id; });
    }
    [[nodiscard]] const sent_question* find(std::uint16_t id) const noexcept
    {
        const auto end = sent.begin() + count;
        const auto found =
            std::find_if(sent.begin(), end, [id](const auto& one) { return one.id == id; });
        return found == end ? nullptr : &*found;
    }

    unique_fd socket;
    asio::posix::basic_stream_descriptor<asio::io_context::executor_type> watched;
    tick opened;
    std::uint32_t drops = 0;
    std::uint8_t count = 0;
    bool is_waiting = false; // a wait is under way
    std::array<sent_question, questions_max> sent;
};

dns_ports::dns_ports(asio::io_context& context, const dns::name_server& server, std::size_t index,
                     dns_port_user& user)
    : context_{context}
    , server_{server}
    , index_{index}
    , user_{user}
    , self_{std::make_shared<dns_ports*>(this)}
{
}

dns_ports::~dns_ports()
{
    *self_ = nullptr;
    for (const auto& one : ports_)
        one->unwatch();
}

// ── ports ─────────────────────────────────────────────────────────────────────────────────────

/// One of those in use, at random; a new one where that is used up.
dns_ports::port* dns_ports::port_for_batch()
{
    const tick now = steady_now();
    if (batch_ != nullptr && batch_->count < questions_max) return batch_;
    auto& place = active_[arc4random_uniform(active)];
    if (const auto old = place.lock(); old && old->is_usable(now)) return batch_ = old.get();
    if (const auto fresh = open()) {
        place = fresh;
        return batch_ = fresh.get();
    }
    // No descriptor is to be had: an old port is better than none.
    const auto any =
        std::ranges::find_if(ports_, [](const auto& one) { return one->count < questions_max; });
    return batch_ = any == ports_.end() ? nullptr : any->get();
}

std::shared_ptr<dns_ports::port> dns_ports::open()
{
    make_room();
    // Each time anew: an interface that goes and comes has another number.
    const auto to = to_socket(server_);
    if (!to) {
        user_.on_refused(index_);
        return nullptr;
    }
    auto socket = new_socket(*to);
    if (!socket) return nullptr;
    if (::connect(socket.get(), to->data(), static_cast<socklen_t>(to->size())) != 0) {
        if (!is_loss(errno)) user_.on_refused(index_);
        return nullptr;
    }
    auto fresh = std::make_shared<port>(context_, std::move(socket), steady_now());
    ports_.push_back(fresh);
    if (is_watching_) listen(fresh);
    return fresh;
}

/// What is still awaited on the oldest port is asked again from another.
void dns_ports::make_room()
{
    if (ports_.size() < ports_max) return;
    sweep();
    if (ports_.size() < ports_max) return;
    const auto oldest = std::ranges::find_if(ports_, [this](const auto& one) {
        return std::ranges::none_of(unsent_, [&](const auto& u) { return u.from == one.get(); });
    });
    if (oldest == ports_.end()) return;
    (*oldest)->unwatch();
    ports_.erase(oldest);
}

/// Closes ports on which nothing is awaited any more.
void dns_ports::sweep()
{
    const tick now = steady_now();
    std::erase_if(ports_, [&](const std::shared_ptr<port>& one) {
        if (one->is_usable(now) || one.get() == batch_) return false;
        if (is_awaited(*one)) return false;
        one->unwatch();
        return true;
    });
}

bool dns_ports::is_awaited(const port& of) const noexcept
{
    return std::any_of(of.sent.begin(), of.sent.begin() + of.count,
                       [this](const auto& one) { return user_.is_awaited(one.as); });
}

void dns_ports::watch(bool on)
{
    if (on == is_watching_) return;
    is_watching_ = on;
    for (const auto& one : ports_) {
        if (on)
            listen(one);
        else
            one->unwatch();
    }
}

void dns_ports::listen(const std::shared_ptr<port>& at)
{
    if (at->is_waiting) return;
    boost::system::error_code failed;
    if (!at->watched.is_open()) at->watched.assign(at->socket.get(), failed);
    if (failed) return; // its questions are lost, and asked again from another port
    at->is_waiting = true;
    at->watched.async_wait(
        asio::posix::descriptor_base::wait_read, [at, self = self_](const auto& error) {
            at->is_waiting = false;
            if (*self == nullptr) return;
            dns_ports& all = **self;
            const bool is_ours = std::ranges::find(all.ports_, at) != all.ports_.end();
            if (!is_ours || !all.is_watching_) return;
            if (!error) {
                while (all.read_some(*at)) {
                }
                all.sweep();
                all.user_.on_readable(all.index_);
            }
            if (*self == nullptr || !all.is_watching_) return;
            // A wait that watch(false) has ended may be wanted again by now.
            if (std::ranges::find(all.ports_, at) != all.ports_.end()) all.listen(at);
        });
}

// ── out ───────────────────────────────────────────────────────────────────────────────────────

void dns_ports::send(std::span<const std::uint8_t> message, std::uint32_t letters,
                     dns::attempt_id as)
{
    port* const from = port_for_batch();
    if (from == nullptr) return; // lost
    std::uint16_t id = 0;
    do
        id = static_cast<std::uint16_t>(arc4random());
    while (from->has_id(id));
    from->sent[from->count++] = {as, letters, id};
    const std::size_t begin = unsent_octets_.size();
    append_question(message, id, letters, unsent_octets_);
    unsent_.push_back({from, begin, unsent_octets_.size() - begin});
}

void dns_ports::flush()
{
    for (std::size_t first = 0; first < unsent_.size();)
        first += send_some(first);
    unsent_.clear();
    unsent_octets_.clear();
    batch_ = nullptr;
}

/// @return how many are done with, at least one
std::size_t dns_ports::send_some(std::size_t first)
{
    port* const from = unsent_[first].from;
    std::array<iovec, datagrams> parts{};
    std::array<mmsghdr, datagrams> messages{};
    unsigned count = 0;
    for (std::size_t i = first; i < unsent_.size() && count < datagrams; ++i, ++count) {
        if (unsent_[i].from != from) break;
        parts[count] = {unsent_octets_.data() + unsent_[i].begin, unsent_[i].size};
        messages[count].msg_hdr.msg_iov = &parts[count];
        messages[count].msg_hdr.msg_iovlen = 1;
    }
    const int sent = sendmmsg(from->socket.get(), messages.data(), count, MSG_NOSIGNAL);
    if (sent > 0) return static_cast<std::size_t>(sent);
    if (!is_loss(errno)) user_.on_refused(index_);
    return 1;
}

// ── in ────────────────────────────────────────────────────────────────────────────────────────

void dns_ports::read()
{
    for (const auto& one : ports_) {
        // What is not awaited may stay where it is, but not where it would wake the loop for ever.
        if (!is_watching_ && !is_awaited(*one)) continue;
        while (read_some(*one)) {
        }
    }
    sweep();
}

/// @return true when there may be more
bool dns_ports::read_some(port& from)
{
    auto& room = receive_room();
    room.prepare();
    const int count =
        recvmmsg(from.socket.get(), room.messages.data(), datagrams, MSG_DONTWAIT, nullptr);
    if (count < 0) {
        if (errno == EINTR) return true;
        if (!is_loss(errno)) user_.on_refused(index_);
        return false;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        const auto drops = drops_of(room.messages[i].msg_hdr);
        if (drops > from.drops) {
            dropped_ += drops - from.drops;
            from.drops = drops;
        }
        const std::span<const std::uint8_t> octets{room.octets[i].data(), room.messages[i].msg_len};
        const auto id = message_id(octets);
        const auto* const question = id ? from.find(*id) : nullptr;
        if (question != nullptr) user_.on_datagram(question->as, question->letters, octets);
    }
    return static_cast<std::size_t>(count) == datagrams;
}

} // namespace fendmail::io
