// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/admin/http.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <string>
#include <string_view>
#include <vector>

/// The running fendmail that this process takes over from: it gives its listening sockets, queues
/// and all, so that no connection is refused or reset, and goes on alone if this process fails.
///
/// Over the admin's UNIX socket: `POST /api/v1/takeover`, whose answer says which sockets come;
/// then the descriptors, in the order of the answer; then this process says "ready PID" or "failed
/// TEXT", and the predecessor stops accepting and says "yours".
///
/// Source: sock_reuseport(2) groups keep their order and their program while one socket of them is
/// open, in whatever process.
/// Units: ten seconds for each step of the predecessor.
/// Memory: the descriptors.
/// Errors: std::runtime_error with what to do, until tell_ready(); from there on this process
/// serves whatever happens to the other.
/// Threads: the main thread, which it blocks.
namespace fendmail::app {

/// What the predecessor's configuration had in server.listen, and the sockets for it in the order
/// of its workers.
struct inherited_address {
    endpoint wanted;
    std::vector<io::unique_fd> sockets;
};

class predecessor {
public:
    /// @param socket its admin socket
    explicit predecessor(const std::string& socket);

    std::vector<inherited_address> addresses;
    std::vector<admin_socket> admin;
    bool are_passed = false; ///< a service manager opened them, whatever the configuration says

    /// This process serves. Returns when the predecessor accepts no more, or is gone.
    void tell_ready() noexcept;
    /// It does not, and why.
    void tell_failed(std::string_view why) noexcept;

private:
    io::unique_fd connection_;
};

/// What a predecessor says in front of its sockets.
[[nodiscard]] std::string takeover_answer(const std::vector<inherited_address>& addresses,
                                          const std::vector<listen_address>& admin,
                                          bool are_passed);

} // namespace fendmail::app
