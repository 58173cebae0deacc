// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"
#include "fendmail/io/backend/backend_address.hpp"
#include "fendmail/io/backend/connector.hpp"

#include <cstdint>
#include <memory>
#include <string>

/// The kinds of connector. Nothing of the client reaches a backend before its whole 220 greeting
/// was read, and nothing at all after a failed introduction: the session would run with our own,
/// usually trusted, address.
///
/// Source and errors: see connector.
namespace fendmail::io {

struct connector_options {
    std::string name;                       ///< the address as configured
    std::shared_ptr<backend_address> tcp{}; ///< when `unix_path` is empty
    std::string unix_path{};
    std::string hostname{}; ///< ours
    milliseconds connect_timeout{5000};
    milliseconds greeting_timeout{30000};
    milliseconds idle_timeout{600000};
};

/// Gives the client's own socket to a Postfix `pass` service, see pass_service; where the session
/// goes on through us, one end of a pair of sockets. `connect_timeout` is how long a full queue of
/// the service is waited for.
[[nodiscard]] std::unique_ptr<connector> make_pass_connector(const connector_options& options);

enum class proxy_version : std::uint8_t { v1, v2 };
/// Connects over TCP or a UNIX socket, and says a PROXY header first.
[[nodiscard]] std::unique_ptr<connector> make_proxy_connector(const connector_options& options,
                                                              proxy_version version);
/// Connects over TCP or a UNIX socket, and says XCLIENT behind the first greeting.
[[nodiscard]] std::unique_ptr<connector> make_xclient_connector(const connector_options& options);
/// Connects over TCP or a UNIX socket. The backend is told nothing.
[[nodiscard]] std::unique_ptr<connector> make_plain_connector(const connector_options& options);

} // namespace fendmail::io
