// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

/// Which program listens on a TCP port of this machine, for error messages.
///
/// Source: proc(5): /proc/net/tcp and tcp6 have the inode of each socket, /proc/PID/fd its owner.
/// Errors: none; nothing is known of other users' programs without root.
/// Units: ports in host order.
namespace fendmail::io {

struct port_holder {
    std::string program; ///< its name, cut at 15 octets by the kernel
    int pid = 0;
};

[[nodiscard]] std::optional<port_holder> find_port_holder(std::uint16_t port);

} // namespace fendmail::io
