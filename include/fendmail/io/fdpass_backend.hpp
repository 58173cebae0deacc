// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/backend.hpp"
#include "fendmail/io/unique_fd.hpp"

#include <string>

/// Hands the client's own socket to a Postfix `pass` service.
///
/// Source: Postfix's hand-off from postscreen to smtpd: one SCM_RIGHTS message with the socket
/// and the four attributes client_address, client_port, server_address, server_port; the service
/// closes the channel when it has taken the socket.
/// Errors: see hand_off_result; ECONNRESET on the channel means that the socket was not taken.
namespace fendmail::io {

/// What a failed connect(2) to the socket of a `pass` service means, and what to do.
[[nodiscard]] std::string why_not_connected(int error_number, const std::string& path);

class fdpass_backend final : public backend {
public:
    /// @param path of the service's UNIX socket
    /// @param connect_timeout how long a full queue of the service is waited for
    /// @param greeting_timeout and idle_timeout of sessions that go on through us
    fdpass_backend(std::string name, std::string path, milliseconds connect_timeout,
                   milliseconds greeting_timeout = milliseconds{30000},
                   milliseconds idle_timeout = milliseconds{600000});

    awaitable<hand_off_result> hand_off(hand_off_request& request) override;
    /// Passes one end of a pair of sockets, with the client's address, and speaks on the other.
    awaitable<resume_result> resume(hand_off_request& request, const resume_options& what,
                                    stream& server) override;
    /// Passes one end of a pair of sockets: who takes it as a `pass` service does greets on it.
    awaitable<proof> prove(hand_off_request& request, const std::string& hostname,
                           stream& server) override;
    [[nodiscard]] milliseconds idle_limit() const noexcept override { return idle_timeout_; }
    [[nodiscard]] const std::string& name() const noexcept override { return name_; }
    [[nodiscard]] bool passes_sockets() const noexcept override { return true; }

private:
    awaitable<std::string> pass_one_end(hand_off_request& request, stream& server,
                                        unique_fd& channel) const;

    std::string name_;
    std::string path_;
    milliseconds connect_timeout_;
    milliseconds greeting_timeout_;
    milliseconds idle_timeout_;
};

/// The octets that go with the descriptor: a zero octet that carries it, then the attributes as
/// name NUL value NUL, then one NUL.
[[nodiscard]] std::string pass_attributes(const endpoint& client, const endpoint& local);

} // namespace fendmail::io
