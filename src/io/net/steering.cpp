// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/steering.hpp"

#include "fendmail/io/net/socket_address.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace fendmail::io {

namespace {

/// Addresses of one network differ only in their last bits; the multiplication spreads them, and
/// its upper half is used.
constexpr std::uint32_t spread = 2654435761U;
constexpr unsigned upper_half = 16;

constexpr auto net = static_cast<__u32>(SKF_NET_OFF);

constexpr sock_filter code(int what, __u32 k) noexcept
{
    return {static_cast<__u16>(what), 0, 0, k};
}

/// What follows once the address is in the accumulator.
constexpr sock_filter modulo(__u32 sockets) noexcept
{
    return code(BPF_ALU | BPF_MOD | BPF_K, sockets);
}
constexpr sock_filter multiply = code(BPF_ALU | BPF_MUL | BPF_K, spread);
constexpr sock_filter halve = code(BPF_ALU | BPF_RSH | BPF_K, upper_half);
constexpr sock_filter answer = code(BPF_RET | BPF_A, 0);

template <std::size_t Steps>
bool attach(int socket, std::array<sock_filter, Steps> steps) noexcept
{
    const sock_fprog program{static_cast<unsigned short>(steps.size()), steps.data()};
    return ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) ==
           0;
}

/// All of an IPv4 address, or the first `steered_ipv6_prefix` bits of an IPv6 one, mixed, modulo
/// the number of sockets. worker_of() has to say the same. Offsets are those of the source address
/// in the IP header (RFC 791 §3.1, RFC 8200 §3).
bool attach_program(int socket, bool is_v6, __u32 sockets) noexcept
{
    if (!is_v6)
        return attach(socket, std::array{code(BPF_LD | BPF_W | BPF_ABS, net + 12), multiply, halve,
                                         modulo(sockets), answer});
    return attach(socket,
                  std::array{code(BPF_LD | BPF_W | BPF_ABS, net + 8), code(BPF_MISC | BPF_TAX, 0),
                             code(BPF_LD | BPF_H | BPF_ABS, net + 12),
                             code(BPF_ALU | BPF_XOR | BPF_X, 0), multiply, halve, modulo(sockets),
                             answer});
}

bool is_set(int socket, int level, int name) noexcept
{
    int value = 0;
    socklen_t size = sizeof(value);
    return ::getsockopt(socket, level, name, &value, &size) == 0 && value != 0;
}

/// The program for IPv6 would take other octets of an IPv4 packet for the address.
bool takes_one_family(int socket, bool is_v6) noexcept
{
    return !is_v6 || is_set(socket, IPPROTO_IPV6, IPV6_V6ONLY);
}

} // namespace

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

bool steer(std::span<const unique_fd> group) noexcept
{
    if (group.empty()) return false;
    const auto where = local_address(group.front().get());
    const bool is_group = where && std::ranges::all_of(group, [&where](const unique_fd& one) {
                              return local_address(one.get()) == where &&
                                     is_set(one.get(), SOL_SOCKET, SO_ACCEPTCONN) &&
                                     takes_one_family(one.get(), where->address.is_v6());
                          });
    if (!is_group) return false;
    return group.size() == 1 || attach_program(group.front().get(), where->address.is_v6(),
                                               static_cast<__u32>(group.size()));
}

} // namespace fendmail::io
