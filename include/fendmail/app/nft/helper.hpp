// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// fendmail-nft: keeps fendmail's bans in the kernel's packet filter. It alone has CAP_NET_ADMIN.
///
/// It asks fendmail over a UNIX socket for its bans, and follows their changes. It can do no more
/// than to keep clients from the ports of its own command line: which these are fendmail cannot
/// say, so that it cannot keep anything else from this host either.
/// Without fendmail it goes on for ten minutes and then lets all clients through again; when it
/// ends it takes its table away. What it cannot do fendmail does for itself.
/// Errors: told on stderr, and to fendmail; tried again.
/// Threads: one.
namespace fendmail::app {

struct nft_options {
    static constexpr int ports_max = 64;

    std::string socket;               ///< of fendmail: bans.kernel_socket
    std::vector<std::uint16_t> ports; ///< not empty
    std::uint32_t size = 0;           ///< clients of each family that the kernel takes; not 0
};

/// Until SIGTERM or SIGINT. @return the exit code
int run_nft_helper(const nft_options& options);

} // namespace fendmail::app
