// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/os/unique_fd.hpp"

#include <cstddef>
#include <span>
#include <vector>

/// Open descriptors for another process, over a UNIX socket.
///
/// Source: unix(7), SCM_RIGHTS; each message has one octet of data besides.
/// Units: at most `descriptors_of_message` in one message; the kernel takes 253.
/// Memory: a buffer for one message on the stack.
/// Errors: errno as a value; what was received before stays with the caller.
/// Threads: any.
namespace fendmail::io {

inline constexpr std::size_t descriptors_of_message = 64;

/// @pre descriptors.size() <= descriptors_of_message
/// @return 0, or errno: EAGAIN when a non-blocking socket takes no message now
[[nodiscard]] int send_descriptors(int socket, std::span<const unique_fd> descriptors) noexcept;

/// Receives one message, and appends what came with it; each is closed when a program is executed.
/// @return 0, or errno; ECONNRESET at the end of the stream, EBADMSG when some did not fit
[[nodiscard]] int receive_descriptors(int socket, std::vector<unique_fd>& to);

} // namespace fendmail::io
