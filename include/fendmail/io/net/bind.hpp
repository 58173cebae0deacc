// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <vector>

/// Listening sockets: bound while the process may still take low ports, one for each worker, or
/// taken over from a service manager, which has bound them.
///
/// Source: bind(2), listen(2); SO_REUSEPORT (socket(7)) gives each worker a queue of its own.
/// Memory: descriptors, owned by the caller.
/// Errors: std::runtime_error with the address and what to do.
/// Threads: main thread, before any worker runs.
namespace fendmail::io {

/// The sockets of one address, one for each worker, in the group order of io/net/steering.
struct bound_address {
    endpoint where;                 ///< with the port the kernel chose, if 0 was asked for
    std::vector<unique_fd> sockets; ///< adopted ones may be more than there are workers
    bool is_steered = true;         ///< false: the kernel shares clients out at random
};

/// True when this kernel was built or started without the address's family.
[[nodiscard]] bool is_family_missing(const endpoint& where) noexcept;

[[nodiscard]] std::vector<bound_address> bind_all(const std::vector<endpoint>& wanted,
                                                  unsigned workers);

/// Sockets that listen already, in the order in which they began to. As many of one address as
/// there are workers are each worker's own queue, steered if they were opened with SO_REUSEPORT.
/// With fewer, workers share them: whichever is awake first gets a client, so nothing is steered.
[[nodiscard]] std::vector<bound_address> adopt_all(std::vector<unique_fd> listening,
                                                   unsigned workers);

} // namespace fendmail::io
