// SPDX-License-Identifier: Apache-2.0
#include "channel.hpp"

#include <array>
#include <cerrno>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fendmail::io {

namespace {

constexpr int answer_time_limit_ms = 5000;
/// Of one datagram of the kernel's; it makes them no larger than this for a reader with so much
/// room.
constexpr std::size_t room_octets = std::size_t{64} << 10;
constexpr int buffer_octets = 1 << 20;
/// Answers of one dump: more would be one without end.
constexpr std::size_t datagrams_max = 100'000;

std::error_code failure(int number) noexcept
{
    return {number, std::generic_category()};
}

/// 0, or what the kernel says in an NLMSG_ERROR.
int error_in(const nlmsghdr* message) noexcept
{
    if (mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) return EPROTO;
    return -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
}

} // namespace

std::error_code ban_sets::channel::open()
{
    room_.resize(room_octets);
    socket_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    if (!socket_) return failure(errno);
    sockaddr_nl own{};
    own.nl_family = AF_NETLINK;
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)
        return failure(errno);
    // A transaction of some 70 KB is sent as one message, and an error must not carry it back.
    const int yes = 1;
    for (const int which : {SO_SNDBUFFORCE, SO_RCVBUFFORCE})
        (void)::setsockopt(socket_.get(), SOL_SOCKET, which, &buffer_octets, sizeof buffer_octets);
    (void)::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &yes, sizeof yes);
    return {};
}

std::error_code ban_sets::channel::send(std::span<const char> what)
{
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    while (::sendto(socket_.get(), what.data(), what.size(), 0,
                    reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0)
        if (errno != EINTR) return failure(errno);
    return {};
}

std::error_code ban_sets::channel::receive(std::size_t& octets, bool waits)
{
    octets = 0;
    pollfd readable{socket_.get(), POLLIN, 0};
    int found = 0;
    do
        found = ::poll(&readable, 1, waits ? answer_time_limit_ms : 0);
    while (found < 0 && errno == EINTR);
    if (found < 0) return failure(errno);
    if (found == 0) return failure(waits ? ETIMEDOUT : EAGAIN);
    sockaddr_nl from{};
    socklen_t from_octets = sizeof from;
    const auto got = ::recvfrom(socket_.get(), room_.data(), room_.size(), MSG_TRUNC,
                                reinterpret_cast<sockaddr*>(&from), &from_octets);
    if (got < 0) return failure(errno);
    if (static_cast<std::size_t>(got) > room_.size()) return failure(EMSGSIZE);
    // Other processes can send to this socket as well.
    if (from.nl_pid == 0) octets = static_cast<std::size_t>(got);
    return {};
}

/// What is left of answers that came too late.
std::error_code ban_sets::channel::drain()
{
    std::size_t octets = 0;
    std::error_code error;
    for (std::size_t i = 0; i < datagrams_max && !error; ++i)
        error = receive(octets, false);
    return error == std::errc::resource_unavailable_try_again ? std::error_code{} : error;
}

std::error_code ban_sets::channel::run(nft::batch& what)
{
    if (const auto error = drain(); error == std::errc::bad_file_descriptor) return error;
    const auto message = what.finish();
    const auto first = reinterpret_cast<const nlmsghdr*>(message.data())->nlmsg_seq;
    const auto last = what.last_sequence();
    sequence_ = last + 1;
    if (const auto error = send(message)) return error;
    int number = 0;
    // An answer to the last message always comes, unless the kernel looked at none of them: then
    // one to the first.
    for (bool is_over = false; !is_over;) {
        std::size_t octets = 0;
        if (const auto error = receive(octets, true)) return error;
        int left = static_cast<int>(octets);
        for (const auto* at = reinterpret_cast<const nlmsghdr*>(room_.data());
             mnl_nlmsg_ok(at, left); at = mnl_nlmsg_next(at, &left)) {
            if (at->nlmsg_type != NLMSG_ERROR || at->nlmsg_seq < first || at->nlmsg_seq > last)
                continue;
            if (number == 0) number = error_in(at);
            is_over = is_over || at->nlmsg_seq == last || at->nlmsg_seq == first;
        }
    }
    return number == 0 ? std::error_code{} : failure(number);
}

std::error_code ban_sets::channel::ask(unsigned type, bool is_dump,
                                       const std::function<void(nlmsghdr*)>& fill,
                                       const reader& see)
{
    if (const auto error = drain(); error == std::errc::bad_file_descriptor) return error;
    alignas(nlmsghdr) std::array<char, 512> question{};
    auto* const head = mnl_nlmsg_put_header(question.data());
    head->nlmsg_type = static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8U) | type);
    head->nlmsg_flags =
        static_cast<std::uint16_t>(NLM_F_REQUEST | (is_dump ? NLM_F_DUMP : NLM_F_ACK));
    head->nlmsg_seq = next_sequence();
    auto* const about = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(head, sizeof(nfgenmsg)));
    about->nfgen_family = NFPROTO_INET;
    about->version = NFNETLINK_V0;
    fill(head);
    if (const auto error = send({question.data(), head->nlmsg_len})) return error;
    for (std::size_t i = 0; i < datagrams_max; ++i) {
        std::size_t octets = 0;
        if (const auto error = receive(octets, true)) return error;
        int left = static_cast<int>(octets);
        for (const auto* at = reinterpret_cast<const nlmsghdr*>(room_.data());
             mnl_nlmsg_ok(at, left); at = mnl_nlmsg_next(at, &left)) {
            if (at->nlmsg_seq != head->nlmsg_seq) continue;
            // What was changed meanwhile may be missing from a dump.
            if ((at->nlmsg_flags & NLM_F_DUMP_INTR) != 0) return failure(EINTR);
            if (at->nlmsg_type == NLMSG_DONE) return {};
            if (at->nlmsg_type == NLMSG_ERROR) {
                const int number = error_in(at);
                return number == 0 ? std::error_code{} : failure(number);
            }
            see(at);
        }
    }
    return failure(EPROTO);
}

} // namespace fendmail::io
