// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <string>
#include <string_view>

/// What is said to a Postfix `pass` service, and what its failures mean.
///
/// Source: Postfix's hand-off from postscreen to smtpd: one SCM_RIGHTS message with the socket
/// and the four attributes client_address, client_port, server_address, server_port; the service
/// closes the channel when it has taken the socket. ECONNRESET on the channel means that the
/// socket was not taken.
/// Errors: as the errno.
/// Threads: any.
namespace fendmail::io {

/// What a failed connect(2) to the socket of a `pass` service means, and what to do.
[[nodiscard]] std::string why_not_connected(int error_number, const std::string& path);

/// The octets that go with the descriptor: a zero octet that carries it, then the attributes as
/// name NUL value NUL, then one NUL.
[[nodiscard]] std::string pass_attributes(const endpoint& client, const endpoint& local);

/// One message, so that the service is never left waiting for a second half.
/// @return 0, or the errno
[[nodiscard]] int send_descriptor(int channel, int descriptor, std::string_view octets) noexcept;

} // namespace fendmail::io
