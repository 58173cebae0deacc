// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <span>

/// Which of the sockets that listen on one address gets a client: decided by the client's address,
/// so that one client always meets the same worker. Its limit is exact then, and its lookups are
/// shared without a lock.
///
/// Source: socket(7), SO_REUSEPORT and SO_ATTACH_REUSEPORT_CBPF: a classic BPF program of the group
/// returns the index of a socket. The kernel numbers the sockets of a group in the order in which
/// they began to listen; when one is closed, the last one takes its place
/// (net/core/sock_reuseport.c).
/// Memory: none of ours; the program belongs to the group and goes with its last socket.
/// Errors: see steer().
/// Threads: values only; steer() before the sockets are accepted from.
namespace fendmail::io {

/// Two IPv6 addresses that begin with the same so many bits meet the same worker: they may be one
/// client, whose sessions are counted together.
inline constexpr unsigned steered_ipv6_prefix = 48;

/// The index of the socket that a client is brought to, of so many. For a client whose address
/// comes from a PROXY header it tells the worker that has the other sessions of this client.
[[nodiscard]] unsigned worker_of(const ip_address& client, unsigned workers) noexcept;

/// Makes the kernel bring each client to `group[worker_of(client, group.size())]`. For sockets of
/// any origin: bound here, inherited, or passed by a service manager.
/// @param group all sockets that listen on one address, in the order in which they began to listen
/// @return false when the kernel refuses, or when these are not listening sockets of one address
/// and of one family (IPV6_V6ONLY): then clients are shared out as before. True without a program
/// for a group of one.
[[nodiscard]] bool steer(std::span<const unique_fd> group) noexcept;

} // namespace fendmail::io
